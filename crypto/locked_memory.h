// locked_memory.h: memory for keys: never on swap, in no core dump, empty in a forked child.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "commander/log_sink.h"

namespace commander::crypto {

// Pages between two pages that nobody may touch; zero at first, wiped before they are given back.
// Moves; not thread-safe.
class LockedMemory {
 public:
  // `require_lock`: kResourceExhausted where the memory cannot be locked; otherwise the sink is
  // warned.
  static absl::StatusOr<LockedMemory> Allocate(std::size_t bytes, bool require_lock,
                                               const LogSink& sink);

  LockedMemory() = default;
  ~LockedMemory();
  LockedMemory(LockedMemory&& other) noexcept;
  LockedMemory& operator=(LockedMemory&& other) noexcept;

  std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::span<std::uint8_t> span() const { return {data_, size_}; }
  bool locked() const { return locked_; }

  // False in a child of the process that allocated it: what it held is gone.
  bool Alive() const { return data_ != nullptr && data_[-1] != 0; }

  void Wipe();

 private:
  std::uint8_t* data_ = nullptr;  // the byte before it says that the memory is alive
  std::size_t size_ = 0;
  std::size_t mapped_ = 0;
  bool locked_ = false;
};

}  // namespace commander::crypto
