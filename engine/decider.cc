#include "engine/decider.h"

#include <xxhash.h>

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "engine/fold.h"
#include "engine/in_decision.h"
#include "engine/partitioner.h"

namespace commander::internal {
namespace {

// A version 7 id may be this much ahead of the arrival of its command.
constexpr std::int64_t kMaxAheadNs = RememberedIds::kSkewNs;
constexpr std::size_t kMaxRecords = 65'535;
constexpr std::size_t kMaxMessageText = 4096;
constexpr std::size_t kMaxCodeBytes = 256;
constexpr std::string_view kUnreadable = "commander.unreadable";
constexpr char kEngineCodes[] = "commander.";

std::string_view Shortened(std::string_view text) { return text.substr(0, kMaxMessageText); }

}  // namespace

void DecidedBatch::Seal() {
  const std::span<const Word> last = entries.words().subspan(last_begin + log::kEntryHeaderWords);
  last_hash = XXH3_64bits(last.data(), last.size_bytes());
}

struct Decider::Command {
  const EnvelopeReader& envelope;
  std::span<const Word> words;
  Offset source;
  std::int64_t asked_ns = 0;
  std::int64_t time_ns = 0;
  std::string_view type;
  std::shared_ptr<Call> call;
};

// What a handler sees: the staged side, the engine's time, ids and randomness.
class Decider::Sight final : public ViewSource {
 public:
  Sight(Decider& decider, const Command& command, const Aggregate& own)
      : decider_(decider), command_(command), own_(own) {}

  // Not Ok: the store could not be read, and what the handler answered is worth nothing.
  const absl::Status& error() const { return error_; }

  const Aggregate& own() const override { return own_; }
  Aggregate Get(std::string_view key) override {
    absl::StatusOr<OwnState::Entry*> entry = decider_.state_.states().Find(key);
    if (!entry.ok()) {
      error_.Update(entry.status());
      return {};
    }
    return (*entry)->staged;
  }
  std::vector<std::pair<std::string, Aggregate>> Scan(std::string_view prefix,
                                                      std::string_view after,
                                                      std::size_t limit) override {
    auto found = decider_.state_.states().Scan(prefix, after, limit);
    if (found.ok()) return *std::move(found);
    error_.Update(found.status());
    return {};
  }
  Offset position() const override { return command_.source; }
  absl::Time now() const override { return absl::FromUnixNanos(command_.time_ns); }
  MessageId NewId() override { return MessageId::Derive(command_.envelope.id(), "view", ids_++); }
  std::mt19937_64& random() override {
    if (!random_.has_value()) {
      decider_.random_.Fill(decider_.seed_);
      decider_.drew_ = true;
      std::seed_seq seed(decider_.seed_.begin(), decider_.seed_.end());
      random_.emplace(seed);
    }
    return *random_;
  }

