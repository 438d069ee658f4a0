// group_history.h: what a log says about one group: its commands, and what became of them.
//
//     COMMANDER_ASSERT_OK_AND_ASSIGN(const GroupHistory history, ReadGroup(*log, "accounts"));
//     for (const LoggedOutcome& outcome : history.partitions[0].outcomes) …
//
// Decodes envelopes by itself, so that the engine's decoding is judged by another one.
#pragma once

#include <capnp/message.h>
#include <commander/envelope.capnp.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "commander/id.h"
#include "commander/outcome.h"
#include "commander/position.h"
#include "engine/log/log.h"

namespace commander::test {

using Words = std::vector<log::Word>;

enum class RecordKind : std::uint8_t { kCommand, kEvent, kRejection, kNothing, kParked };
std::string_view NameOf(RecordKind kind);
RecordKind KindOf(OutcomeKind kind);

struct LoggedCommand {
  Offset offset;
  MessageId id;
  std::string key;
  std::string type;  // stable name
  std::string actor;
  std::uint8_t expected = 0;  // as in Envelope.flags
  std::uint64_t expected_version = 0;
  std::int64_t arrived_ns = 0;
  Words record;
};

struct LoggedEvent {
  std::string type;
  std::uint64_t version = 0;
  Words record;
};

// All records of one outcome.
struct LoggedOutcome {
  RecordKind kind = RecordKind::kNothing;
  Offset first;  // of its records …
  Offset last;
  Offset source;
  MessageId cause;
  std::string key;
  std::uint64_t version = 0;  // of the aggregate after it
  std::int64_t time_ns = 0;
  std::int64_t asked_ns = 0;
  bool repeat = false;
  std::string code;     // of a rejection or parked, unless it is sealed …
  std::string message;  // … and its text
  Words command;        // parked: the command as it came
  std::vector<LoggedEvent> events;

  bool parked() const { return kind == RecordKind::kParked; }
};

struct PartitionHistory {
  std::vector<LoggedCommand> commands;  // at offsets 0, 1, 2 …
  std::vector<LoggedOutcome> outcomes;
  Offset end;                       // of the event topic
  std::vector<std::string> damage;  // records that belong to no whole outcome
};

struct GroupHistory {
  std::string group;
  std::vector<PartitionHistory> partitions;
};

//   kDataLoss, and the log's own errors: a record is not an envelope, or offsets have gaps that
//   may have none.
absl::StatusOr<GroupHistory> ReadGroup(log::LogReader& log, std::string_view group,
                                       bool dense_events = true);

// The record, to be read as long as this and the words live.
class RecordReader {
 public:
  explicit RecordReader(std::span<const log::Word> words);
  wire::Envelope::Reader envelope() { return message_.getRoot<wire::Envelope>(); }
  template <class T>
  typename T::Reader payload() {
    return envelope().getPayload().getClear().getAs<T>();
  }

 private:
  kj::ArrayPtr<const capnp::word> segment_[1];
  capnp::SegmentArrayMessageReader message_;
};

}  // namespace commander::test
