#include "engine/outcome_builder.h"

#include <utility>

#include "commander/internal/status_macros.h"

namespace commander::internal {
namespace {

// Keeps the words of an outcome and the readers on them.
struct OutcomeWords {
  std::vector<Word> words;
  std::vector<std::unique_ptr<EnvelopeReader>> envelopes;
  std::string group;
};

OutcomeKind KindOf(MessageKind kind) {
  switch (kind) {
    case MessageKind::kEvent:
      return OutcomeKind::kEvents;
    case MessageKind::kRejection:
      return OutcomeKind::kRejected;
    case MessageKind::kParked:
      return OutcomeKind::kParked;
    case MessageKind::kNothing:
    case MessageKind::kCommand:
    case MessageKind::kLedger:
      break;
  }
  return OutcomeKind::kNothing;
}

}  // namespace

absl::StatusOr<Outcome> OutcomeBuilder::Build(const std::vector<Record>& records,
                                              RecordPosition place, std::string_view group,
                                              const MessageId& id, const TypeOf& type_of,
                                              const Sealing& sealing) {
  auto keep = std::make_shared<OutcomeWords>();
  keep->group = std::string(group);
  std::size_t size = 0;
  for (const Record& record : records) size += record.words.size();
  keep->words.reserve(size);  // readers point into it: it must not move
  auto events = std::make_shared<std::vector<Event>>();
  Outcome outcome;
  for (const auto& [offset, words] : records) {
    const std::size_t begin = keep->words.size();
    keep->words.insert(keep->words.end(), words.begin(), words.end());
    COMMANDER_ASSIGN_OR_RETURN(std::unique_ptr<EnvelopeReader> envelope,
                               EnvelopeReader::Open(std::span(keep->words).subspan(begin)));
    const KnownType type = type_of(envelope->type());
    COMMANDER_RETURN_IF_ERROR(sealing.Open(*envelope, group, type.personal));
    keep->envelopes.push_back(std::move(envelope));
    const EnvelopeReader& record = *keep->envelopes.back();
    outcome.kind_ = KindOf(record.kind());
    outcome.repeat_ = record.repeat();
    outcome.version_ = record.version();
    outcome.time_ = absl::FromUnixNanos(record.time_ns());
    COMMANDER_RETURN_IF_ERROR(GuardKj("outcome", [&] { outcome.rejection_ = record.rejection(); }));
    if (record.kind() != MessageKind::kEvent) continue;
    Event event;
    event.type_ = type.name;
    event.metadata_ = MetadataOf(record, keep->group, place.partition, offset);
    event.payload_ = record.payload();
    events->push_back(std::move(event));
  }
  for (Event& event : *events) event.owner_ = keep;
  outcome.id_ = id;
  if (!records.empty()) place.offset = records.back().offset;
  outcome.position_ = std::move(place);
  outcome.events_ = std::move(events);
  return outcome;
}

}  // namespace commander::internal

namespace commander {

std::string_view OutcomeKindName(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kEvents:
      return "events";
    case OutcomeKind::kRejected:
      return "rejected";
    case OutcomeKind::kNothing:
      return "nothing";
    case OutcomeKind::kParked:
      return "parked";
  }
  return "unknown";
}

}  // namespace commander
