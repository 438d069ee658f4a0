// worker.h: owns one partition of a group: restores it, decides its commands, applies what is
// committed.
//
// An object with a Step(): threads, a synchronous caller or a simulation call it in turn.  Whoever
// is in Step() owns the partition.
//
//     restoring ──► running ──► stopped (with the reason)
//         ▲            │
//         └────────────┘ a commit whose result nobody knows: read the log to learn what happened
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/engine.h"
#include "engine/decider.h"
#include "engine/outcome_reader.h"
#include "engine/partition_state.h"
#include "engine/write_back.h"

namespace commander::internal {

struct WorkerOptions {
  PartitionOptions partition;
  DeciderOptions decider;
  bool handle_commands = true;
  bool accept_lost_commands = false;  // as in EngineOptions
  std::size_t decide_at_once = 64;    // commands between two looks at what was committed meanwhile
  // This partition's share of what stores may lag behind.
  std::size_t write_back_bytes = 0;
  std::size_t write_back_events = 0;
  std::string log_id;  // hexadecimal
};

struct WorkerEnvironment {
  log::Log* log = nullptr;
  SchemaSet* schemas = nullptr;
  const Sealing* sealing = nullptr;
  store::Store* store = nullptr;
  store::FamilyId family;
  WriteBackQueue* write_backs = nullptr;
  Clock* clock = nullptr;
  RandomSource* random = nullptr;
  CrashSlot* crash_slot = nullptr;
  LogSink sink;
  // Whoever calls Step() should do so.
  std::function<void()> wake;
};

// Thread-safe.
class Worker {
 public:
  Worker(WorkerOptions options, const FoldType& fold, WorkerEnvironment environment);

  // Checks the store against the log.  To be called once, before any Step().
  //   kFailedPrecondition: the store is of another log, or ahead of this one.
  absl::Status Open();

  // Does a bounded piece of what there is to do; false when there was nothing.  With `try_only`
  // also when another thread is at it.
  bool Step(bool try_only = false);

  // Committed outcomes only, whatever is under way.  kNotFound: none is remembered.
  absl::StatusOr<Outcome> FindOutcome(std::string_view key, const MessageId& id);
  //   kUnavailable: not restored yet.
  absl::StatusOr<std::vector<ParkedAggregate>> Parked();
  // Never waits for whoever owns the partition.
  PartitionStatus Status();
  // Restored up to what was in the log at Open().
  bool ready() const { return phase_.load() == PartitionPhase::kRunning; }
  bool stopped() const { return phase_.load() == PartitionPhase::kStopped; }
  // What is appended now will soon have an outcome, and be durable with it.
  bool will_commit() const { return ready() && options_.handle_commands; }
  // Why, once stopped.  Never waits for whoever owns the partition.
  absl::Status error();
  // What callers are told then: kUnavailable, commander.stopped, and why.
  absl::Status Unavailable();
  // Nothing is decided and not committed.  Its commands may still wait in the log.
  bool idle();

  // Hands everything that the store lacks to the write-back queue.
  void WriteBackNow();
  // Asks the worker to write back what the store lacks and to forget every state that it has
  // decoded; it decides nothing until it has.  Somebody must call Step() until Dropped().
  void RequestDrop();
  bool Dropped() const { return !drop_; }
  // Why a write-back failed; Ok where all those that are done went well.
  absl::Status write_back_error();
  // Decides no more; what is committed is still applied.
  void Stop(absl::Status why);

  const std::string& group() const { return options_.partition.group; }
  std::uint16_t partition() const { return options_.partition.partition; }

 private:
  class Owner;  // holds mutex_, and gives the answers when it lets go
  bool StepLocked();
  bool TakeResults();
  bool Restore();
  absl::Status FindStart();
  bool DecideSome();
  void Submit();
  void Apply(DecidedBatch& batch, const log::CommitResult& committed);
  void Answer(DecidedOutcome& outcome, const log::CommitResult& committed);
  void DropStaged(const absl::Status& why, bool keep_calls);
  void DropBatch(DecidedBatch& batch, const absl::Status& why, bool keep_calls);
  void StopLocked(absl::Status why);
  // kAborted of a log that goes on: whatever was tried is tried again with the next step.
  void StopUnlessWaiting(const absl::Status& status);
  // What callers are told whose commands were not decided before it stopped.
  absl::Status StoppedAnswer(const absl::Status& why) const;
  void MaybeWriteBack(bool now);
  bool DropDecoded();
  void Log(LogLevel level, std::string message) const;
  OutcomePlace Place() const;
  OutcomeBuilder::TypeOf TypeOf();

  const WorkerOptions options_;
  const FoldType& fold_;
  const WorkerEnvironment environment_;

  std::mutex
      mutex_;  // whoever holds it owns the partition; guards all below but what says otherwise
  PartitionState state_;
  Decider decider_;
  std::atomic<PartitionPhase> phase_{PartitionPhase::kRestoring};  // written with mutex_ held
  std::atomic<std::uint64_t> folded_{0};  // state_.next(); written with mutex_ held
  Offset restore_from_;  // where to poll next; the last record folded may lie before a gap
  std::optional<Offset> restore_to_;  // none: to be asked for
  std::vector<log::Record> polled_;
  std::size_t polled_at_ = 0;
  Offset first_;                              // of the commands that are there to be decided
  Offset poll_from_;                          // the next command to decide, or before a gap
  Offset polled_to_;                          // where to poll once polled_ is used up
  std::unique_ptr<DecidedBatch> open_;        // being decided
  std::unique_ptr<DecidedBatch> committing_;  // handed to the log
  bool more_ = false;                         // a retry goes on with the next batch
  // Calls of commands that were decided, and whose decisions were dropped: they will be decided
  // again.
  absl::flat_hash_map<std::uint64_t, std::shared_ptr<Call>> undecided_;
  std::atomic<bool> drop_{false};  // RequestDrop(); written with mutex_ held
  bool writing_back_ = false;
  // False: a write-back failed, or something was applied in part.  What the store lacks is folded
  // again from the log when it is opened.
  bool may_write_back_ = true;
  absl::Status write_back_error_;
  // Given to callers once the lock is released: what they do then may come back here.
  std::vector<std::pair<std::shared_ptr<Call>, absl::StatusOr<Outcome>>> answers_;

  std::mutex results_mutex_;  // guards what other threads report
  std::optional<log::CommitResult> commit_result_;
  std::optional<std::pair<absl::Status, PartitionState::WriteBack>> write_back_result_;

  std::mutex error_mutex_;
  absl::Status error_;  // set once, before phase_ says stopped
};

}  // namespace commander::internal
