// errno_status.h: errors of the operating system as absl::Status.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace commander::log {

// "<what>: <text of the error>", with the codes that file_system.h lists.
absl::Status ErrnoStatus(int error, const std::string& what);

}  // namespace commander::log
