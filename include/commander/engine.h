// engine.h: opens everything, takes commands, answers queries.
//
//     commander::Group<Account> accounts("accounts");
//     accounts.OnCommand(…);
//     auto engine = commander::Engine::Open({.data_directory = "data"}, {&accounts});
//     if (!engine.ok()) return Fail(engine.status());
//     auto outcome = (*engine)->SyncCommand<bank::Deposit>(accounts, "acct-1",
//                                                          [](auto c) { c.setCents(500); });
//
// Errors carry the command's id (CommandIdOf) where there is one: an error of a command that was
// sent says that the outcome is not known yet, never that it will not come.  To be sure, send the
// same id again: it gives the first outcome and runs nothing twice.
#pragma once

#include <capnp/any.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "commander/environment.h"
#include "commander/group.h"
#include "commander/id.h"
#include "commander/internal/draft.h"
#include "commander/log_sink.h"
#include "commander/outcome.h"
#include "commander/position.h"
#include "commander/privacy.h"
#include "commander/projection.h"

namespace commander {

struct EngineOptions {
  // Holds log, stores and lock.  Created when missing.  One engine at a time.
  std::string data_directory = {};

  // Apache Kafka's bootstrap servers, "host:port,host:port"; empty: the embedded log, in the data
  // directory.  Stores, keys and lock are in the data directory either way.
  std::string brokers = {};
  // Names the topics <application>-schemas and <application>-ledger and the transactional ids.  Set
  // it at first and keep it: another name is other topics, in which schemas and erasures are
  // missing.  Empty: the group's name, where there is one group.
  std::string application = {};
  // Properties of librdkafka, name and value, for all its clients ("security.protocol", …).  What
  // the exactly-once protocol stands on is refused.
  std::vector<std::pair<std::string, std::string>> kafka_properties = {};

  // Where the keys of subjects are kept, once a type has personal fields; empty: keys/ in the data
  // directory.  Losing it is erasing everybody.
  std::string keys_directory = {};
  // File of 32 bytes that wraps those keys, made with mode 0600 where it is missing and no key
  // exists yet.  Keep it on another medium than the data, and a copy of it.  Empty:
  // $XDG_CONFIG_HOME/commander/<store>.kek, or below ~/.config.
  std::string kek_file = {};
  // Seals every payload whole, not only marked fields: under the subject that its type marks, else
  // under its aggregate's; rows of a projection that mark nothing under the projection's own.
  bool seal_everything = false;

  // How long a command id is remembered, counted from the arrival of the command.  A version 7 id
  // that is older when it arrives is refused (commander.expired).  Raising it reads the log again.
  absl::Duration dedup_window = absl::Hours(1);

  // Bound on one record, envelope included: at most 16 MiB / 4.
  std::size_t max_record_bytes = std::size_t{1} << 20;

  // Decoded states kept in memory, of all groups together; changed ones that are not in the store
  // yet come on top, see the next two.
  std::size_t state_cache_bytes = std::size_t{256} << 20;
  // How far the stores may lag behind the log, for the whole process; what lags is folded again
  // after a crash.
  std::size_t write_back_bytes = std::size_t{64} << 20;
  std::size_t write_back_events = 200'000;
  // RocksDB's block cache and write buffers, of all stores together.
  std::size_t store_memory_bytes = std::size_t{128} << 20;

  // Commands sent and not decided; above it SendCommand is refused and the others wait.
  std::size_t max_outstanding = 16'384;
  std::size_t max_outstanding_bytes = std::size_t{64} << 20;

  // Threads that decide; a partition is always served by the same one.  0: one a core.
  std::size_t worker_threads = 0;

  // Go on although the clock is more than 5 minutes behind the log's last time; outcomes then carry
  // that time until the clock reaches it.
  bool accept_clock = false;
  // Go on behind commands that the log deleted before they had an outcome, as retention on Kafka
  // may: they never get one.  Else their partition stops.
  bool accept_lost_commands = false;

  LogSink log_sink = nullptr;      // empty: silence
  Clock* clock = nullptr;          // null: the machine's
  RandomSource* random = nullptr;  // null: the machine's

  // Size of the embedded log's segment files.
  std::size_t segment_bytes = std::size_t{64} << 20;
};

// Which version of the aggregate a command is meant for.
class ExpectedVersion {
 public:
  static ExpectedVersion Any() { return {0, 0}; }
  static ExpectedVersion Absent() { return {1, 0}; }  // no event yet
  static ExpectedVersion Exactly(std::uint64_t version) { return {2, version}; }

  std::uint8_t code() const { return code_; }  // as in Envelope.flags
  std::uint64_t version() const { return version_; }

