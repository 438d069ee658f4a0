#include "engine/outcome_reader.h"

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"

namespace commander::internal {

std::string LogIdText(const log::LogId& id) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(id.data()), id.size()));
}

absl::StatusOr<Outcome> ReadOutcome(const OutcomePlace& place, Offset first, const MessageId& id,
                                    const OutcomeBuilder::TypeOf& type_of) {
  std::vector<log::Record> records;
  COMMANDER_ASSIGN_OR_RETURN(log::Record record, place.log->Read(place.events, first));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<EnvelopeReader> head,
                             EnvelopeReader::Open(record.message));
  const std::uint32_t count = head->count();
  if (head->index() != 0 || head->cause() != id) {
    return absl::DataLossError(absl::StrCat("topic ", place.topic, "[", place.events.partition,
                                            "] offset ", first.value, ": the outcome of command ",
                                            id.ToString(), " does not begin here"));
  }
  records.push_back(std::move(record));
  while (records.size() < count) {
    COMMANDER_ASSIGN_OR_RETURN(log::Record next,
                               place.log->Read(place.events, first + records.size()));
    records.push_back(std::move(next));
  }
  std::vector<std::span<const Word>> messages;
  for (const log::Record& each : records) messages.push_back(each.message);
  RecordPosition position;
  position.log = place.log_id;
  position.topic = place.topic;
  position.partition = place.events.partition;
  position.offset = first;
  return OutcomeBuilder::Build(messages, position, place.group, id, type_of, *place.sealing);
}

}  // namespace commander::internal
