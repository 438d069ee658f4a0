#include "crypto/key_cache.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "commander/internal/status_macros.h"
#include "crypto/key_primitives.h"
#include "crypto/key_row.h"

namespace commander::crypto {

absl::StatusOr<std::unique_ptr<KeyCache>> KeyCache::Create(std::size_t keys, bool require_lock,
                                                           const LogSink& sink) {
  const std::size_t slots = std::max<std::size_t>(1, (keys + kShards - 1) / kShards);
  const std::size_t shard_bytes = slots * kKeyBytes + kKeyRowPlainBytes;
  std::unique_ptr<KeyCache> cache(new KeyCache);
  COMMANDER_ASSIGN_OR_RETURN(cache->memory_,
                             LockedMemory::Allocate(kShards * shard_bytes, require_lock, sink));
  std::uint8_t* at = cache->memory_.data();
  for (Shard& shard : cache->shards_) {
    shard.slots = std::vector<Slot>(slots);
    shard.keys = at;
    shard.plain = {at + slots * kKeyBytes, kKeyRowPlainBytes};
    at += shard_bytes;
  }
  return cache;
}

bool KeyCache::Use(const Kid& kid, UseKey use) {
  Shard& shard = ShardOf(kid);
  const std::shared_lock lock(shard.mutex);
  const auto found = shard.slot_of.find(kid);
  if (found == shard.slot_of.end()) return false;
  Slot& slot = shard.slots[found->second];
  // A store by every reader would pass the line from core to core.
  if (!slot.used.load(std::memory_order_relaxed)) slot.used.store(true, std::memory_order_relaxed);
  use(shard.keys + found->second * kKeyBytes);
  return true;
}

absl::StatusOr<bool> KeyCache::UseOrLoad(const Kid& kid, LoadKey load, UseKey use) {
  Shard& shard = ShardOf(kid);
  const std::lock_guard lock(shard.mutex);
  auto found = shard.slot_of.find(kid);
  if (found == shard.slot_of.end()) {
    const absl::Cleanup wipe = [&] { sodium_memzero(shard.plain.data(), shard.plain.size()); };
    COMMANDER_ASSIGN_OR_RETURN(const bool there, load(shard.plain));
    if (!there) return false;
    const std::size_t slot = Evict(shard);
    std::memcpy(shard.keys + slot * kKeyBytes, shard.plain.data(), kKeyBytes);
    shard.slots[slot].kid = kid;
    shard.slots[slot].taken = true;
    found = shard.slot_of.emplace(kid, slot).first;
  }
  shard.slots[found->second].used.store(true, std::memory_order_relaxed);
  use(shard.keys + found->second * kKeyBytes);
  return true;
}

absl::Status KeyCache::Forget(std::span<const Kid> kids, absl::FunctionRef<absl::Status()> change) {
  std::vector<Shard*> shards;
  for (const Kid& kid : kids) shards.push_back(&ShardOf(kid));
  std::sort(shards.begin(), shards.end());
  shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
  std::vector<std::unique_lock<internal::SharedMutex>> locks;
  for (Shard* const shard : shards) locks.emplace_back(shard->mutex);
  absl::Status changed = change();
  for (const Kid& kid : kids) {
    Shard& shard = ShardOf(kid);
    const auto found = shard.slot_of.find(kid);
    if (found != shard.slot_of.end()) Wipe(shard, found->second);
  }
  return changed;
}

void KeyCache::Clear() {
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (std::size_t slot = 0; slot < shard.slots.size(); ++slot) {
      if (shard.slots[slot].taken) Wipe(shard, slot);
    }
  }
}

// Second chance (Corbato, "A Paging Experiment with the Multics System", 1968).
std::size_t KeyCache::Evict(Shard& shard) {
  while (true) {
    const std::size_t slot = shard.hand;
    shard.hand = (shard.hand + 1) % shard.slots.size();
    if (!shard.slots[slot].taken) return slot;
    if (shard.slots[slot].used.exchange(false, std::memory_order_relaxed)) continue;
    Wipe(shard, slot);
    return slot;
  }
}

void KeyCache::Wipe(Shard& shard, std::size_t slot) {
  shard.slot_of.erase(shard.slots[slot].kid);
  shard.slots[slot].taken = false;
  shard.slots[slot].used = false;
  sodium_memzero(shard.keys + slot * kKeyBytes, kKeyBytes);
}

}  // namespace commander::crypto
