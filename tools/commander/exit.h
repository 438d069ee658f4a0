// exit.h: what the exit code of the program says.
#pragma once

#include "absl/status/status.h"

namespace commander::cli {

enum class Exit {  // documented: scripts depend on it
  kSuccess = 0,
  kFound = 1,     // it ran and found what it looks for: damage, nothing under a key
  kCannot = 2,    // wrong usage, or the environment does not allow it
  kTimedOut = 3,  // what was waited for did not come in time
  kConflict = 4,  // changed while reading, or the engine has what is needed; try again
  kRefused = 5,   // would change what may not be changed
  kInterrupted = 130,
};

Exit ExitOf(const absl::Status& status);

}  // namespace commander::cli