 private:
  Decider& decider_;
  const Command& command_;
  const Aggregate& own_;
  absl::Status error_;
  std::uint64_t ids_ = 0;
  std::optional<std::mt19937_64> random_;
};

Decider::Decider(DeciderOptions options, PartitionState& state, log::Log& log, SchemaSet& schemas,
                 const Sealing& sealing, Clock& clock, RandomSource& random, CrashSlot* crash_slot)
    : options_(std::move(options)),
      state_(state),
      log_(log),
      schemas_(schemas),
      sealing_(sealing),
      personal_(sealing.Personal(state.fold())),
      clock_(clock),
      random_(random),
      crashes_(crash_slot),
      names_(schemas) {
  for (const CommandHandler& handler : options_.handlers) {
    handlers_.emplace(handler.type->name, &handler);
  }
}

const CommandHandler* Decider::HandlerOf(std::string_view type) const {
  const auto at = handlers_.find(ToAbsl(type));
  return at == handlers_.end() ? nullptr : at->second;
}

OutcomeHeader Decider::HeaderOf(const Command& command, MessageKind kind) const {
  OutcomeHeader header;
  header.id = MessageId::Derive(command.envelope.id(),
                                kind == MessageKind::kParked ? "parked" : "outcome", 0);
  header.type = command.envelope.type();
  header.kind = kind;
  header.time_ns = command.time_ns;
  header.asked_ns = command.asked_ns;
  header.key = command.envelope.key();
  header.source = command.source;
  header.cause = command.envelope.id();
  header.correlation = command.envelope.correlation();
  header.actor = command.envelope.actor().substr(0, kMaxActorBytes);
  if (drew_) header.seed = seed_;
  return header;
}

DecidedOutcome& Decider::Add(const Command& command, const OutcomeHeader& last,
                             std::uint32_t before, std::size_t begin, DecidedBatch* batch,
                             bool remembered) {
  DecidedOutcome& outcome = batch->outcomes.emplace_back();
  outcome.key = std::string(last.key);
  outcome.facts.id = last.cause;
  outcome.facts.source = last.source;
  outcome.facts.kind = last.kind;
  outcome.facts.time_ns = last.time_ns;
  outcome.facts.asked_ns = last.asked_ns;
  outcome.facts.remembered = remembered;
  outcome.first = before;
  outcome.count = batch->entries.count() - before;
  outcome.call = command.call;
  const bool awaited = outcome.call != nullptr && outcome.call->wants_outcome();
  log::EntryWalk walk(batch->entries.words().subspan(begin));
  batch->last_begin = begin;
  for (std::uint32_t i = 0; i < outcome.count; ++i) {
    const std::span<const Word> record = walk.Next();
    if (awaited) outcome.records.emplace_back(record.begin(), record.end());
    if (i + 1 < outcome.count) batch->last_begin += log::kEntryHeaderWords + record.size();
  }
  batch->last_id = last.id;
  state_.Stage(outcome.Facts());
  return outcome;
}

absl::StatusOr<std::uint64_t> Decider::VersionOf(const Command& command) {
  COMMANDER_ASSIGN_OR_RETURN(const OwnState::Entry* const entry,
                             state_.states().Find(command.envelope.key()));
  return entry->staged.version;
}

absl::Status Decider::Nothing(const Command& command, DecidedBatch* batch,
                              std::shared_ptr<const Offset> repeats) {
  OutcomeHeader header = HeaderOf(command, MessageKind::kNothing);
  COMMANDER_ASSIGN_OR_RETURN(header.version, VersionOf(command));
  const bool repeat = repeats != nullptr;
  if (repeat) header.flags = kRepeatFlag;
  // The first outcome has the id that is derived from the command's alone.
  if (repeat) header.id = MessageId::Derive(command.envelope.id(), "repeat", command.source.value);
  const std::uint32_t before = batch->entries.count();
  const std::size_t begin = batch->entries.words().size();
  AppendNothing(header, &batch->entries);
  Add(command, header, before, begin, batch, !repeat).repeats = std::move(repeats);
  return absl::OkStatus();
}

absl::Status Decider::Reject(const Command& command, const Refusal& refusal, DecidedBatch* batch) {
  OutcomeHeader header = HeaderOf(command, MessageKind::kRejection);
  COMMANDER_ASSIGN_OR_RETURN(header.version, VersionOf(command));
  const bool reused = refusal.code == kIdReused;
  if (reused) header.id = MessageId::Derive(command.envelope.id(), "reused", command.source.value);
  const std::uint32_t before = batch->entries.count();
  const std::size_t begin = batch->entries.words().size();
  COMMANDER_RETURN_IF_ERROR(sealing_.AppendRejection(options_.group->name(), header,
                                                     command.envelope.kid(), refusal.code,
                                                     Shortened(refusal.message), &batch->entries));
  Add(command, header, before, begin, batch, !reused);
  return absl::OkStatus();
}

absl::Status Decider::RejectErased(const Command& command, DecidedBatch* batch) {
  return Reject(command, {"commander.erased", "the subject of its personal fields was erased"},
                batch);
}

// What is parked or rejected of a personal command is sealed; of another it is not.
ExceptionText Decider::TextOf(const Command& command) const {
  return personal_ && command.envelope.kid() == nullptr ? ExceptionText::kWithheld
                                                        : ExceptionText::kTold;
}

absl::Status Decider::Park(const Command& command, std::string_view code, std::string_view message,
                           DecidedBatch* batch) {
  OutcomeHeader header = HeaderOf(command, MessageKind::kParked);
  COMMANDER_ASSIGN_OR_RETURN(header.version, VersionOf(command));
  const std::uint32_t before = batch->entries.count();
  const std::size_t begin = batch->entries.words().size();
  COMMANDER_RETURN_IF_ERROR(sealing_.AppendParked(options_.group->name(), header,
                                                  command.envelope.kid(), command.words, code,
                                                  Shortened(message), &batch->entries));
  Add(command, header, before, begin, batch);
  return absl::OkStatus();
}

void Decider::RejectByPlace(const log::Record& record, std::string_view code,
                            std::string_view message, DecidedBatch* batch) {
  OutcomeHeader header;
  // Nothing in the record can be relied on: the outcome is named after the place.
  header.cause = MessageId::Derive({record.offset.value + 1, options_.commands.partition},
                                   "unreadable", options_.commands.topic);
  header.id = MessageId::Derive(header.cause, "outcome", 0);
  header.kind = MessageKind::kRejection;
  header.time_ns = std::max(clock_.NowNanos(), state_.staged_time_ns());
  header.asked_ns = std::max(record.time_ns, state_.staged_asked_ns());
  header.source = record.offset;
  const std::uint32_t before = batch->entries.count();
  const std::size_t begin = batch->entries.words().size();
  AppendRejection(
      header, code,
      absl::StrCat("topic ", options_.group->command_topic(), "[", options_.commands.partition,
                   "] offset ", record.offset.value, ": ", ToAbsl(message)),
      &batch->entries);
  DecidedOutcome& outcome = batch->outcomes.emplace_back();
  outcome.facts.id = header.cause;
  outcome.facts.source = header.source;
  outcome.facts.kind = header.kind;
  outcome.facts.time_ns = header.time_ns;
  outcome.facts.asked_ns = header.asked_ns;
  outcome.facts.remembered = false;
  outcome.first = before;
  outcome.count = 1;
  batch->last_begin = begin;
  batch->last_id = header.id;
  state_.Stage(outcome.Facts());
}

absl::StatusOr<std::vector<Word>> Decider::ReadParked(const ParkedCommand& parked) {
  if (!parked.committed) {
    COMMANDER_ASSIGN_OR_RETURN(const log::Record record,
                               log_.Read(options_.commands, parked.source));
    return std::vector<Word>(record.message.begin(), record.message.end());
  }
  COMMANDER_ASSIGN_OR_RETURN(const log::Record record, log_.Read(options_.events, parked.outcome));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<EnvelopeReader> envelope,
                             EnvelopeReader::Open(record.message));
  COMMANDER_RETURN_IF_ERROR(
      sealing_.Open(*envelope, options_.group->name(), names_.Find(envelope->type()).personal));
  std::vector<Word> words;
  COMMANDER_RETURN_IF_ERROR(GuardKj("parked command", [&] { words = envelope->parked_command(); }));
  return words;
}

