// forward_clock.h: the time by which an engine decides, which never goes back.
//
// Ids, arrivals and outcomes are compared with each other, across partitions: where the machine's
// clock is set back, or is behind the log and that is accepted, all of them stand still until it
// has caught up.
#pragma once

#include <atomic>
#include <cstdint>

#include "commander/environment.h"

namespace commander::internal {

// Thread-safe.
class ForwardClock final : public Clock {
 public:
  // `clock` outlives this.
  explicit ForwardClock(Clock& clock) : clock_(clock) {}

  std::int64_t NowNanos() override { return RaiseTo(clock_.NowNanos()); }

  // It is at least `now_ns` from now on; returns what it is.
  std::int64_t RaiseTo(std::int64_t now_ns) {
    std::int64_t latest = latest_ns_.load(std::memory_order_relaxed);
    while (latest < now_ns && !latest_ns_.compare_exchange_weak(latest, now_ns)) {
    }
    return latest < now_ns ? now_ns : latest;
  }

 private:
  Clock& clock_;
  std::atomic<std::int64_t> latest_ns_{0};
};

}  // namespace commander::internal
