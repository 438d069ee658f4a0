// commander: looks at the data of an engine (command_line.h).
#include <cstdio>

#include "tools/commander/command_line.h"
#include "tools/commander/process.h"

int main(int argc, char** argv) {
  const absl::Status prepared = commander::cli::PrepareProcess();
  if (!prepared.ok()) {
    std::fprintf(stderr, "commander: %.*s\n", static_cast<int>(prepared.message().size()),
                 prepared.message().data());
    return static_cast<int>(commander::cli::Exit::kCannot);
  }
  return static_cast<int>(commander::cli::RunCommandLine(argc, argv));
}