absl::StatusOr<std::unique_ptr<EnvelopeReader>> Decider::OpenParked(std::span<const Word> words) {
  COMMANDER_ASSIGN_OR_RETURN(std::unique_ptr<EnvelopeReader> envelope, EnvelopeReader::Open(words));
  COMMANDER_RETURN_IF_ERROR(
      sealing_.Open(*envelope, options_.group->name(), names_.Find(envelope->type()).personal));
  return envelope;
}

// Same id: a repeat, unless type or payload are others.
absl::StatusOr<std::optional<Decider::Refusal>> Decider::CheckRepeat(
    const Command& command, std::shared_ptr<const Offset>* first_place) {
  COMMANDER_ASSIGN_OR_RETURN(
      const std::optional<RememberedIds::Found> found,
      state_.ids().Find(command.envelope.id(), HashOfKey(command.envelope.key())));
  if (!found.has_value()) return std::nullopt;
  *first_place = found->place;
  Offset source = found->source;
  if (!found->staged) {
    COMMANDER_ASSIGN_OR_RETURN(const log::Record outcome,
                               log_.Read(options_.events, found->id.outcome));
    COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<EnvelopeReader> envelope,
                               EnvelopeReader::Open(outcome.message));
    source = envelope->source();
  }
  const absl::StatusOr<log::Record> first = log_.Read(options_.commands, source);
  if (absl::IsOutOfRange(first.status())) return std::nullopt;  // gone: it cannot be compared
  if (!first.ok()) return first.status();
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<EnvelopeReader> envelope,
                             EnvelopeReader::Open(first->message));
  const KnownType type = names_.Find(envelope->type());
  const absl::Status opened = sealing_.Open(*envelope, options_.group->name(), type.personal);
  if (absl::IsUnavailable(opened)) return opened;
  bool same = type.name == command.type;
  // What cannot be opened any more cannot be compared either: it is a repeat.
  if (same && (!opened.ok() || envelope->erased())) return std::nullopt;
  const absl::Status compared = GuardKj("command", [&] {
    same = same && envelope->payload().getAs<capnp::AnyStruct>() ==
                       command.envelope.payload().getAs<capnp::AnyStruct>();
  });
  // Nor can what is damaged inside.
  if (same || !compared.ok()) return std::nullopt;
  first_place->reset();
  return Refusal{std::string(kIdReused),
                 absl::StrCat("the id ", command.envelope.id().ToString(),
                              " belongs to another command of this aggregate, at offset ",
                              source.value, "; give every command an id of its own")};
}

