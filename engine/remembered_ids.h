// remembered_ids.h: which commands of a partition have had their outcome, by id.
//
// The ids of the last `dedup_window`, in order of arrival, in blocks: a block is dropped as a whole
// when its last arrival is out of the window.  Version 7 ids grow with time, so that one above the
// highest remembered is new without a search, and a search looks only into blocks whose range holds
// the id.  Blocks are rows of the store; the newest are in memory, older ones are read again when a
// search needs them.  Not thread-safe: whoever owns the partition calls.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/id.h"
#include "commander/position.h"
#include "store/layout.h"
#include "store/store.h"

namespace commander::internal {

std::uint64_t HashOfKey(std::string_view key);

class RememberedIds {
 public:
  static constexpr std::size_t kBlockIds = 4096;  // at most
  // How much older than the window an id stays remembered: the clock error that is let pass.
  static constexpr std::int64_t kSkewNs = 5 * 60 * std::int64_t{1'000'000'000};

  RememberedIds(const store::Store& store, store::FamilyId family, std::int64_t window_ns,
                std::size_t memory_bytes, std::size_t block_ids = kBlockIds);

  // Reads which blocks are stored, and as many of the newest as memory may hold.
  absl::Status Load();

  struct Found {
    bool staged = false;  // its outcome is decided, not committed
    Offset source;        // staged only: of the command
    store::RememberedId id;
    // Where the outcome is, however soon the id is forgotten; staged: once it is committed.
    std::shared_ptr<const Offset> place;
  };
  // As staged.
  //   Errors: those of the store.
  absl::StatusOr<std::optional<Found>> Find(const MessageId& id, std::uint64_t key_hash);
  // As committed, whatever is under way.
  absl::StatusOr<std::optional<store::RememberedId>> FindCommitted(const MessageId& id,
                                                                   std::uint64_t key_hash);

  // Decided, under way.
  void Stage(const MessageId& id, std::uint64_t key_hash, Offset source, bool parked);
  // Nothing under way will be committed, but where somebody still holds a place: that batch may be.
  void DropStaged();
  // Committed, or read from the log.  `replaces_parked`: the same command was remembered as parked.
  absl::Status Remember(const store::RememberedId& id, bool replaces_parked);

  // Drops blocks that are out of the window once `asked_ns` is the partition's time of arrival.
  void Expire(std::int64_t asked_ns);

  // What a write-back must put and delete so that the store holds the same.  Until Written() the
  // store may lack it, and memory keeps it.
  void TakeChanges(store::Batch* batch);
  void Written();

  std::size_t memory_bytes() const { return memory_; }

 private:
  struct Block {
    std::uint64_t number = 0;
    MessageId min{~std::uint64_t{0}, ~std::uint64_t{0}};
    MessageId max;
    std::int64_t last_asked_ns = 0;
    std::size_t parked = 0;
    bool dirty = false;
    bool writing = false;  // on its way to the store
    bool in_memory = true;
    std::vector<store::RememberedId> ids;
    std::vector<std::uint16_t> slots;  // open addressing: index + 1 into ids

    void Add(const store::RememberedId& id);
    store::RememberedId* Find(const MessageId& id, std::uint64_t key_hash);
    void Index(std::size_t at);
  };

  absl::Status Read(Block* block);
  void Forget();

  const store::Store& store_;
  const store::FamilyId family_;
  const std::int64_t window_ns_;
  const std::size_t memory_bytes_;
  const std::size_t block_ids_;
  std::deque<std::unique_ptr<Block>> blocks_;
  std::vector<std::uint64_t> dropped_;
  std::uint64_t next_block_ = 0;
  MessageId highest7_;  // of all version 7 ids remembered or staged
  std::size_t memory_ = 0;

  struct StagedKey {
    MessageId id;
    std::uint64_t key_hash = 0;
    friend bool operator==(const StagedKey&, const StagedKey&) = default;
    template <class H>
    friend H AbslHashValue(H state, const StagedKey& key) {
      return H::combine(std::move(state), key.id.hi, key.id.lo, key.key_hash);
    }
  };
  struct Staged {
    Offset source;
    bool parked = false;
    std::shared_ptr<Offset> place;  // where somebody asked for it
  };
  absl::flat_hash_map<StagedKey, Staged> staged_;
};

}  // namespace commander::internal
