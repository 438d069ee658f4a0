// command_line.h: the whole program: arguments, verbs, results, exit codes.
#pragma once

#include "tools/commander/exit.h"

namespace commander::cli {

// Runs what the arguments say.  PrepareProcess() has been called.
Exit RunCommandLine(int argc, const char* const* argv);

}  // namespace commander::cli