std::optional<Decider::Refusal> Decider::CheckWindow(const Command& command) const {
  const MessageId id = command.envelope.id();
  if (id.version() != 7) return std::nullopt;
  // In milliseconds: the nanoseconds of a far future do not fit.
  const std::int64_t window_ns = state_.options().dedup_window_ns;
  if (id.unix_ms() < (command.asked_ns - window_ns + 999'999) / 1'000'000) {
    return Refusal{"commander.expired",
                   "the id is older than dedup_window, so an earlier command with it may have run; "
                   "this one did not: find out before answering it with a new id"};
  }
  if (id.unix_ms() > (command.asked_ns + kMaxAheadNs) / 1'000'000) {
    return Refusal{
        "commander.clock",
        "the id was made more than 5 minutes after the command arrived; set the sender's "
        "clock"};
  }
  return std::nullopt;
}

absl::Status Decider::EnsureSchema(const Type& type, SchemaRole role) {
  absl::Status status = schemas_.Ensure(log_, type, {state_.options().group, role});
  // The log is away: asked again.
  return absl::IsUnavailable(status) ? absl::AbortedError(status.message()) : status;
}

absl::StatusOr<KnownType> Decider::TypeOfCommand(std::uint64_t fingerprint) {
  const KnownType known = names_.Find(fingerprint);
  if (!known.name.empty()) return known;
  for (const auto& [name, handler] : handlers_) {
    if (handler->type->fingerprint != fingerprint) continue;
    COMMANDER_RETURN_IF_ERROR(EnsureSchema(*handler->type, SchemaRole::kCommand));
    return names_.Find(fingerprint);
  }
  return KnownType();
}

absl::StatusOr<Decider::Result> Decider::Decide(const log::Record& record, DecidedBatch* batch) {
  drew_ = false;
  absl::StatusOr<std::unique_ptr<EnvelopeReader>> envelope = EnvelopeReader::Open(record.message);
  KnownType known;
  if (envelope.ok()) {
    COMMANDER_ASSIGN_OR_RETURN(known, TypeOfCommand((*envelope)->type()));
  }
  const std::string_view type = known.name;
  std::string_view code = kUnreadable;
  std::string why;
  if (!envelope.ok()) {
    why = std::string(envelope.status().message());
  } else if ((*envelope)->kind() != MessageKind::kCommand) {
    why = absl::StrCat("not a command: ", ToAbsl(MessageKindName((*envelope)->kind())));
  } else if (type.empty()) {
    why = absl::StrCat("no schema with the fingerprint ",
                       absl::Hex((*envelope)->type(), absl::kZeroPad16), " is known here");
  } else if (record.key.has_value() && *record.key != (*envelope)->key()) {
    code = "commander.misplaced";
    why = absl::StrCat(record.key->empty() ? "it has no Kafka key" : "its Kafka key is another",
                       "; senders must give each record the command's key, and use murmur2 "
                       "(librdkafka: partitioner=murmur2_random)");
  } else if (const std::uint16_t right = PartitionOf((*envelope)->key(), options_.partitions);
             right != options_.commands.partition) {
    code = "commander.misplaced";
    why = absl::StrCat("its key belongs to partition ", right,
                       "; senders must use murmur2 (librdkafka: partitioner=murmur2_random)");
  } else if (const absl::Status opened =
                 sealing_.Open(**envelope, options_.group->name(), known.personal);
             !opened.ok()) {
    switch (crypto::AnswerOf(opened)) {
      case crypto::Answer::kForged:
      case crypto::Answer::kMalformed:
      case crypto::Answer::kUnsupported:
        why = absl::StrCat("its payload cannot be opened: ", opened.message());
        break;
      case crypto::Answer::kOk:
      case crypto::Answer::kErased:
      case crypto::Answer::kKeyUnknown:
        return opened;  // the command may be good: it waits until its key is back
    }
  }
  if (!why.empty()) {
    RejectByPlace(record, code, why, batch);
    batch->outcomes.back().call = std::static_pointer_cast<Call>(record.ticket);
    return Result::kDone;
  }

  Command command{**envelope,
                  record.message,
                  record.offset,
                  std::max(record.time_ns, state_.staged_asked_ns()),
                  std::max(clock_.NowNanos(), state_.staged_time_ns()),
                  type,
                  std::static_pointer_cast<Call>(record.ticket)};
  std::shared_ptr<const Offset> first;
  COMMANDER_ASSIGN_OR_RETURN(std::optional<Refusal> refusal, CheckRepeat(command, &first));
  if (first != nullptr) {
    COMMANDER_RETURN_IF_ERROR(Nothing(command, batch, std::move(first)));
    return Result::kDone;
  }
  if (!refusal.has_value()) refusal = CheckWindow(command);
  const bool retry = type == TypeOf<wire::Retry>().name;
  const bool skip = type == TypeOf<wire::Skip>().name;
  if (!refusal.has_value() && !retry && !skip && HandlerOf(type) == nullptr) {
    refusal = Refusal{std::string(kUnreadable), absl::StrCat("group ", options_.group->name(),
                                                             " has no handler for ", ToAbsl(type))};
  }
  if (refusal.has_value()) {
    COMMANDER_RETURN_IF_ERROR(Reject(command, *refusal, batch));
    return Result::kDone;
  }
  if (command.envelope.erased()) {
    COMMANDER_RETURN_IF_ERROR(RejectErased(command, batch));
    return Result::kDone;
  }
  if (retry) return Retry(command, batch);
  if (skip) {
    COMMANDER_RETURN_IF_ERROR(Skip(command, batch));
    return Result::kDone;
  }
  if (state_.parked().Find(command.envelope.key()) != nullptr) {
    COMMANDER_RETURN_IF_ERROR(
        Park(command, "behind", "the aggregate is parked: an earlier command of it failed", batch));
    return Result::kDone;
  }
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<std::string> failure, Run(command, batch));
  if (failure.has_value()) COMMANDER_RETURN_IF_ERROR(Park(command, "failed", *failure, batch));
  return Result::kDone;
}

