// decider.h: what happens to one command: repeated, refused, parked, or decided by its handler.
//
// Works on the staged side of the partition and appends what it decides to a batch.  It neither
// commits nor answers.  Not thread-safe: whoever owns the partition calls.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/environment.h"
#include "commander/group.h"
#include "engine/call.h"
#include "engine/crash_counter.h"
#include "engine/envelope.h"
#include "engine/log/log.h"
#include "engine/partition_state.h"
#include "engine/schema.h"
#include "engine/sealing.h"
#include "engine/types.h"

namespace commander::internal {

// One command's outcome in a batch under way.
struct DecidedOutcome {
  OutcomeFacts facts;  // its key is not set: use Facts()
  std::string key;
  OwnState::Entry* entry = nullptr;        // events only
  Aggregate after;                         // events only
  std::uint32_t first = 0;                 // place of its first record in the batch
  std::uint32_t count = 0;                 // records
  std::shared_ptr<const Offset> repeats;   // a repeat: where the first outcome of its id is …
  std::shared_ptr<Call> call;              // who asked, if it was this process
  std::vector<std::vector<Word>> records;  // copies for the answer, where somebody waits for it

  OutcomeFacts Facts() const {
    OutcomeFacts facts_with_key = facts;
    facts_with_key.key = key;
    return facts_with_key;
  }
};

struct DecidedBatch {
  log::EntryBatch entries;
  std::vector<DecidedOutcome> outcomes;
  MessageId last_id;            // of the last record …
  std::uint64_t last_hash = 0;  // … and XXH3-64 of its words; set by Seal()
  std::size_t last_begin = 0;   // word in entries where it begins
  // It parks a command that kills the process.  Until that is committed nothing else may run: it
  // might kill, too, and the count begin anew.
  bool parks_killer = false;

  bool empty() const { return outcomes.empty(); }
  // To be called before the entries are handed over.
  void Seal();
};

struct DeciderOptions {
  const GroupBase* group = nullptr;
  std::vector<CommandHandler> handlers;
  log::TopicPartition commands;
  log::TopicPartition events;
  std::uint16_t partitions = 1;
  std::size_t max_record_bytes = 0;
  // Of a batch, before it is closed.
  std::size_t batch_bytes = kMaxOutcomeBytes;
  std::size_t batch_outcomes = 4096;
};

class Decider {
 public:
  Decider(DeciderOptions options, PartitionState& state, log::Log& log, SchemaSet& schemas,
          const Sealing& sealing, Clock& clock, RandomSource& random, CrashSlot* crash_slot);

  enum class Result {
    kDone,  // the command has its outcome in the batch
    kMore,  // a retry filled the batch: commit it, then call again with the same record
  };

  // Decides the command in `record`, the one at the partition's staged consumed position or behind
  // it.
  //   Errors stop the partition: the store or the log could not be read, memory ran out, a schema
  //   could not be stored.  kAborted does not: ask again.  Nothing of the command is in the batch
  //   then.
  absl::StatusOr<Result> Decide(const log::Record& record, DecidedBatch* batch);

  bool Full(const DecidedBatch& batch) const {
    return batch.parks_killer || batch.entries.bytes() >= options_.batch_bytes ||
           batch.outcomes.size() >= options_.batch_outcomes;
  }

  TypeNames& names() { return names_; }
  // It is parked for good, and may be tried again.
  void ForgetKiller() { crashes_.Forget(); }

 private:
  struct Command;
  struct Refusal {
    std::string code;
    std::string message;
  };
  class Sight;  // the view of a handler

  //   kAborted: the log is away; ask again.
  absl::Status EnsureSchema(const Type& type, SchemaRole role);
  // What is known of a command's type.  One that this engine was never asked to send is known from
  // its handler, and its schema is with the log before an outcome of it.
  absl::StatusOr<KnownType> TypeOfCommand(std::uint64_t fingerprint);

  // `first`: where the outcome is that the command repeats.
  absl::StatusOr<std::optional<Refusal>> CheckRepeat(const Command& command,
                                                     std::shared_ptr<const Offset>* first);
  std::optional<Refusal> CheckWindow(const Command& command) const;
  // Whether the exceptions of the command's handler, and of folds, may be told.
  ExceptionText TextOf(const Command& command) const;
  absl::Status RejectErased(const Command& command, DecidedBatch* batch);

  // Runs the handler and appends its outcome; or says why it failed and appends nothing.
  absl::StatusOr<std::optional<std::string>> Run(const Command& command, DecidedBatch* batch);
  absl::StatusOr<std::optional<std::string>> AppendEvents(const Command& command,
                                                          OwnState::Entry* entry,
                                                          std::vector<EventDraft> events,
                                                          DecidedBatch* batch);
  absl::StatusOr<std::vector<Word>> ReadParked(const ParkedCommand& parked);
  absl::StatusOr<std::unique_ptr<EnvelopeReader>> OpenParked(std::span<const Word> words);
  absl::StatusOr<Result> Retry(const Command& command, DecidedBatch* batch);
  absl::Status Skip(const Command& command, DecidedBatch* batch);
  absl::Status Park(const Command& command, std::string_view code, std::string_view message,
                    DecidedBatch* batch);
  absl::Status Reject(const Command& command, const Refusal& refusal, DecidedBatch* batch);
  absl::Status Nothing(const Command& command, DecidedBatch* batch,
                       std::shared_ptr<const Offset> repeats = nullptr);
  // Of a record that cannot be attributed to an aggregate here.
  void RejectByPlace(const log::Record& record, std::string_view code, std::string_view message,
                     DecidedBatch* batch);

  OutcomeHeader HeaderOf(const Command& command, MessageKind kind) const;
  // Notes the records appended since the batch had `before` entries in `begin` words as the outcome
  // of the command, and stages what it means.
  DecidedOutcome& Add(const Command& command, const OutcomeHeader& last, std::uint32_t before,
                      std::size_t begin, DecidedBatch* batch, bool remembered = true);
  absl::StatusOr<std::uint64_t> VersionOf(const Command& command);
  const CommandHandler* HandlerOf(std::string_view type) const;

  const DeciderOptions options_;
  PartitionState& state_;
  log::Log& log_;
  SchemaSet& schemas_;
  const Sealing& sealing_;
  const bool personal_;  // states or events have personal fields
  Clock& clock_;
  RandomSource& random_;
  CrashCounter crashes_;
  TypeNames names_;
  absl::flat_hash_map<std::string, const CommandHandler*> handlers_;
  absl::flat_hash_set<const Type*> stored_;  // event types whose schema is with the log
  std::array<std::uint8_t, 16> seed_{};      // of the command that runs …
  bool drew_ = false;                        // … if its handler drew randomness
};

}  // namespace commander::internal
