// wake_up.h: a thread waits until something happened since it last looked.
//
//     while (true) {
//       const std::uint32_t seen = wake_up.Seen();
//       if (stop) return;  // looked at behind Seen(), or the signal that comes with it is missed
//       if (!Work()) wake_up.Wait(seen);
//     }
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "absl/time/time.h"

namespace commander::internal {

// Thread-safe; one thread waits.
class WakeUp {
 public:
  std::uint32_t Seen() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  void Signal() {
    {
      const std::lock_guard lock(mutex_);
      ++count_;
    }
    changed_.notify_all();
  }
  // Returns once there was a Signal() after `seen`, or at the deadline.
  void Wait(std::uint32_t seen, absl::Time deadline = absl::InfiniteFuture()) {
    std::unique_lock lock(mutex_);
    const auto signalled = [&] { return count_ != seen; };
    if (deadline == absl::InfiniteFuture()) {
      changed_.wait(lock, signalled);
    } else {
      changed_.wait_until(lock, absl::ToChronoTime(deadline), signalled);
    }
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint32_t count_ = 0;
};

}  // namespace commander::internal
