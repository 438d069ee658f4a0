#include "tools/commander/process.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>

namespace commander::cli {
namespace {

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

// A second one ends the process at once: the first handler is gone.
void OnSignal(int) { interrupted.store(true, std::memory_order_relaxed); }

bool IsOpen(int descriptor) { return fcntl(descriptor, F_GETFD) != -1; }

}  // namespace

absl::Status PrepareProcess() {
  const bool output_is_open = IsOpen(STDOUT_FILENO);
  // The lowest free number is taken, so one after the other.
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (!IsOpen(descriptor) && open("/dev/null", O_RDWR) != descriptor) {
      return absl::InternalError("cannot open /dev/null in the place of a closed descriptor");
    }
  }
  std::signal(SIGPIPE, SIG_IGN);
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  if (!output_is_open) {
    return absl::InternalError("the standard output is closed; there is nowhere to write to");
  }
  return absl::OkStatus();
}

bool Interrupted() { return interrupted.load(std::memory_order_relaxed); }

}  // namespace commander::cli
