#include "engine/partition_state.h"

#include <xxhash.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "engine/partitioner.h"

namespace commander::internal {
namespace {

// Of a store; where the number of partitions was changed, one key in two or more is misplaced.
constexpr int kKeysToCheck = 64;

}  // namespace

PartitionState::PartitionState(PartitionOptions options, const FoldType& fold,
                               const Sealing& sealing, store::Store& store, store::FamilyId family)
    : options_(std::move(options)),
      fold_(fold),
      sealing_(sealing),
      text_(sealing.Personal(fold) ? ExceptionText::kWithheld : ExceptionText::kTold),
      store_(store),
      family_(family),
      states_(fold, sealing, options_.group, store, family, options_.cache_bytes),
      ids_(store, family, options_.dedup_window_ns, options_.id_bytes, options_.id_block) {}

std::string PartitionState::Place(Offset offset) const {
  return absl::StrCat("topic ", options_.events_topic, "[", options_.partition, "] offset ",
                      offset.value);
}

// Elsewhere nothing would be known of the key, and its versions would begin again.
absl::Status PartitionState::CheckPlace(std::string_view key, std::string_view where) const {
  const std::uint16_t right = PartitionOf(key, options_.partitions);
  if (right == options_.partition) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      ToAbsl(where), ": its key belongs to partition ", right, " of ", options_.partitions,
      "; the group has had another number of partitions, which cannot change: open with that one "
      "where the topics still have it, else use topics of another name"));
}

absl::Status PartitionState::CheckStoredPlaces() const {
  const std::string start = store::StateKey("");
  const std::unique_ptr<store::Cursor> row = store_.Scan(family_, start, store::PrefixEnd(start));
  for (int i = 0; i < kKeysToCheck && row->Valid(); ++i, row->Next()) {
    COMMANDER_RETURN_IF_ERROR(
        CheckPlace(store::KeyOfState(row->key()),
                   absl::StrCat("the store of group ", options_.group, ", partition ",
                                options_.partition, ", has a state that is not its own")));
  }
  return row->status();
}

absl::Status PartitionState::Load(std::string* refold) {
  refold->clear();
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                             store_.Get(family_, store::PartitionKey()));
  row_ = {};
  if (stored.has_value()) {
    COMMANDER_ASSIGN_OR_RETURN(row_, store::DecodePartition(*stored));
    if (row_.log_id != options_.log_id) {
      return absl::FailedPreconditionError(
          absl::StrCat("the store of group ", options_.group,
                       " belongs to another log than the one in this data ",
                       "directory; put the directory's own log and store together again, or delete "
                       "the store: it ",
                       "will be rebuilt from this log"));
    }
    COMMANDER_RETURN_IF_ERROR(CheckStoredPlaces());
    if (row_.fold_version != fold_.version) {
      *refold =
          absl::StrCat("its kVersion is ", row_.fold_version, ", the program's ", fold_.version);
    } else if (row_.schema != fold_.schema->fingerprint) {
      *refold = absl::StrCat("the schema of ", fold_.schema->name, " is another one");
    } else if (row_.sealed_whole != sealing_.everything()) {
      *refold = "seal_everything was changed";
    } else if (row_.dedup_window_ns < options_.dedup_window_ns) {
      *refold = "dedup_window was raised";
    }
  }
  if (!refold->empty()) {
    COMMANDER_RETURN_IF_ERROR(store_.Clear(family_));
    row_ = {};
  }
  row_.log_id = options_.log_id;
  row_.fold_version = fold_.version;
  row_.schema = fold_.schema->fingerprint;
  row_.sealed_whole = sealing_.everything();
  row_.dedup_window_ns = options_.dedup_window_ns;
  unsaved_records_ = 0;
  open_.reset();
  states_.Clear();
  COMMANDER_RETURN_IF_ERROR(ids_.Load());
  COMMANDER_RETURN_IF_ERROR(parked_.Load(store_, family_));
  DropStaged();
  return absl::OkStatus();
}

