#include "crypto/key_io.h"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"

namespace commander::crypto {
namespace {

namespace fs = std::filesystem;

absl::Status WriteAt(int file, std::size_t at, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t wrote = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return FileError("cannot write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
    at += static_cast<std::size_t>(wrote);
  }
  if (fsync(file) != 0) return FileError("cannot sync", path, errno);
  return absl::OkStatus();
}

}  // namespace

FileHandle::~FileHandle() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::Status FileError(std::string_view what, const fs::path& path, int error) {
  const std::string text = absl::StrCat(internal::ToAbsl(what), " ", path.string(), ": ",
                                        std::generic_category().message(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(text);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(text);
    case EEXIST:
      return absl::AlreadyExistsError(text);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(text);
    case EISDIR:
    case ENOTDIR:
      return absl::FailedPreconditionError(text);
    default:
      return absl::InternalError(text);
  }
}

absl::StatusOr<std::string> ReadWholeFile(const fs::path& path, std::size_t limit) {
  const FileHandle file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return FileError("cannot open", path, errno);
  std::string bytes(limit + 1, '\0');
  std::size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got = read(file.get(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("cannot read", path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > limit) {
    return absl::DataLossError(absl::StrCat(path.string(), " is longer than ", limit, " bytes"));
  }
  bytes.resize(size);
  return bytes;
}

absl::Status WriteNewFile(const fs::path& path, std::string_view bytes) {
  const FileHandle file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) return FileError("cannot create", path, errno);
  return WriteAt(file.get(), 0, bytes, path);
}

absl::Status OverwriteFile(const fs::path& path, std::size_t at, std::string_view bytes) {
  const FileHandle file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return FileError("cannot open", path, errno);
  return WriteAt(file.get(), at, bytes, path);
}

absl::Status SyncPath(const fs::path& path) {
  const FileHandle file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return FileError("cannot open", path, errno);
  if (fsync(file.get()) != 0) return FileError("cannot sync", path, errno);
  return absl::OkStatus();
}

}  // namespace commander::crypto
