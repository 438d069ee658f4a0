#include "tools/commander/exit.h"

namespace commander::cli {

Exit ExitOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return Exit::kSuccess;
    case absl::StatusCode::kDeadlineExceeded:
      return Exit::kTimedOut;
    case absl::StatusCode::kAborted:
      return Exit::kConflict;
    case absl::StatusCode::kCancelled:
      return Exit::kInterrupted;
    default:
      return Exit::kCannot;
  }
}

}  // namespace commander::cli
