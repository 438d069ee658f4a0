// errors.h: statuses that carry a stable code and the command they are about.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "commander/id.h"

namespace commander::internal {

// `status` with a code that programs can rely on: "commander.timeout".
absl::Status WithCode(absl::Status status, std::string_view code);
// `status` about the command of that id.
absl::Status WithCommand(absl::Status status, const MessageId& id);

}  // namespace commander::internal
