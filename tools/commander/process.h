// process.h: signals and descriptors of the program.
#pragma once

#include "absl/status/status.h"

namespace commander::cli {

// Called first in main, once.  Puts /dev/null where standard input or standard error is closed, so
// that no file that is opened later takes their place; ignores SIGPIPE; lets SIGINT and SIGTERM set
// Interrupted().
//   kInternal: the standard output is closed.
absl::Status PrepareProcess();

// Whether the user wants it to end.
bool Interrupted();

}  // namespace commander::cli
