#include "tools/demo/changelog_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include <zlib.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"

namespace commander::demo {
namespace {

constexpr std::string_view kDocumentation = "usr/share/doc";
constexpr std::string_view kMagic = "\x1f\x8b";  // RFC 1952, section 2.3.1

// Closes the descriptor it holds.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);  // opened for reading: nothing can be lost
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

std::string Join(const std::string& directory, std::string_view name) {
  std::string path = directory;
  if (path.empty() || path.back() != '/') path += '/';
  return path.append(name);
}

// Whether anything has this name, be it a link that leads nowhere.
bool Stands(const std::string& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0;
}

bool IsDirectory(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// The names in `directory` that do not begin with a dot, in no order.
absl::StatusOr<std::vector<std::string>> ListNames(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (name.front() != '.') names.push_back(std::move(name));
  }
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot list ", directory));
  }
  return names;
}

absl::Status AddChangelogsOf(const std::string& documentation, std::vector<std::string>* paths) {
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> packages, ListNames(documentation));
  for (const std::string& package : packages) {
    const std::string directory = Join(documentation, package);
    for (const char* name : {"changelog.Debian.gz", "changelog.gz"}) {
      std::string path = Join(directory, name);
      if (!Stands(path)) continue;
      paths->push_back(std::move(path));
      break;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  // O_NONBLOCK: a named pipe must be refused, not waited for.
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return absl::ErrnoToStatus(errno, "cannot be opened");
  struct stat status;
  if (::fstat(file.get(), &status) != 0) return absl::ErrnoToStatus(errno, "cannot be read");
  if (!S_ISREG(status.st_mode)) return absl::InvalidArgumentError("is not a regular file");

  std::string content;
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, "cannot be read");
    if (got == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(got));
    if (content.size() > kMaxChangelogBytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("is larger than ", kMaxChangelogBytes, " bytes"));
    }
  }
}

// Appends what one gzip member at the start of `*compressed` holds and removes the member.
absl::Status GunzipMember(std::size_t max_bytes, std::string_view* compressed, std::string* text) {
  z_stream stream = {};
  constexpr int kGzipOnly = 16;
  if (::inflateInit2(&stream, MAX_WBITS + kGzipOnly) != Z_OK) {
    return absl::ResourceExhaustedError("no memory to decompress it");
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, ::inflateEnd);

  // zlib declares its input as not const, yet only reads it.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed->data()));
  std::array<char, 1 << 16> buffer;
  std::size_t left = compressed->size();
  for (int result = Z_OK; result != Z_STREAM_END;) {
    if (stream.avail_in == 0) {
      stream.avail_in = static_cast<uInt>(std::min<std::size_t>(left, 1 << 20));
      left -= stream.avail_in;
    }
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    result = ::inflate(&stream, Z_NO_FLUSH);
    text->append(buffer.data(), buffer.size() - stream.avail_out);
    if (text->size() > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("decompresses to more than ", max_bytes, " bytes"));
    }
    if (result == Z_BUF_ERROR) {
      return absl::DataLossError("ends before its compressed data does");
    }
    if (result != Z_OK && result != Z_STREAM_END) {
      return absl::DataLossError(absl::StrCat("does not decompress: ",
                                              stream.msg != nullptr ? stream.msg : "damaged data"));
    }
  }
  compressed->remove_prefix(compressed->size() - left - stream.avail_in);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FindChangelogs(const std::string& directory) {
  struct stat status;
  if (::stat(directory.c_str(), &status) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot look for changelogs in ", directory));
  }
  if (!S_ISDIR(status.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot look for changelogs in ", directory, ": it is not a directory"));
  }
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListNames(directory));

  std::vector<std::string> documentations = {directory};
  for (const std::string& root : names) {
    documentations.push_back(Join(Join(directory, root), kDocumentation));
  }
  documentations.push_back(Join(directory, kDocumentation));

  std::vector<std::string> paths;
  for (const std::string& documentation : documentations) {
    if (!IsDirectory(documentation)) continue;
    COMMANDER_RETURN_IF_ERROR(AddChangelogsOf(documentation, &paths));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

absl::StatusOr<std::string> Gunzip(std::string_view compressed, std::size_t max_bytes) {
  if (compressed.empty()) return absl::DataLossError("is empty");
  if (compressed.substr(0, kMagic.size()) != kMagic) {
    return absl::DataLossError("is not in gzip format");
  }
  std::string text;
  do {
    if (compressed.substr(0, kMagic.size()) != kMagic) {
      return absl::DataLossError("has other data after its compressed data");
    }
    COMMANDER_RETURN_IF_ERROR(GunzipMember(max_bytes, &compressed, &text));
    // gzip, too, takes zero bytes at the end for padding.
  } while (compressed.find_first_not_of('\0') != std::string_view::npos);
  return text;
}

absl::StatusOr<Changelog> ReadChangelog(const std::string& path) {
  COMMANDER_ASSIGN_OR_RETURN(const std::string compressed, ReadFile(path));
  COMMANDER_ASSIGN_OR_RETURN(const std::string text, Gunzip(compressed));
  Changelog changelog = ParseChangelog(text);
  if (changelog.entries.empty()) {
    return absl::InvalidArgumentError("holds no entry of a Debian changelog");
  }
  return changelog;
}

}  // namespace commander::demo
