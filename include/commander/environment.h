// environment.h: where an engine takes its time and its randomness from.
//
// Everything that must be the same when a run is repeated comes through these
// interfaces, so that a test (or a simulation of whole systems) can decide it.
// A program passes nothing and gets the machine's own.
#pragma once

#include <cstdint>
#include <span>

namespace commander {

// Thread-safe.  Must outlive the engine it is given to.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall-clock time in nanoseconds since 1970-01-01T00:00:00Z.  May go backwards.
  virtual std::int64_t NowNanos() = 0;

  // The machine's clock.  Never deleted.
  static Clock& System();
};

// Thread-safe.  Must outlive the engine it is given to.
class RandomSource {
 public:
  virtual ~RandomSource() = default;

  // Fills `out` with unpredictable bytes.
  virtual void Fill(std::span<std::uint8_t> out) = 0;

  // The kernel's generator, getrandom(2).  Never deleted.
  static RandomSource& System();
};

}  // namespace commander