absl::StatusOr<std::optional<std::string>> Decider::Run(const Command& command,
                                                        DecidedBatch* batch) {
  drew_ = false;
  if (command.envelope.erased()) {  // since it was parked
    COMMANDER_RETURN_IF_ERROR(RejectErased(command, batch));
    return std::nullopt;
  }
  COMMANDER_ASSIGN_OR_RETURN(OwnState::Entry* const entry,
                             state_.states().Find(command.envelope.key()));
  const std::uint64_t version = entry->staged.version;
  const std::uint8_t expected = command.envelope.flags() & kExpectedMask;
  if ((expected == 1 && version != 0) || (expected == 2 && command.envelope.version() != version)) {
    COMMANDER_RETURN_IF_ERROR(Reject(
        command,
        {"commander.version_conflict",
         expected == 1 ? absl::StrCat("expected no event yet, the aggregate has version ", version)
                       : absl::StrCat("expected version ", command.envelope.version(),
                                      ", the aggregate has version ", version)},
        batch));
    return std::nullopt;
  }
  if (crashes_.Kills(command.source)) {
    batch->parks_killer = true;
    return absl::StrCat("the process died ", CrashCounter::kDeaths,
                        " times in a row while its handler ran");
  }
  const CommandHandler* handler = HandlerOf(command.type);
  if (handler == nullptr) return absl::StrCat("there is no handler for ", ToAbsl(command.type));

  const Aggregate own = entry->staged;
  Sight sight(*this, command, own);
  DecisionData decision;
  try {
    const CrashCounter::Running running(crashes_, command.source);
    const InDecision inside;
    decision = handler->run(command.envelope.payload(), sight);
  } catch (...) {
    const absl::Status failure =
        DescribeException(absl::StrCat("handler of ", ToAbsl(command.type)), TextOf(command));
    if (!absl::IsInternal(failure)) return failure;
    COMMANDER_RETURN_IF_ERROR(sight.error());
    return std::string(failure.message());
  }
  COMMANDER_RETURN_IF_ERROR(sight.error());

  switch (decision.kind) {
    case DecisionKind::kNothing:
      COMMANDER_RETURN_IF_ERROR(Nothing(command, batch));
      return std::nullopt;
    case DecisionKind::kRejected:
      if (absl::StartsWith(decision.code, kEngineCodes)) {
        return absl::StrCat("handler of ", ToAbsl(command.type), ": it rejects with the code ",
                            decision.code, ", which is the engine's own");
      }
      if (decision.code.size() > kMaxCodeBytes) {
        return absl::StrCat("handler of ", ToAbsl(command.type), ": it rejects with a code of ",
                            decision.code.size(), " bytes; the limit is ", kMaxCodeBytes);
      }
      COMMANDER_RETURN_IF_ERROR(Reject(command, {decision.code, decision.message}, batch));
      return std::nullopt;
    case DecisionKind::kEvents:
      break;
  }
  if (decision.events.empty()) {
    COMMANDER_RETURN_IF_ERROR(Nothing(command, batch));
    return std::nullopt;
  }
  return AppendEvents(command, entry, std::move(decision.events), batch);
}

