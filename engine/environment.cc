#include "commander/environment.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>

namespace commander {
namespace {

class SystemClock final : public Clock {
 public:
  std::int64_t NowNanos() override {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }
};

class SystemRandom final : public RandomSource {
 public:
  void Fill(std::span<std::uint8_t> out) override {
    while (!out.empty()) {
      const ssize_t got = getrandom(out.data(), out.size(), 0);
      // Only an interrupted call fails once the kernel's pool is filled; without randomness ids
      // would repeat, and nothing here may go on.
      if (got < 0 && errno != EINTR) std::abort();
      if (got > 0) out = out.subspan(static_cast<std::size_t>(got));
    }
  }
};

}  // namespace

Clock& Clock::System() {
  static SystemClock& clock = *new SystemClock;
  return clock;
}

RandomSource& RandomSource::System() {
  static SystemRandom& random = *new SystemRandom;
  return random;
}

}  // namespace commander