absl::Status PartitionState::Fold(Offset offset, std::span<const Word> message,
                                  const KnownType& type) {
  const auto damaged = [&](const std::string& what) {
    return absl::DataLossError(
        absl::StrCat(Place(offset), ": ", what,
                     "; the log was written by something else than this engine, or is damaged: "
                     "restore it from a backup"));
  };
  if (offset < row_.next) {
    return damaged(absl::StrCat("it came again, everything below ", row_.next.value, " is folded"));
  }
  absl::StatusOr<std::unique_ptr<EnvelopeReader>> opened = EnvelopeReader::Open(message);
  if (!opened.ok()) return damaged(std::string(opened.status().message()));
  EnvelopeReader& record = **opened;
  if (record.kind() == MessageKind::kCommand || record.kind() == MessageKind::kLedger) {
    return damaged(absl::StrCat("a ", ToAbsl(MessageKindName(record.kind())), " among outcomes"));
  }
  if (const absl::Status status = sealing_.Open(record, options_.group, type.personal);
      !status.ok()) {
    return absl::Status(status.code(), absl::StrCat(Place(offset), ": ", status.message()));
  }

  const bool continues = open_.has_value() && record.source() == open_->source &&
                         record.index() == open_->next_index && record.count() == open_->count;
  if (open_.has_value() && !continues) {
    return damaged(absl::StrCat("expected record ", open_->next_index, " of ", open_->count,
                                " of the outcome of command ", open_->source.value));
  }
  if (!open_.has_value()) {
    if (record.index() != 0) {
      return damaged(absl::StrCat("an outcome begins with its record ", record.index()));
    }
    open_ = Open{offset, record.source(), 0, record.count()};
  }

  if (record.kind() == MessageKind::kEvent) {
    COMMANDER_RETURN_IF_ERROR(CheckPlace(record.key(), Place(offset)));
    COMMANDER_ASSIGN_OR_RETURN(OwnState::Entry* const entry, states_.Find(record.key()));
    if (record.version() != entry->committed.version + 1) {
      return damaged(absl::StrCat("expected version ", entry->committed.version + 1,
                                  " of its aggregate, got ", record.version()));
    }
    Aggregate before = std::exchange(entry->committed, {});
    entry->staged = {};
    EventToFold event{type.name, record.payload(),
                      MetadataOf(record, options_.group, options_.partition, Offset{}),
                      record.kid()};
    event.text = text_;
    absl::StatusOr<Aggregate> after = sealing_.Apply(fold_, std::move(before), event);
    if (!after.ok()) {
      return absl::Status(after.status().code(),
                          absl::StrCat(Place(offset), ": ", after.status().message()));
    }
    states_.Fold(entry, *std::move(after));
  }

  row_.next = offset + 1;
  ++unsaved_records_;
  row_.last_id = record.id();
  row_.last_hash = XXH3_64bits(message.data(), message.size_bytes());
  if (++open_->next_index < open_->count) return absl::OkStatus();

  OutcomeFacts facts;
  facts.id = record.cause();
  facts.key = record.key();
  facts.source = record.source();
  facts.kind = record.kind();
  facts.time_ns = record.time_ns();
  facts.asked_ns = record.asked_ns();
  // A record that nobody could read has no key.
  facts.remembered = !record.repeat() && !record.key().empty();
  if (record.kind() == MessageKind::kRejection) {
    Rejection rejection;
    COMMANDER_RETURN_IF_ERROR(GuardKj(Place(offset), [&] { rejection = record.rejection(); }));
    if (rejection.code == kIdReused) facts.remembered = false;
  }
  const Offset first = open_->first;
  open_.reset();
  if (facts.kind == MessageKind::kParked) {
    parked_.StagePush(facts.key, facts.source);
  } else {
    parked_.StagePop(facts.key, facts.source);
  }
  COMMANDER_RETURN_IF_ERROR(Commit(facts, first));
  staged_consumed_ = row_.consumed;
  staged_time_ns_ = row_.last_time_ns;
  staged_asked_ns_ = row_.last_asked_ns;
  return absl::OkStatus();
}

void PartitionState::Stage(const OutcomeFacts& facts) {
  staged_consumed_ = std::max(staged_consumed_, facts.source + 1);
  staged_time_ns_ = std::max(staged_time_ns_, facts.time_ns);
  staged_asked_ns_ = std::max(staged_asked_ns_, facts.asked_ns);
  if (facts.kind == MessageKind::kParked) {
    parked_.StagePush(facts.key, facts.source);
  } else {
    parked_.StagePop(facts.key, facts.source);
  }
  if (facts.remembered) {
    ids_.Stage(facts.id, HashOfKey(facts.key), facts.source, facts.kind == MessageKind::kParked);
  }
}

absl::Status PartitionState::Commit(const OutcomeFacts& facts, Offset first) {
  row_.consumed = std::max(row_.consumed, facts.source + 1);
  row_.last_time_ns = std::max(row_.last_time_ns, facts.time_ns);
  row_.last_asked_ns = std::max(row_.last_asked_ns, facts.asked_ns);
  const bool parks = facts.kind == MessageKind::kParked;
  bool was_parked = false;
  if (parks) {
    parked_.CommitPush(facts.key, facts.source, first);
  } else {
    was_parked = parked_.CommitPop(facts.key, facts.source);
  }
  if (facts.remembered) {
    store::RememberedId id;
    id.id = facts.id;
    id.key_hash = HashOfKey(facts.key);
    id.outcome = first;
    id.asked_ns = row_.last_asked_ns;
    id.parked = parks;
    COMMANDER_RETURN_IF_ERROR(ids_.Remember(id, was_parked));
  }
  ids_.Expire(row_.last_asked_ns);
  return absl::OkStatus();
}

void PartitionState::CommitBatch(std::uint32_t records, Offset last, const MessageId& last_id,
                                 std::uint64_t last_hash) {
  unsaved_records_ += records;
  row_.next = last + 1;
  row_.last_id = last_id;
  row_.last_hash = last_hash;
}

void PartitionState::DropStaged() {
  staged_consumed_ = row_.consumed;
  staged_time_ns_ = row_.last_time_ns;
  staged_asked_ns_ = row_.last_asked_ns;
  parked_.DropStaged();
  ids_.DropStaged();
}

PartitionState::WriteBack PartitionState::TakeWriteBack() {
  WriteBack taken;
  taken.states = states_.TakeDirty();
  ids_.TakeChanges(&taken.batch);
  parked_.TakeChanges(&taken.batch);
  taken.batch.Put(store::PartitionKey(), store::EncodePartition(row_));
  unsaved_records_ = 0;
  return taken;
}

void PartitionState::Written(const WriteBack& written) {
  states_.Written(written.states);
  ids_.Written();
}

}  // namespace commander::internal