absl::StatusOr<std::optional<std::string>> Decider::AppendEvents(const Command& command,
                                                                 OwnState::Entry* entry,
                                                                 std::vector<EventDraft> events,
                                                                 DecidedBatch* batch) {
  const auto too_large =
      [&](const std::string& what) -> absl::StatusOr<std::optional<std::string>> {
    COMMANDER_RETURN_IF_ERROR(Reject(command, {"commander.too_large", what}, batch));
    return std::nullopt;
  };
  if (events.size() > kMaxRecords) {
    return too_large(
        absl::StrCat("the handler emitted ", events.size(), " events; the limit is ", kMaxRecords));
  }
  OutcomeHeader header = HeaderOf(command, MessageKind::kEvent);
  header.count = static_cast<std::uint16_t>(events.size());
  Aggregate after = entry->staged;
  std::vector<EventDraft> sealed;  // finished messages point into it: it must not move
  sealed.reserve(events.size());
  std::vector<FinishedMessage> finished;
  finished.reserve(events.size());
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const Type& type = events[i].type();
    header.id = MessageId::Derive(command.envelope.id(), "event", i);
    header.type = type.fingerprint;
    header.index = static_cast<std::uint16_t>(i);
    header.version = after.version + 1;
    EventDraft* draft = &events[i];
    if (const crypto::Plan* plan = sealing_.PlanOf(type); plan != nullptr) {
      absl::StatusOr<EventDraft> made =
          sealing_.Seal(*plan, options_.group->name(), header, events[i]);
      if (absl::IsFailedPrecondition(made.status())) {
        COMMANDER_RETURN_IF_ERROR(RejectErased(command, batch));
        return std::nullopt;
      }
      // The handler named no subject.
      if (absl::IsInvalidArgument(made.status())) return std::string(made.status().message());
      if (!made.ok()) return made.status();
      draft = &sealed.emplace_back(*std::move(made));
    }
    finished.push_back(Finish(*draft, header));
    const std::size_t size = finished.back().words().size_bytes();
    bytes += size + log::kEntryHeaderWords * sizeof(Word);
    if (size > options_.max_record_bytes) {
      return too_large(absl::StrCat("event ", i + 1, " of ", events.size(), ", ", type.name,
                                    ", has ", size, " bytes; the limit is ",
                                    options_.max_record_bytes));
    }
    if (bytes > kMaxOutcomeBytes) {
      return too_large(absl::StrCat("the first ", i + 1, " of ", events.size(), " events have ",
                                    bytes, " bytes together; the limit is ", kMaxOutcomeBytes));
    }
    COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<EnvelopeReader> record,
                               EnvelopeReader::Open(finished.back().words()));
    // Read within the bounds of a replay, so that what could not be folded again is not committed.
    const DraftReader sealed_draft(events[i]);
    EventToFold event{
        type.name, record->sealed().empty() ? record->payload() : sealed_draft.payload(),
        MetadataOf(*record, state_.options().group, state_.options().partition, Offset{})};
    event.text = TextOf(command);
    crypto::Kid kid;
    if (!record->sealed().empty()) {
      COMMANDER_ASSIGN_OR_RETURN(kid, crypto::KidOf(record->sealed()));
      event.kid = &kid;
      event.metadata.subject = kid.ToString();
    }
    const CrashCounter::Running running(crashes_, command.source);
    const InDecision inside;
    absl::StatusOr<Aggregate> applied = sealing_.Apply(state_.fold(), std::move(after), event);
    if (!applied.ok()) {
      if (absl::IsResourceExhausted(applied.status())) return applied.status();
      return std::string(applied.status().message());
    }
    after = *std::move(applied);
  }
  for (const EventDraft& event : events) {
    if (stored_.contains(&event.type())) continue;
    COMMANDER_RETURN_IF_ERROR(EnsureSchema(event.type(), SchemaRole::kEvent));
    stored_.insert(&event.type());
  }
  const std::uint32_t before = batch->entries.count();
  const std::size_t begin = batch->entries.words().size();
  for (const FinishedMessage& message : finished) batch->entries.Append(message.words());
  DecidedOutcome& outcome = Add(command, header, before, begin, batch);
  outcome.entry = entry;
  outcome.after = after;
  state_.states().Stage(entry, std::move(after));
  return std::nullopt;
}

