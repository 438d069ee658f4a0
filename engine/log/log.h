// log.h: what the engine asks of a log.
//
// A log holds topics; a topic has partitions; a partition is a sequence of
// records at increasing offsets, from 0 on.  Between two offsets there may be a gap
// (on Kafka a transaction's marker takes one).  A record is one Cap'n Proto segment
// (an Envelope, to the engine; opaque words here).  Deduplication, versions and folds are the
// engine's business, not the log's.
//
// The rule that every implementation keeps: no outcome becomes durable before
// the command that it consumed, outcomes and the consumed position of a batch
// become durable together or not at all, and nobody reads an outcome that could
// still vanish.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "commander/position.h"
#include "engine/log/entries.h"

namespace commander::log {

// Random, made with the log; names it for ever.
using LogId = std::array<std::uint8_t, 16>;

enum class TopicKind : std::uint8_t {  // stored
  kCommands = 1,                       // Poll() also hands out records that are not durable yet
  kEvents = 2,                         // Poll() hands out durable records only
  kLedger = 3,                         // the same, but records come by Append()
};

struct TopicSettings {
  std::string name;  // 1 to 249 of A-Z a-z 0-9 . _ -
  TopicKind kind = TopicKind::kEvents;
  std::uint16_t partitions = 8;
};

// A topic of one log, as OpenTopic() numbered it, and one of its partitions.
struct TopicPartition {
  std::uint16_t topic = 0;
  std::uint16_t partition = 0;

  friend bool operator==(TopicPartition, TopicPartition) = default;
  friend auto operator<=>(TopicPartition, TopicPartition) = default;
};

struct TopicInfo {
  std::uint16_t number = 0;
  TopicSettings settings;
};

// What a sender learns of its record.  Travels with the record through this
// process: whoever polls the record finds it there.  Called from Step().  The log
// holds it until the record is consumed, or OnFailed(), or the log is destroyed.
class Ticket {
 public:
  virtual ~Ticket() = default;
  // The record is durable at `offset`.
  virtual void OnDurable(Offset offset) = 0;
  // The log failed; it is unknown whether the record will be found in it.
  virtual void OnFailed(const absl::Status& status) = 0;
};

struct Record {
  Offset offset;
  // When the log took the record, nanoseconds since 1970; never decreases within a partition's
  // run of appends by one process.  After a crash, the time of its frame.
  std::int64_t time_ns = 0;
  std::span<const Word> message;      // one Cap'n Proto segment, 8-byte aligned
  std::shared_ptr<const void> owner;  // keeps `message` and `key` alive
  std::shared_ptr<Ticket> ticket;     // of this process's own append, else null
  // Beside the message, where the log has such keys: what its writer placed it by.
  std::optional<std::string_view> key = {};
};

struct Schema {
  std::uint64_t fingerprint = 0;
  std::string name;   // stable type name, `bank.Withdrawn`
  std::string bytes;  // opaque here: the nodes, as the engine encodes them
};

// The half that only reads.  Thread-safe.
class LogReader {
 public:
  virtual ~LogReader() = default;

  virtual LogId id() const = 0;
  virtual absl::StatusOr<std::vector<TopicInfo>> Topics() = 0;
  virtual absl::StatusOr<std::vector<Schema>> Schemas() = 0;

  // First offset that still exists, and an offset behind the last durable record.  Where they have
  // to wait for other machines, kAborted: in vain; ask again.
  virtual absl::StatusOr<Offset> Begin(TopicPartition partition) = 0;
  virtual absl::StatusOr<Offset> End(TopicPartition partition) = 0;
  // As End(), as far as this log has come to know it by reading and writing.  Never waits.
  virtual Offset EndSeen(TopicPartition partition) { return End(partition).value_or(Offset{}); }

  // Appends to `out` the records from `from` on that are there now, and no more than
  // `max_bytes` once there is one.  Returns where to poll next: behind the last of
  // them and behind gaps that follow, so that whoever polls on reaches End().  Where
  // it returns `from` there is nothing yet, and the listener will be called; never
  // waits for records, may read from disk.
  //   kOutOfRange: `from` lies below Begin() or behind the end.
  //   kDataLoss: the log is damaged there; the message says which file and place.
  virtual absl::StatusOr<Offset> Poll(TopicPartition partition, Offset from, std::size_t max_bytes,
                                      std::vector<Record>* out) = 0;

