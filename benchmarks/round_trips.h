// round_trips.h: how long answers take, at a rate that does not wait for them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "benchmarks/measure.h"

namespace commander::benchmarks {

// Sends `count` times, at `per_second` from a clock, or, where that is 0, when the answer before is
// there.  An answer is measured from the time at which it was to be sent: a sender that is late
// must not hide what others would have waited for.  `send(i, done)` may block; `done`, to be called
// once from any thread, is the answer.
inline LatencyUs MeasureRoundTrips(
    std::size_t count, double per_second,
    const std::function<void(std::size_t, std::function<void()>)>& send) {
  std::mutex mutex;
  std::condition_variable answered;
  std::vector<double> us;
  us.reserve(count);
  const double begin = Now();
  for (std::size_t i = 0; i < count; ++i) {
    double due = Now();
    if (per_second > 0) {
      const double wait = begin + static_cast<double>(i) / per_second - due;
      if (wait > 0) std::this_thread::sleep_for(std::chrono::duration<double>(wait));
      due += wait;
    }
    send(i, [&, due] {
      const double time = Now();
      const std::lock_guard lock(mutex);
      us.push_back((time - due) * 1e6);
      answered.notify_one();
    });
    if (per_second > 0) continue;
    std::unique_lock lock(mutex);
    answered.wait(lock, [&] { return us.size() == i + 1; });
  }
  std::unique_lock lock(mutex);
  answered.wait(lock, [&] { return us.size() == count; });
  return Percentiles(&us);
}

}  // namespace commander::benchmarks
