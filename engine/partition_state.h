// partition_state.h: all that the engine knows of one partition of a group, folded from its
// outcomes.
//
// It has two tenses.  Committed: what the log holds.  Staged: that and what batches under way will
// add.  Decisions read and change the staged side; when a batch is committed the committed side
// follows, and when it is not the staged side is put back.  Restoring from the log goes the same
// way, both sides at once.  Not thread-safe: whoever owns the partition calls.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engine/envelope.h"
#include "engine/own_state.h"
#include "engine/parked_queues.h"
#include "engine/remembered_ids.h"
#include "engine/schema.h"
#include "engine/sealing.h"
#include "store/layout.h"
#include "store/store.h"

namespace commander::internal {

// What one outcome means to the partition beside the state of its aggregate.
struct OutcomeFacts {
  MessageId id;  // of the command
  std::string_view key;
  Offset source;
  MessageKind kind = MessageKind::kNothing;
  bool remembered = true;  // false: a repeat, id_reused, or a record nobody could read
  std::int64_t time_ns = 0;
  std::int64_t asked_ns = 0;
};

// The rejection code of the engine that a fold must know.
inline constexpr std::string_view kIdReused = "commander.id_reused";

struct PartitionOptions {
  std::array<std::uint8_t, 16> log_id{};
  std::string group;
  std::uint16_t partition = 0;
  std::uint16_t partitions = 1;  // of the group
  std::string events_topic;
  std::int64_t dedup_window_ns = 0;
  std::size_t cache_bytes = 0;
  std::size_t id_bytes = 0;
  std::size_t id_block = 4096;
};

class PartitionState {
 public:
  PartitionState(PartitionOptions options, const FoldType& fold, const Sealing& sealing,
                 store::Store& store, store::FamilyId family);

  // Takes up what the store holds; a store of another fold, schema or a smaller window is cleared
  // and will be folded again.  `refold` says why, or nothing.
  //   kFailedPrecondition: the store belongs to another log.
  absl::Status Load(std::string* refold);

  // Folds the record of the event topic at `offset`, the first that there is at or behind next().
  // `type` is what its fingerprint says.
  //   kDataLoss: it does not follow from what came before, or cannot be opened; says how.
  absl::Status Fold(Offset offset, std::span<const Word> message, const KnownType& type);

  // The same for an outcome that this process decided.  Staged: it is under way.
  void Stage(const OutcomeFacts& facts);
  // It is committed; its first record stands at `first`.
  absl::Status Commit(const OutcomeFacts& facts, Offset first);
  // A batch is committed: so many records, the last of which stands at `last`.
  void CommitBatch(std::uint32_t records, Offset last, const MessageId& last_id,
                   std::uint64_t last_hash);
  // Nothing of what is under way will be committed.  Entries of aggregates are the caller's to put
  // back.
  void DropStaged();

  // Events below are in the committed state.  Behind the last one, also where a gap follows.
  Offset next() const { return row_.next; }
  // The last record folded: its id, and XXH3-64 of its words.
  MessageId last_id() const { return row_.last_id; }
  std::uint64_t last_hash() const { return row_.last_hash; }
  // Commands below have their first outcome.
  Offset consumed() const { return row_.consumed; }
  Offset staged_consumed() const { return staged_consumed_; }
  std::int64_t last_time_ns() const { return row_.last_time_ns; }
  std::int64_t staged_time_ns() const { return staged_time_ns_; }
  std::int64_t staged_asked_ns() const { return staged_asked_ns_; }

  // No outcome is folded in part.
  bool between_outcomes() const { return !open_.has_value(); }

  OwnState& states() { return states_; }
  RememberedIds& ids() { return ids_; }
  ParkedQueues& parked() { return parked_; }
  const PartitionOptions& options() const { return options_; }
  const FoldType& fold() const { return fold_; }

  // Everything the store lacks, at a boundary between commits.
  struct WriteBack {
    std::vector<std::pair<OwnState::Entry*, Aggregate>> states;
    store::Batch batch;  // ids, queues and the position
  };
  WriteBack TakeWriteBack();
  // It is in the store, or never will be.
  void Written(const WriteBack& written);
  // Records folded since the last write-back.
  std::uint64_t unsaved_records() const { return unsaved_records_; }

 private:
  absl::Status CheckPlace(std::string_view key, std::string_view where) const;
  // Of the first keys of the store.
  absl::Status CheckStoredPlaces() const;
  std::string Place(Offset offset) const;

  const PartitionOptions options_;
  const FoldType& fold_;
  const Sealing& sealing_;
  const ExceptionText text_;  // of folds
  store::Store& store_;
  const store::FamilyId family_;
  store::PartitionRow row_;
  std::uint64_t unsaved_records_ = 0;
  Offset staged_consumed_;
  std::int64_t staged_time_ns_ = 0;
  std::int64_t staged_asked_ns_ = 0;
  OwnState states_;
  RememberedIds ids_;
  ParkedQueues parked_;

  // The outcome whose records are being folded, until its last.
  struct Open {
    Offset first;
    Offset source;
    std::uint16_t next_index = 0;
    std::uint16_t count = 0;
  };
  std::optional<Open> open_;
};

}  // namespace commander::internal