  // The record at `offset`, also a command that Poll() hands out and that is not durable yet.
  //   kOutOfRange: there is none (yet).  Else as Poll(), but it may wait for a while for the
  //   record.  kAborted: it waited in vain; ask again.
  virtual absl::StatusOr<Record> Read(TopicPartition partition, Offset offset) = 0;
  // The last durable record, if there is one.
  virtual absl::StatusOr<std::optional<Record>> ReadLast(TopicPartition partition) = 0;
};

enum class CommitOutcome {
  kCommitted,  // durable, and in order behind what was committed before
  kAborted,    // certainly not in the log and never will be; decide again
  kRefused,    // as kAborted, but would be again; stop the partition
  kUnknown,    // nobody knows; drop what is staged and open again
};

struct CommitResult {
  CommitOutcome outcome = CommitOutcome::kUnknown;
  absl::Status status = {};  // why, unless committed
  Offset first = {};         // committed: offset of the first entry of the batch
  // Committed: offsets of all entries; empty where they follow each other without a gap.
  std::vector<Offset> offsets = {};

  Offset OffsetOf(std::uint32_t entry) const {
    return offsets.empty() ? first + entry : offsets[entry];
  }
};

// The outcomes of a run of commands of one partition.
struct CommitBatch {
  TopicPartition commands;
  TopicPartition events;
  Offset consumed;     // commands below have their (first) outcome once this is committed
  EntryBatch entries;  // 1 or more, at most kMaxCommitBytes together
  std::function<void(const CommitResult&)> done;  // called once, from Step(), no lock held
};

// What one batch may hold; one outcome alone always fits.
inline constexpr std::size_t kMaxCommitBytes = std::size_t{8} << 20;

// Thread-safe.
class Log : public LogReader {
 public:
  // Creates the topic, or checks that it exists with these settings.  Blocks on
  // disk; the topic is durable when it returns.
  //   kFailedPrecondition: it exists with another kind or number of partitions.
  virtual absl::StatusOr<std::uint16_t> OpenTopic(const TopicSettings& settings) = 0;

  // Keeps a schema beside the data, in place of the one of this fingerprint.
  virtual absl::Status StoreSchema(const Schema& schema) = 0;

  // Makes this the only log that commits outcomes of these topics' commands: ends what a
  // predecessor had under way, so that what it committed is found from now on and it commits no
  // more.  To be called before their End() is taken for the point to restore to, and before
  // Commit().  Blocks.  Nothing to do where a log is opened by one process at a time.
  //   kUnavailable: another process, which the message names, is alive and owns them.
  virtual absl::Status Acquire(std::string_view group, std::uint16_t commands,
                               std::uint16_t events) = 0;

  // Takes a command, or a record of a ledger; a command may be polled before it is durable.
  // Copies `message`.  Records of one partition stand in the log in the order of the calls.
  // `ticket` (may be null) is told the offset when it is durable.
  // `wake`: false where a worker of this process is about to commit behind it.
  //   kResourceExhausted: no space on the device; not appended.
  //   kUnavailable: the log has stopped; reopen it.
  virtual absl::Status Append(TopicPartition commands, std::span<const Word> message,
                              std::shared_ptr<Ticket> ticket, bool wake) = 0;

  // Nobody here decides these commands any more: hands over the tickets that are kept for whoever
  // polls them.  They are still told of being durable.
  virtual std::vector<std::shared_ptr<Ticket>> TakeTickets(TopicPartition commands) = 0;

  // Step() and reading may wait for other machines: leave them to threads without a deadline.
  virtual bool remote() const { return false; }

  // Hands over decided outcomes; returns at once.
  virtual void Commit(CommitBatch batch) = 0;

  // Does what there is to do (writes and syncs one frame, tells tickets and
  // batches).  False when there was nothing.  One caller at a time works; with
  // `try_only` it returns false at once where another is at it.
  virtual bool Step(bool try_only = false) = 0;
  // Blocks until Step() may have something to do, or Wake() is called.
  virtual void WaitForWork() = 0;
  virtual void Wake() = 0;

  // `barrier` is called, from Step(), before anything that was appended or committed until then
  // becomes durable: what it refers to elsewhere must be durable first.  Where it fails the log
  // stops.  To be set before there is anything to write; may not call the log.
  virtual void SetBarrier(std::function<absl::Status()> barrier) = 0;

  // `listener` is called, from whatever thread and possibly too often, when
  // Poll(partition) may return more.  Must not block, nor call the log.  An empty
  // function takes it away, and returns when no call of the old one is running.
  virtual void SetListener(TopicPartition partition, std::function<void()> listener) = 0;

  // Ok, or why the log has stopped for good.
  virtual absl::Status health() const = 0;
  // What an operator should see to while the log goes on: what it is, where, and what to do. Empty:
  // nothing.
  virtual std::string Warning(TopicPartition /*partition*/) { return {}; }

  // Writes what is pending, if it can, and closes the files.  Tickets and batches
  // still waiting are told.  The first error.  The destructor does the same.
  virtual absl::Status Close() = 0;
};

}  // namespace commander::log
