#include "tests/support/group_history.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"

namespace commander::test {
namespace {

using ::commander::internal::ToAbsl;

constexpr std::uint8_t kRepeat = 0x4;
constexpr std::size_t kPollBytes = std::size_t{1} << 20;

using TypeNames = std::map<std::uint64_t, std::string>;

std::string Text(capnp::Text::Reader text) { return {text.cStr(), text.size()}; }
std::string Bytes(capnp::Data::Reader data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}

// All records of a partition, through `add`.
absl::Status ForEach(log::LogReader& log, log::TopicPartition partition, Offset end, bool dense,
                     const std::function<void(const log::Record&)>& add) {
  Offset at{0};
  while (at < end) {
    std::vector<log::Record> records;
    COMMANDER_ASSIGN_OR_RETURN(const Offset next, log.Poll(partition, at, kPollBytes, &records));
    if (next == at) return absl::DataLossError("a poll below the end gave nothing");
    for (const log::Record& record : records) {
      if (record.offset < at || (dense && record.offset > at)) {
        return absl::DataLossError("offsets are not in order, or not dense");
      }
      at = record.offset + 1;
      if (record.offset < end) add(record);
    }
    if (next < at || (dense && next > at)) {
      return absl::DataLossError("a poll says to go on elsewhere than behind its records");
    }
    at = next;
  }
  return absl::OkStatus();
}

LoggedCommand Command(const log::Record& record, const TypeNames& names) {
  LoggedCommand command;
  command.offset = record.offset;
  command.arrived_ns = record.time_ns;
  command.record.assign(record.message.begin(), record.message.end());
  RecordReader reader(command.record);
  const wire::Envelope::Reader envelope = reader.envelope();
  command.id = {envelope.getIdHi(), envelope.getIdLo()};
  command.key = Bytes(envelope.getKey());
  if (const auto name = names.find(envelope.getType()); name != names.end()) {
    command.type = name->second;
  }
  command.actor = Text(envelope.getExtra().getActor());
  command.expected = envelope.getFlags() & 3;
  command.expected_version = envelope.getVersion();
  return command;
}

LoggedOutcome Head(Offset offset, wire::Envelope::Reader envelope) {
  LoggedOutcome outcome;
  outcome.kind = static_cast<RecordKind>(envelope.getKind());
  outcome.first = outcome.last = offset;
  outcome.source = {envelope.getSource()};
  outcome.cause = {envelope.getCauseHi(), envelope.getCauseLo()};
  outcome.key = Bytes(envelope.getKey());
  outcome.version = envelope.getVersion();
  outcome.time_ns = envelope.getTime();
  outcome.asked_ns = envelope.getAsked();
  outcome.repeat = (envelope.getFlags() & kRepeat) != 0;
  if (!envelope.getPayload().isClear()) return outcome;  // what is told is sealed
  if (outcome.kind == RecordKind::kRejection) {
    const auto rejection = envelope.getPayload().getClear().getAs<wire::Rejection>();
    outcome.code = Text(rejection.getCode());
    outcome.message = Text(rejection.getMessage());
  } else if (outcome.kind == RecordKind::kParked) {
    const auto parked = envelope.getPayload().getClear().getAs<wire::Parked>();
    outcome.code = Text(parked.getCode());
    outcome.message = Text(parked.getMessage());
    const std::string command = Bytes(parked.getCommand());
    outcome.command.resize(command.size() / sizeof(log::Word));
    std::copy(command.begin(), command.end(), reinterpret_cast<char*>(outcome.command.data()));
  }
  return outcome;
}

// Gathers the records of outcomes; what does not fit goes to `damage`.
class Gatherer {
 public:
  Gatherer(PartitionHistory& out, const TypeNames& names) : out_(out), names_(names) {}

