#include "engine/outcome_reader.h"

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "commander/internal/status_macros.h"

namespace commander::internal {
namespace {

constexpr std::size_t kPollBytes = std::size_t{64} << 10;
// For records that the log has and cannot hand out yet.
constexpr absl::Duration kPatience = absl::Seconds(10);
constexpr absl::Duration kTick = absl::Milliseconds(1);

// Whoever reads an outcome is told that the log could not be waited for any longer; a worker that
// needs it would ask again.
absl::Status TellReader(const absl::Status& status) {
  return absl::IsAborted(status) ? absl::UnavailableError(status.message()) : status;
}

// Adds the records from `from` on, whatever gaps lie between them, until there are `count`.
absl::Status ReadRest(const OutcomePlace& place, Offset from, std::size_t count,
                      std::vector<log::Record>* records) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (records->size() < count) {
    COMMANDER_ASSIGN_OR_RETURN(const Offset next,
                               place.log->Poll(place.events, from, kPollBytes, records));
    if (next == from) {
      const absl::StatusOr<Offset> end = place.log->End(place.events);
      if (!end.ok()) return TellReader(end.status());
      if (from >= *end) {
        return absl::DataLossError(absl::StrCat("topic ", place.topic, "[", place.events.partition,
                                                "] ends within an outcome, at ", "offset ",
                                                from.value, "; restore the log from a backup"));
      }
      if (absl::Now() > deadline) {
        return absl::UnavailableError(absl::StrCat(
            "topic ", place.topic, "[", place.events.partition, "] offset ", from.value,
            " could not be read within ", absl::FormatDuration(kPatience), "; ask again"));
      }
      absl::SleepFor(kTick);
    }
    from = next;
  }
  records->resize(count);
  return absl::OkStatus();
}

}  // namespace

std::string LogIdText(const log::LogId& id) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(id.data()), id.size()));
}

absl::StatusOr<Outcome> ReadOutcome(const OutcomePlace& place, Offset first, const MessageId& id,
                                    const OutcomeBuilder::TypeOf& type_of) {
  std::vector<log::Record> records;
  absl::StatusOr<log::Record> read = place.log->Read(place.events, first);
  if (!read.ok()) return TellReader(read.status());
  log::Record record = *std::move(read);
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<EnvelopeReader> head,
                             EnvelopeReader::Open(record.message));
  const std::uint32_t count = head->count();
  if (head->index() != 0 || head->cause() != id) {
    return absl::DataLossError(absl::StrCat("topic ", place.topic, "[", place.events.partition,
                                            "] offset ", first.value, ": the outcome of command ",
                                            id.ToString(), " does not begin here"));
  }
  records.push_back(std::move(record));
  COMMANDER_RETURN_IF_ERROR(ReadRest(place, first + 1, count, &records));
  std::vector<OutcomeBuilder::Record> messages;
  for (const log::Record& each : records) messages.push_back({each.offset, each.message});
  RecordPosition position;
  position.log = place.log_id;
  position.topic = place.topic;
  position.partition = place.events.partition;
  position.offset = first;
  return OutcomeBuilder::Build(messages, std::move(position), place.group, id, type_of,
                               *place.sealing);
}

}  // namespace commander::internal
