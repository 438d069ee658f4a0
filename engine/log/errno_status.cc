#include "engine/log/errno_status.h"

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace commander::log {
namespace {

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return absl::StatusCode::kResourceExhausted;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EIO:
      return absl::StatusCode::kDataLoss;
    case EWOULDBLOCK:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return absl::StatusCode::kUnavailable;
    default:
      // Only a full device may have this code: it makes the log wait for space.
      const absl::StatusCode code = absl::ErrnoToStatusCode(error);
      return code == absl::StatusCode::kResourceExhausted ? absl::StatusCode::kUnknown : code;
  }
}

}  // namespace

absl::Status ErrnoStatus(int error, const std::string& what) {
  return absl::Status(CodeOf(error),
                      absl::StrCat(what, ": ", std::generic_category().message(error)));
}

}  // namespace commander::log