absl::StatusOr<Decider::Result> Decider::Retry(const Command& command, DecidedBatch* batch) {
  const std::string key(command.envelope.key());
  while (const ParkedQueues::Queue* queue = state_.parked().Find(key)) {
    // In pieces, a commit each; the retry's own outcome is in the last, so that a crash between
    // them polls it again and it goes on.
    if (Full(*batch)) return Result::kMore;
    const ParkedCommand head = queue->front();
    COMMANDER_ASSIGN_OR_RETURN(const std::vector<Word> words, ReadParked(head));
    COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<EnvelopeReader> envelope, OpenParked(words));
    const Command parked{*envelope,        words,           head.source,
                         command.asked_ns, command.time_ns, names_.NameOf(envelope->type()),
                         nullptr};
    COMMANDER_ASSIGN_OR_RETURN(const std::optional<std::string> failure, Run(parked, batch));
    if (!failure.has_value()) continue;
    drew_ = false;
    // The retry is a command of nobody: what it is answered is in clear.
    const std::string why = parked.envelope.kid() == nullptr
                                ? *failure
                                : "its reason is withheld because it may quote personal fields";
    COMMANDER_RETURN_IF_ERROR(
        Reject(command,
               {"commander.failed",
                absl::StrCat("the command at offset ", head.source.value, " failed again: ", why)},
               batch));
    return Result::kDone;
  }
  // The last piece may have filled it: then the queue is empty when this comes again.
  if (Full(*batch)) return Result::kMore;
  drew_ = false;
  COMMANDER_RETURN_IF_ERROR(Nothing(command, batch));
  return Result::kDone;
}

absl::Status Decider::Skip(const Command& command, DecidedBatch* batch) {
  const ParkedQueues::Queue* queue = state_.parked().Find(command.envelope.key());
  if (queue == nullptr) return Nothing(command, batch);
  const ParkedCommand head = queue->front();
  Offset meant;
  std::string reason;
  const absl::Status read = GuardKj("commander.Skip", [&] {
    const auto skip = command.envelope.payload().getAs<wire::Skip>();
    meant = Offset{skip.getSource()};
    reason = std::string(skip.getReason().cStr(), skip.getReason().size());
  });
  if (!read.ok()) {
    return Reject(command, {std::string(kUnreadable), std::string(read.message())}, batch);
  }
  if (meant != head.source) {
    return Reject(command,
                  {"commander.other_head",
                   absl::StrCat("the first parked command is the one at offset ", head.source.value,
                                ", not ", meant.value, "; nothing was skipped")},
                  batch);
  }
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<Word> words, ReadParked(head));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<EnvelopeReader> envelope, OpenParked(words));
  const Command parked{*envelope,        words,           head.source,
                       command.asked_ns, command.time_ns, names_.NameOf(envelope->type()),
                       nullptr};
  COMMANDER_RETURN_IF_ERROR(Reject(
      parked, {"commander.skipped", absl::StrCat("skipped by an operator: ", reason)}, batch));
  return Nothing(command, batch);
}

}  // namespace commander::internal
