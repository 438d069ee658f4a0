// fake_environment.h: time and randomness that a test decides.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>

#include "commander/environment.h"

namespace commander::test {

// Stands still unless told otherwise.  Thread-safe.
class FakeClock : public Clock {
 public:
  static constexpr std::int64_t kStart = 1'700'000'000'000'000'000;

  std::int64_t NowNanos() override { return now_.load() + tick_.load() * calls_.fetch_add(1); }

  void Set(std::int64_t now_ns) { now_ = now_ns; }
  void Advance(std::int64_t ns) { now_ += ns; }
  // Every call moves it on by `ns`.
  void TickBy(std::int64_t ns) { tick_ = ns; }

 private:
  std::atomic<std::int64_t> now_{kStart};
  std::atomic<std::int64_t> tick_{0};
  std::atomic<std::int64_t> calls_{0};
};

// splitmix64 from a seed.  Thread-safe.
class FakeRandom : public RandomSource {
 public:
  explicit FakeRandom(std::uint64_t seed = 42) : state_(seed) {}

  void Fill(std::span<std::uint8_t> out) override {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < out.size(); i += 8) {
      const std::uint64_t z = NextLocked();
      for (std::size_t k = 0; k < 8 && i + k < out.size(); ++k) {
        out[i + k] = static_cast<std::uint8_t>(z >> (8 * k));
      }
    }
  }

  std::uint64_t Next() {
    const std::lock_guard lock(mutex_);
    return NextLocked();
  }

 private:
  std::uint64_t NextLocked() {
    state_ += 0x9E3779B97F4A7C15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

  std::mutex mutex_;
  std::uint64_t state_;
};

}  // namespace commander::test