  void Add(const log::Record& record) {
    RecordReader reader(record.message);
    const wire::Envelope::Reader envelope = reader.envelope();
    LoggedOutcome head = Head(record.offset, envelope);
    if (next_index_ == 0) {
      if (envelope.getIndex() != 0) return Damaged(record.offset, "begins within an outcome");
      count_ = envelope.getCount();
      out_.outcomes.push_back(head);
    } else {
      const LoggedOutcome& open = out_.outcomes.back();
      if (envelope.getIndex() != next_index_ || envelope.getCount() != count_ ||
          head.source != open.source || head.cause != open.cause || head.key != open.key ||
          head.kind != open.kind || head.time_ns != open.time_ns ||
          head.asked_ns != open.asked_ns) {
        Damaged(record.offset, "does not go on with the outcome before it");
      }
    }
    LoggedOutcome& outcome = out_.outcomes.back();
    outcome.last = record.offset;
    outcome.version = head.version;
    if (head.kind == RecordKind::kEvent) {
      LoggedEvent& event = outcome.events.emplace_back();
      event.version = head.version;
      event.record.assign(record.message.begin(), record.message.end());
      if (const auto name = names_.find(envelope.getType()); name != names_.end()) {
        event.type = name->second;
      }
    } else if (count_ != 1 || head.kind == RecordKind::kCommand) {
      Damaged(record.offset, "is no outcome");
    }
    next_index_ = next_index_ + 1u == count_ ? 0 : next_index_ + 1u;
  }

  void Finish() {
    if (next_index_ != 0) Damaged(out_.end, "ends within an outcome");
  }

 private:
  void Damaged(Offset offset, std::string_view what) {
    out_.damage.push_back(absl::StrCat("event offset ", offset.value, " ", ToAbsl(what)));
  }

  PartitionHistory& out_;
  const TypeNames& names_;
  unsigned next_index_ = 0;
  unsigned count_ = 0;
};

}  // namespace

RecordKind KindOf(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kEvents:
      return RecordKind::kEvent;
    case OutcomeKind::kRejected:
      return RecordKind::kRejection;
    case OutcomeKind::kNothing:
      return RecordKind::kNothing;
    case OutcomeKind::kParked:
      return RecordKind::kParked;
  }
  return RecordKind::kNothing;
}

std::string_view NameOf(RecordKind kind) {
  switch (kind) {
    case RecordKind::kCommand:
      return "command";
    case RecordKind::kEvent:
      return "events";
    case RecordKind::kRejection:
      return "rejection";
    case RecordKind::kNothing:
      return "nothing";
    case RecordKind::kParked:
      return "parked";
  }
  return "unknown";
}

RecordReader::RecordReader(std::span<const log::Word> words)
    : segment_{kj::arrayPtr(reinterpret_cast<const capnp::word*>(words.data()), words.size())},
      message_(kj::arrayPtr(segment_, 1)) {}

absl::StatusOr<GroupHistory> ReadGroup(log::LogReader& log, std::string_view group,
                                       bool dense_events) {
  TypeNames names;
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<log::Schema> schemas, log.Schemas());
  for (const log::Schema& schema : schemas) names[schema.fingerprint] = schema.name;

  log::TopicInfo commands;
  log::TopicInfo events;
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<log::TopicInfo> topics, log.Topics());
  for (const log::TopicInfo& topic : topics) {
    if (topic.settings.name == absl::StrCat(ToAbsl(group), "-commands")) commands = topic;
    if (topic.settings.name == absl::StrCat(ToAbsl(group), "-events")) events = topic;
  }
  if (commands.number == 0 || events.number == 0) {
    return absl::NotFoundError(absl::StrCat("the log has no topics of group ", ToAbsl(group)));
  }

  GroupHistory history;
  history.group = std::string(group);
  for (std::uint16_t p = 0; p < events.settings.partitions; ++p) {
    PartitionHistory& partition = history.partitions.emplace_back();
    // The events first: a log may be written while it is read, and their commands are there then.
    const log::TopicPartition event_place{events.number, p};
    COMMANDER_ASSIGN_OR_RETURN(partition.end, log.End(event_place));
    Gatherer gatherer(partition, names);
    COMMANDER_RETURN_IF_ERROR(ForEach(log, event_place, partition.end, dense_events,
                                      [&](const log::Record& record) { gatherer.Add(record); }));
    gatherer.Finish();
    const log::TopicPartition command_place{commands.number, p};
    COMMANDER_ASSIGN_OR_RETURN(const Offset end, log.End(command_place));
    COMMANDER_RETURN_IF_ERROR(ForEach(
        log, command_place, end, true,
        [&](const log::Record& record) { partition.commands.push_back(Command(record, names)); }));
  }
  return history;
}

}  // namespace commander::test
