#include "store/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/strings.h"

namespace commander::store {

absl::Status FileError(std::string_view what, const std::filesystem::path& path,
                       const std::error_code& error) {
  const std::string text =
      absl::StrCat(internal::ToAbsl(what), " ", path.string(), ": ", error.message());
  if (error == std::errc::no_such_file_or_directory) return absl::NotFoundError(text);
  if (error == std::errc::permission_denied || error == std::errc::operation_not_permitted) {
    return absl::PermissionDeniedError(text);
  }
  if (error == std::errc::no_space_on_device || error.value() == EDQUOT) {
    return absl::ResourceExhaustedError(text);
  }
  return absl::InternalError(text);
}

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path) {
  const auto failed = [&] {
    return FileError("cannot read", path, std::error_code(errno, std::generic_category()));
  };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return failed();
  const absl::Cleanup close_file = [file] { close(file); };
  std::string bytes;
  char buffer[16384];
  while (true) {
    const ssize_t got = read(file, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (got == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace commander::store
