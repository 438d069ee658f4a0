// key_cache.h: unwrapped keys in locked memory, bounded, and gone at once when they must be.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/internal/shared_mutex.h"
#include "commander/log_sink.h"
#include "crypto/locked_memory.h"
#include "crypto/subject.h"

namespace commander::crypto {

// Thread-safe.  Callbacks run under a lock: they may not call the cache.
class KeyCache {
 public:
  // Holds `keys` of them, at least one a shard; evicts those not used since its hand passed.
  static absl::StatusOr<std::unique_ptr<KeyCache>> Create(std::size_t keys, bool require_lock,
                                                          const LogSink& sink);

  using UseKey = absl::FunctionRef<void(const std::uint8_t* key)>;
  // Calls `use` where the key is held.  Many threads at a time.
  bool Use(const Kid& kid, UseKey use);

  // The same, and where it is not held, `load` is asked first, which leaves the key in the first
  // bytes of `plain` (kKeyRowPlainBytes of locked memory, wiped afterwards), or says that there is
  // none.  No Forget() of this kid comes between `load` and `use`: a slow reader cannot bring a key
  // back.
  using LoadKey = absl::FunctionRef<absl::StatusOr<bool>(std::span<std::uint8_t> plain)>;
  absl::StatusOr<bool> UseOrLoad(const Kid& kid, LoadKey load, UseKey use);

  // Waits until nobody uses these keys, calls `change`, and wipes them, even where it fails.
  absl::Status Forget(std::span<const Kid> kids, absl::FunctionRef<absl::Status()> change);

  void Clear();

  // False in a forked child, which has none of the keys.
  bool Alive() const { return memory_.Alive(); }

 private:
  static constexpr std::size_t kShards = 32;

  struct Slot {
    Kid kid;
    bool taken = false;
    std::atomic<bool> used = false;
  };
  struct Shard {
    internal::SharedMutex mutex;  // guards what follows
    absl::flat_hash_map<Kid, std::size_t> slot_of;
    std::vector<Slot> slots;  // a reader may set `used`
    std::size_t hand = 0;
    std::uint8_t* keys = nullptr;  // of the slots, in their order
    std::span<std::uint8_t> plain;
  };

  KeyCache() = default;
  Shard& ShardOf(const Kid& kid) { return shards_[kid.bytes[0] % kShards]; }
  // With the shard's mutex held exclusively.
  static std::size_t Evict(Shard& shard);
  static void Wipe(Shard& shard, std::size_t slot);

  LockedMemory memory_;
  Shard shards_[kShards];
};

}  // namespace commander::crypto
