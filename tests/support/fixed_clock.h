// fixed_clock.h: a clock that stands still until it is set.
#pragma once

#include <atomic>
#include <cstdint>

#include "commander/environment.h"

namespace commander::test {

class FixedClock : public Clock {
 public:
  explicit FixedClock(std::int64_t now_ns = 0) : now_ns_(now_ns) {}

  std::int64_t NowNanos() override { return now_ns_; }
  void Set(std::int64_t now_ns) { now_ns_ = now_ns; }

 private:
  std::atomic<std::int64_t> now_ns_;
};

}  // namespace commander::test
