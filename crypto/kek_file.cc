#include "crypto/kek_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "crypto/key_bytes.h"
#include "crypto/key_io.h"

namespace commander::crypto {
namespace {

namespace fs = std::filesystem;

std::string Hex(const StoreId& store) {
  const std::string bytes = ToString(store);
  return absl::BytesToHexString(bytes);
}

fs::path ConfigurationDirectory() {
  const char* const configured = std::getenv("XDG_CONFIG_HOME");
  if (configured != nullptr && *configured == '/') return configured;
  const char* const home = std::getenv("HOME");
  return fs::path(home == nullptr ? "/" : home) / ".config";
}

bool IsBelow(const fs::path& path, const fs::path& directory) {
  std::error_code error;
  const fs::path inner = fs::weakly_canonical(path, error);
  const fs::path outer = fs::weakly_canonical(directory, error);
  const fs::path relative = inner.lexically_relative(outer);
  return !relative.empty() && *relative.begin() != "..";
}

// Each of them that is made is synced into its parent.
absl::Status MakeDirectories(const fs::path& directory) {
  std::error_code error;
  if (directory.empty() || fs::exists(directory, error)) return absl::OkStatus();
  COMMANDER_RETURN_IF_ERROR(MakeDirectories(directory.parent_path()));
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return FileError("KEK_UNWRITABLE: cannot create", directory, errno);
  }
  const fs::path parent = directory.parent_path();
  return SyncPath(parent.empty() ? "." : parent);
}

class KekFile : public KekProvider {
 public:
  explicit KekFile(KekFileOptions options) : options_(std::move(options)) {}

  std::string Where(const StoreId& store) const override { return Path(store).string(); }
  absl::Status Load(const StoreId& store, std::span<std::uint8_t, kKekBytes> kek) override;
  absl::Status Create(const StoreId& store, std::span<const std::uint8_t, kKekBytes> kek) override;

 private:
  fs::path Path(const StoreId& store) const {
    if (options_.path.has_value()) return *options_.path;
    return ConfigurationDirectory() / "commander" / (Hex(store) + ".kek");
  }
  void Warn(std::string message) const {
    if (options_.sink) options_.sink({LogLevel::kWarning, "crypto", std::move(message), {}});
  }
  void WarnOfPlace(const fs::path& path) const {
    if (options_.data_directory.empty() || !IsBelow(path, options_.data_directory)) return;
    Warn(absl::StrCat("the key file ", path.string(), " lies below the data directory ",
                      options_.data_directory.string(),
                      ": whoever copies the data has its key, too; move it elsewhere"));
  }

  const KekFileOptions options_;
};

// Written before it is linked to its name.
fs::path DraftOf(fs::path path) { return path += ".new"; }

absl::Status Unreadable(const fs::path& path) {
  return absl::PermissionDeniedError(absl::StrCat("KEK_UNREADABLE: ", path.string(),
                                                  " may not be read by this user; give it mode "
                                                  "0600 and the engine's user as its owner"));
}

absl::Status KekFile::Load(const StoreId& store, std::span<std::uint8_t, kKekBytes> kek) {
  const fs::path path = Path(store);
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) {
    if (errno == EACCES) return Unreadable(path);
    if (errno != ENOENT && errno != ENOTDIR) return FileError("cannot look at", path, errno);
    return absl::NotFoundError(absl::StrCat("KEK_MISSING: there is no key file ", path.string(),
                                            "; put it back, or say where it is: without it "
                                            "nothing personal can be read"));
  }
  if (!S_ISREG(about.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("KEK_INVALID: ", path.string(), " is not a file; name a file of 32 bytes"));
  }
  // The superuser could read it: what the owner may not read is meant to be closed.
  if ((about.st_mode & S_IRUSR) == 0) return Unreadable(path);
  if (about.st_size != kKekBytes) {
    return absl::FailedPreconditionError(absl::StrCat("KEK_INVALID: ", path.string(), " has ",
                                                      about.st_size,
                                                      " bytes instead of 32; it was cut, or is "
                                                      "no key file"));
  }
  // Create() died before it took the draft away: another name of the same file.
  const fs::path draft = DraftOf(path);
  struct stat other {};
  if (about.st_nlink > 1 && lstat(draft.c_str(), &other) == 0 && other.st_dev == about.st_dev &&
      other.st_ino == about.st_ino && unlink(draft.c_str()) != 0) {
    Warn(absl::StrCat("cannot remove ", draft.string(), ", which is the key file, too"));
  }
  const FileHandle file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 && errno == EACCES) return Unreadable(path);
  if (file.get() < 0) return FileError("cannot open", path, errno);
  if (read(file.get(), kek.data(), kek.size()) != static_cast<ssize_t>(kek.size())) {
    return absl::FailedPreconditionError(
        absl::StrCat("KEK_INVALID: cannot read the 32 bytes of ", path.string()));
  }
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    Warn(absl::StrCat("others than its owner may use the key file ", path.string(),
                      "; give it mode 0600"));
  }
  WarnOfPlace(path);
  return absl::OkStatus();
}

absl::Status KekFile::Create(const StoreId& store, std::span<const std::uint8_t, kKekBytes> kek) {
  const fs::path path = Path(store);
  COMMANDER_RETURN_IF_ERROR(MakeDirectories(path.parent_path()));
  // A crash leaves a whole file or none: written beside, then linked, which replaces nothing.
  const fs::path draft = DraftOf(path);
  if (unlink(draft.c_str()) != 0 && errno != ENOENT) {
    return FileError("cannot remove", draft, errno);
  }
  COMMANDER_RETURN_IF_ERROR(WriteNewFile(draft, AsView(kek)));
  if (link(draft.c_str(), path.c_str()) != 0) {
    absl::Status failed = FileError("cannot create", path, errno);
    unlink(draft.c_str());  // the error to report is the first one
    return failed;
  }
  if (unlink(draft.c_str()) != 0) return FileError("cannot remove", draft, errno);
  const fs::path directory = path.parent_path();
  COMMANDER_RETURN_IF_ERROR(SyncPath(directory.empty() ? "." : directory));
  Warn(absl::StrCat("made the key file ", path.string(),
                    ": keep a copy of it, apart from the data; without it nothing personal can be "
                    "read, and nobody can make it again"));
  WarnOfPlace(path);
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<KekProvider> NewKekFile(KekFileOptions options) {
  return std::make_unique<KekFile>(std::move(options));
}

}  // namespace commander::crypto