 private:
  ExpectedVersion(std::uint8_t code, std::uint64_t version) : code_(code), version_(version) {}
  std::uint8_t code_;
  std::uint64_t version_;
};

struct CommandOptions {
  // A UUID, or any text (MessageId::FromText); empty: a fresh version 7 UUID.
  std::string id = {};
  // Otherwise the recorded rejection commander.version_conflict.
  ExpectedVersion expected = ExpectedVersion::Any();
  // First message of the chain; empty: this command.
  MessageId correlation = {};
  // Who asks; opaque, in clear in the log; at most 4 KiB.
  std::string actor = {};
  // In clear in the log.
  std::vector<Header> headers = {};
  // How long to wait for the outcome (or, asynchronously, for durability).
  absl::Duration timeout = absl::Seconds(10);
  // Stops waiting with kCancelled; does not take the command back.
  std::stop_token stop = {};
};

// One parked aggregate.
struct ParkedAggregate {
  std::string key;
  Offset source;             // of the first parked command, which Skip means
  std::uint64_t length = 0;  // commands parked, the first included
  std::string command;       // its type
  MessageId id;              // its id
  std::string code;          // "failed"
  std::string message;       // why; text of the exception
};

enum class PartitionPhase { kRestoring, kRunning, kStopped };

struct PartitionStatus {
  std::string group;  // or projection
  std::uint32_t partition = 0;
  PartitionPhase phase = PartitionPhase::kRestoring;
  absl::Status error;   // why it stopped
  std::string warning;  // what an operator should see to; empty: nothing
  Offset folded;        // events below are in the state
  Offset end;           // of the event topic, as far as this engine has read or written it
};

struct EngineStatus {
  absl::Status log;  // Ok, or why the log has stopped; asked from a handler, that it must not
  std::vector<PartitionStatus> partitions;
  std::vector<PartitionStatus> projections;
  std::size_t outstanding = 0;  // commands sent and not decided
};

// Id of the command that an error is about, if any.
std::optional<MessageId> CommandIdOf(const absl::Status& status);
// Stable code of an error ("commander.timeout", "commander.full", …), or empty.
std::string ErrorCodeOf(const absl::Status& status);

namespace internal {

class EngineThreads;

template <class T, class F>
CommandDraft MakeCommand(F&& fill) {
  if constexpr (CheckStruct<T>()) {
    CommandDraft draft(TypeOf<T>());
    std::forward<F>(fill)(draft.payload().template initAs<T>());
    return draft;
  }
}

}  // namespace internal

// Thread-safe.  Several may live in one process, each on a directory of its own.
//
// Errors of every method, besides those named there:
//   kFailedPrecondition: called from a handler or fold: a decision may run again, so it must not
//                        send, wait or query.
//   kUnavailable: closed, or the log or the partition has stopped (the message says why); open a
//                 new engine.
class Engine {
 public:
  // Checks wiring, options, directory and topics, then starts the threads.  Returns while
  // partitions still restore; commands wait for them within their timeout.  The components must
  // outlive the engine.  Blocks on disk; on Kafka also on brokers, some 10 s, and on a
  // predecessor's session, 30 s.
  //   kInvalidArgument: wiring or options; one sentence.
  //   kFailedPrecondition: the directory is locked by another process (its id is named), belongs to
  //                        another log or holds what this program cannot read; the clock is behind;
  //                        topics on Kafka have other partitions, or settings that lose records.
  //   kPermissionDenied: the directory cannot be written; the cluster refuses this client.
  //   kUnavailable: no broker answers, or another process owns a group (it is named); try again.
  //   kDataLoss: the log is damaged; file and place are named.  Nothing was changed.
  static absl::StatusOr<std::unique_ptr<Engine>> Open(EngineOptions options,
                                                      std::vector<internal::Component*> components);

  // As Close() with 10 s.
  ~Engine();

  // Sends and waits for the outcome.
  //   kInvalidArgument: empty or too long key or actor, no handler for T, record too large; not
  //                     sent.
  //   kDeadlineExceeded, kCancelled: the outcome may still come; CommandIdOf(status) is its id.
  //   kResourceExhausted: the disk is full, or too many commands waited all the time; not sent.
  template <class T, class F>
  absl::StatusOr<Outcome> SyncCommand(const internal::GroupBase& group, std::string_view key,
                                      F&& fill, const CommandOptions& options = {}) {
    return Sync(group, key, internal::MakeCommand<T>(std::forward<F>(fill)), options);
  }

  // Sends, waits until the command is durable, returns its id.  It will have exactly one outcome.
  // Errors as above.
  template <class T, class F>
  absl::StatusOr<MessageId> AsyncCommand(const internal::GroupBase& group, std::string_view key,
                                         F&& fill, const CommandOptions& options = {}) {
    return Async(group, key, internal::MakeCommand<T>(std::forward<F>(fill)), options);
  }

