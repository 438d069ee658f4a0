// crash_counter.h: notices the command that kills the process whenever it runs.
//
// Before a handler runs, the worker notes partition and offset in memory that a file backs (no
// sync: the kernel keeps it when the process dies).  A command found there after three deaths in a
// row is parked instead of run, so that it does not stop its partition for ever.
#pragma once

#include <cstdint>
#include <span>

#include "commander/position.h"

namespace commander::internal {

// What one partition keeps.  Stored: see FORMAT.md.
struct CrashSlot {
  std::uint64_t running = 0;  // offset + 1 of the command whose handler runs; 0: none
  std::uint64_t suspect = 0;  // offset + 1 of the command that ran when the process last died
  std::uint64_t deaths = 0;   // how often in a row
};

// Not thread-safe: whoever owns the partition calls.
class CrashCounter {
 public:
  static constexpr std::uint64_t kDeaths = 3;

  // `slot` outlives this; null: nothing is counted.  Counts a death where a command was running.
  explicit CrashCounter(CrashSlot* slot) : slot_(slot) {
    if (slot_ == nullptr || slot_->running == 0) return;
    slot_->deaths = slot_->suspect == slot_->running ? slot_->deaths + 1 : 1;
    slot_->suspect = slot_->running;
    slot_->running = 0;
  }

  // The command has been running at each of the last deaths.
  bool Kills(Offset source) const {
    return slot_ != nullptr && slot_->suspect == source.value + 1 && slot_->deaths >= kDeaths;
  }

  // It is parked for that, and may be tried again: three more deaths are needed.
  void Forget() {
    if (slot_ != nullptr) slot_->suspect = slot_->deaths = 0;
  }

  // For the time that its handler runs.
  class Running {
   public:
    Running(CrashCounter& counter, Offset source) : slot_(counter.slot_) {
      if (slot_ != nullptr) Store(source.value + 1);
    }
    ~Running() {
      if (slot_ != nullptr) Store(0);
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    // Volatile: it must be in memory before the handler begins.
    void Store(std::uint64_t value) {
      *static_cast<volatile std::uint64_t*>(&slot_->running) = value;
    }
    CrashSlot* slot_;
  };

 private:
  CrashSlot* slot_;
};

}  // namespace commander::internal
