// own_state.h: the aggregates of one partition: staged over committed over the store.
//
// An aggregate that a batch under way has changed has a staged copy; one that committed batches
// have changed since the last write-back is dirty and stays in memory until the store has it.
// Everything else is a cache.  Not thread-safe: whoever owns the partition calls.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/fold.h"
#include "engine/sealing.h"
#include "store/layout.h"
#include "store/store.h"

namespace commander::internal {

class OwnState {
 public:
  struct Entry {
    std::string key;
    Aggregate committed;
    Aggregate staged;           // equal to committed where no batch under way changed it
    std::uint32_t changes = 0;  // staged changes under way
    bool dirty = false;         // committed is not in the store, nor on its way
    std::uint32_t writing = 0;  // write-backs under way that hold it
    bool used = true;           // since the last sweep of the cache
    std::size_t bytes = 0;
    bool pinned() const { return changes > 0 || dirty || writing > 0; }
  };

  // States are sealed as those of `group`.
  OwnState(const FoldType& fold, const Sealing& sealing, std::string group, store::Store& store,
           store::FamilyId family, std::size_t cache_bytes);

  // The aggregate, read from the store where it is not in memory.  Valid until Sweep().
  absl::StatusOr<Entry*> Find(std::string_view key);

  // Up to `limit` aggregates that exist, staged ones as staged, with the prefix and behind `after`.
  absl::StatusOr<std::vector<std::pair<std::string, Aggregate>>> Scan(std::string_view prefix,
                                                                      std::string_view after,
                                                                      std::size_t limit);

  // A decision changed it.
  void Stage(Entry* entry, Aggregate after);
  // The batch of one Stage() is committed, and `after` is what it left.
  void Commit(Entry* entry, Aggregate after);
  // No batch under way that changed it will be committed.
  static void DropStaged(Entry* entry) {
    entry->changes = 0;
    entry->staged = entry->committed;
  }
  // A fold of the log changed it.
  void Fold(Entry* entry, Aggregate after) {
    entry->staged = after;
    SetCommitted(entry, std::move(after));
  }

  // Changed aggregates, for a write-back; they count as written until Written() or Failed().
  std::vector<std::pair<Entry*, Aggregate>> TakeDirty();
  void Written(const std::vector<std::pair<Entry*, Aggregate>>& written);
  std::size_t dirty_bytes() const { return dirty_bytes_; }

  // Drops what the cache may drop, down to its bound.  Pointers to entries become invalid, but not
  // those of pinned ones.
  void Sweep();
  // Forgets everything; nothing may be under way.
  void Clear();

 private:
  absl::StatusOr<Aggregate> Load(std::string_view key, const store::StateRow& row) const;
  void SetCommitted(Entry* entry, Aggregate after);
  std::size_t SizeOf(const Entry& entry, std::size_t stored_bytes) const;

  const FoldType& fold_;
  const Sealing& sealing_;
  const std::string group_;
  store::Store& store_;
  const store::FamilyId family_;
  const std::size_t cache_bytes_;
  absl::flat_hash_map<std::string, std::unique_ptr<Entry>> entries_;
  std::vector<Entry*> dirty_;
  std::size_t bytes_ = 0;
  std::size_t dirty_bytes_ = 0;
  std::size_t sweep_at_;  // not before the cache is this large
};

}  // namespace commander::internal