  using Done = absl::AnyInvocable<void(absl::StatusOr<Outcome>)>;

  // Sends and returns at once.  `done` is called exactly once: with the outcome, at the deadline,
  // or at Close; on an engine thread; it must not block, and may send.  Where this fails, it is not
  // called.
  //   kResourceExhausted: too many commands are outstanding, or the disk is full; not sent.
  template <class T, class F>
  absl::StatusOr<MessageId> SendCommand(const internal::GroupBase& group, std::string_view key,
                                        F&& fill, Done done, const CommandOptions& options = {}) {
    return Send(group, key, internal::MakeCommand<T>(std::forward<F>(fill)), std::move(done),
                options);
  }

  // The outcome of a command that was sent before, from committed outcomes; runs no handler.  A
  // parked command's is kParked until it has its final one.
  //   kNotFound: pending, never sent, or forgotten; it does not prove that the command will not
  //   run.
  absl::StatusOr<Outcome> FindOutcome(const internal::GroupBase& group, std::string_view key,
                                      std::string_view id);

  // The row of `key`, or nothing.  Waits for `at_least`.
  //   kDeadlineExceeded: the projection has not come that far.
  //   kInvalidArgument: a position of another log or of a topic that it does not fold.
  //   kFailedPrecondition: the projection stopped; the message says why.
  template <class R>
  absl::StatusOr<std::optional<R>> Get(const Projection<R>& projection, std::string_view key,
                                       const QueryOptions& options = {}) {
    std::optional<R> row;
    absl::Status status = GetRow(projection, key, options, [&](capnp::AnyPointer::Reader stored) {
      row.emplace().Load(stored.getAs<typename R::Schema>());
    });
    if (!status.ok()) return status;
    return row;
  }

  // Rows in bytewise order of their keys.  Errors as Get.
  template <class R>
  absl::StatusOr<std::vector<ProjectionEntry<R>>> Scan(const Projection<R>& projection,
                                                       const ScanOptions& options = {}) {
    std::vector<ProjectionEntry<R>> rows;
    absl::Status status =
        ScanRows(projection, options, [&](std::string_view key, capnp::AnyPointer::Reader stored) {
          rows.push_back({std::string(key), R()});
          rows.back().row.Load(stored.getAs<typename R::Schema>());
        });
    if (!status.ok()) return status;
    return rows;
  }

  // Parked aggregates of the group, in order of their keys.
  //   kUnavailable: a partition is still being restored (AwaitReady), or has stopped.
  absl::StatusOr<std::vector<ParkedAggregate>> Parked(const internal::GroupBase& group);
  // Runs the parked commands of the aggregate again, in order, until one fails.  The outcome is
  // nothing, or the rejection commander.failed that names the command and why.
  absl::StatusOr<Outcome> Retry(const internal::GroupBase& group, std::string_view key);
  // Refuses the first parked command (commander.skipped), which must be `source` of Parked(), and
  // retries those behind it.  The outcome is the retry's, or the rejection commander.other_head.
  absl::StatusOr<Outcome> Skip(const internal::GroupBase& group, std::string_view key,
                               Offset source, std::string_view reason);

  // Erasing subjects of personal fields.  Valid as long as the engine.
  Privacy privacy();

  // Waits until every partition and projection has folded what was in the log at Open.
  //   kDeadlineExceeded, and the error of a partition that stopped.
  absl::Status AwaitReady(absl::Duration timeout = absl::InfiniteDuration());
  // Never waits.
  EngineStatus Status();

  // Takes no new commands, gives what was sent up to `drain` to be answered, answers the rest with
  // kCancelled (their outcomes may still come), writes the stores back.  The first error.
  absl::Status Close(absl::Duration drain = absl::Seconds(10));

 private:
  explicit Engine(std::unique_ptr<internal::EngineThreads> threads);
  absl::StatusOr<Outcome> Sync(const internal::GroupBase& group, std::string_view key,
                               internal::CommandDraft draft, const CommandOptions& options);
  absl::StatusOr<MessageId> Async(const internal::GroupBase& group, std::string_view key,
                                  internal::CommandDraft draft, const CommandOptions& options);
  absl::StatusOr<MessageId> Send(const internal::GroupBase& group, std::string_view key,
                                 internal::CommandDraft draft, Done done,
                                 const CommandOptions& options);
  absl::Status GetRow(const internal::ProjectionBase& projection, std::string_view key,
                      const QueryOptions& options,
                      const std::function<void(capnp::AnyPointer::Reader)>& use);
  absl::Status ScanRows(
      const internal::ProjectionBase& projection, const ScanOptions& options,
      const std::function<void(std::string_view, capnp::AnyPointer::Reader)>& use);

  std::unique_ptr<internal::EngineThreads> threads_;
};

}  // namespace commander
