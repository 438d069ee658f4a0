#include "store/status.h"

#include <cerrno>
#include <string>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/strings.h"

namespace commander::store {
namespace {

using rocksdb::Status;

// RocksDB tells why the system refused a file by the system's text alone.
bool IsPermissionDenied(const Status& status) {
  const std::string text = status.ToString();
  for (const int error : {EACCES, EPERM, EROFS}) {
    if (absl::EndsWith(text, std::generic_category().message(error))) return true;
  }
  return false;
}

absl::StatusCode CodeOf(const Status& status) {
  // The subcode says more than the code: a full disk may arrive as an error of input and output or
  // as an aborted job.
  switch (status.subcode()) {
    case Status::kNoSpace:
    case Status::kSpaceLimit:
    case Status::kMemoryLimit:
      return absl::StatusCode::kResourceExhausted;
    case Status::kPathNotFound:
      return absl::StatusCode::kDataLoss;
    default:
      break;
  }
  switch (status.code()) {
    case Status::kOk:
      return absl::StatusCode::kOk;
    case Status::kNotFound:
      return absl::StatusCode::kNotFound;
    case Status::kCorruption:
      return absl::StatusCode::kDataLoss;
    case Status::kNotSupported:
      return absl::StatusCode::kUnimplemented;
    case Status::kShutdownInProgress:
    case Status::kIncomplete:
      return absl::StatusCode::kUnavailable;
    case Status::kTimedOut:
      return absl::StatusCode::kDeadlineExceeded;
    case Status::kAborted:
    case Status::kBusy:
    case Status::kTryAgain:
      return absl::StatusCode::kAborted;
    case Status::kIOError:
      return IsPermissionDenied(status) ? absl::StatusCode::kPermissionDenied
                                        : absl::StatusCode::kInternal;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status ToAbslStatus(const Status& status, std::string_view what) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(CodeOf(status),
                      absl::StrCat(internal::ToAbsl(what), ": ", status.ToString()));
}

bool IsDamage(const Status& status) {
  const absl::StatusCode code = CodeOf(status);
  return code == absl::StatusCode::kDataLoss || code == absl::StatusCode::kUnimplemented;
}

}  // namespace commander::store
