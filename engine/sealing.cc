#include "engine/sealing.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "crypto/split.h"
#include "crypto/wiping_message.h"
#include "engine/errors.h"
#include "engine/schema.h"

namespace commander::internal {
namespace {

using crypto::Kid;
using crypto::PlaceKind;

std::array<std::uint8_t, 16> Bytes(const MessageId& id) {
  std::array<std::uint8_t, 16> bytes;
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<std::uint8_t>(id.hi >> (56 - 8 * i));
    bytes[8 + i] = static_cast<std::uint8_t>(id.lo >> (56 - 8 * i));
  }
  return bytes;
}

PlaceKind KindOf(MessageKind kind) {
  switch (kind) {
    case MessageKind::kCommand:
      return PlaceKind::kCommand;
    case MessageKind::kRejection:
      return PlaceKind::kRejection;
    case MessageKind::kParked:
      return PlaceKind::kParked;
    case MessageKind::kEvent:
    case MessageKind::kNothing:
    case MessageKind::kLedger:
      break;
  }
  return PlaceKind::kEvent;
}

// Of commands and outcomes alike.
template <class Header>
crypto::Place PlaceOf(PlaceKind kind, std::string_view group, const Header& header,
                      std::uint64_t type) {
  return {kind, group, header.key, header.version, Bytes(header.id), type};
}

crypto::Place PlaceOf(const FoldType& fold, const Sealing::RowPlace& place) {
  return {place.projection ? PlaceKind::kRow : PlaceKind::kState,
          place.owner,
          place.key,
          0,
          {},
          fold.schema->fingerprint};
}

std::span<const std::uint8_t> BytesOf(std::span<const Word> words) {
  return {reinterpret_cast<const std::uint8_t*>(words.data()), words.size_bytes()};
}

absl::Status Erased() {
  return WithCode(absl::FailedPreconditionError(
                      "the subject of its personal fields was erased: no new personal data about "
                      "it is taken"),
                  "commander.erased");
}

absl::Status NoKeys() {
  return WithCode(
      absl::FailedPreconditionError("it is sealed, and this engine has no store of keys"),
      "commander.no_keys");
}

// Save of a personal state, in memory that is wiped.
absl::Status SaveInto(const FoldType& fold, const void* state, crypto::WipingMessage& scratch) {
  try {
    fold.save(state, scratch.getRoot<capnp::AnyPointer>());
    return absl::OkStatus();
  } catch (...) {
    return DescribeException(absl::StrCat("Save of ", fold.schema->name), ExceptionText::kWithheld);
  }
}

// The engine's own structs bear no mark; these plans cannot fail.
template <class Struct>
crypto::Plan PlanForMessage(std::string_view name) {
  return *crypto::Plan::ForFields(name, capnp::Schema::from<Struct>(), {"message"});
}

}  // namespace

crypto::Place PlaceOf(const EnvelopeReader& record, std::string_view group) {
  return {KindOf(record.kind()), group,        record.key(), record.version(),
          Bytes(record.id()),    record.type()};
}

Sealing::Sealing(bool everything)
    : everything_(everything),
      rejections_(PlanForMessage<wire::Rejection>("commander.Rejection")),
      parked_(PlanForMessage<wire::Parked>("commander.Parked")) {}

absl::Status Sealing::AddType(const Type& type, bool refuse_any_pointer) {
  COMMANDER_ASSIGN_OR_RETURN(crypto::Plan plan,
                             crypto::Plan::Make(type.name, type.schema,
                                                {.seal_everything = everything_,
                                                 .refuse_any_pointer = refuse_any_pointer}));
  if (plan.personal()) plans_.emplace(type.fingerprint, std::move(plan));
  return absl::OkStatus();
}

void Sealing::Start(crypto::Keyring& keyring) {
  keyring_ = &keyring;
  sealer_ = std::make_unique<crypto::Sealer>(keyring);
}

bool Sealing::Personal(const FoldType& fold) const {
  if (plans_.empty()) return false;
  return PlanOf(*fold.schema) != nullptr ||
         std::any_of(fold.events.begin(), fold.events.end(),
                     [&](const EventFold& event) { return PlanOf(*event.type) != nullptr; });
}

// ---------------------------------------------------------------- messages

absl::StatusOr<Kid> Sealing::KidOfMessage(const crypto::Plan& plan, const crypto::Place& place,
                                          capnp::AnyStruct::Reader payload) const {
  COMMANDER_ASSIGN_OR_RETURN(std::optional<crypto::Subject> subject, plan.SubjectOf(payload));
  if (!subject.has_value()) {
    subject = crypto::Subject{std::string(place.owner), std::string(place.key)};
  }
  absl::StatusOr<Kid> kid = keyring_->KidFor(*subject);
  if (absl::IsFailedPrecondition(kid.status())) return Erased();
  return kid;
}

absl::StatusOr<crypto::WipedWords> Sealing::SealPayload(const crypto::Plan& plan,
                                                        const crypto::Place& place,
                                                        capnp::AnyPointer::Reader payload) const {
  const auto plaintext = payload.getAs<capnp::AnyStruct>();
  COMMANDER_ASSIGN_OR_RETURN(const Kid kid, KidOfMessage(plan, place, plaintext));
  absl::StatusOr<crypto::WipedWords> sealed = sealer_->Seal(plan, place, kid, plaintext);
  if (crypto::AnswerOf(sealed.status()) == crypto::Answer::kErased) return Erased();
  return sealed;
}

absl::StatusOr<CommandDraft> Sealing::Seal(const crypto::Plan& plan, std::string_view group,
                                           const CommandHeader& header, CommandDraft draft) const {
  COMMANDER_ASSIGN_OR_RETURN(
      const crypto::WipedWords sealed,
      SealPayload(plan, PlaceOf(PlaceKind::kCommand, group, header, draft.type().fingerprint),
                  draft.Read()));
  return draft.Sealed(sealed.bytes());
}

absl::StatusOr<EventDraft> Sealing::Seal(const crypto::Plan& plan, std::string_view group,
                                         const OutcomeHeader& header, EventDraft& draft) const {
  COMMANDER_ASSIGN_OR_RETURN(
      const crypto::WipedWords sealed,
      SealPayload(plan, PlaceOf(PlaceKind::kEvent, group, header, header.type), draft.Read()));
  return draft.Sealed(sealed.bytes());
}

absl::Status Sealing::AppendMarked(const crypto::Plan& plan, const crypto::Place& place,
                                   const Kid& kid, capnp::MessageBuilder& plaintext,
                                   const OutcomeHeader& header, log::EntryBatch* out) const {
  COMMANDER_ASSIGN_OR_RETURN(
      const crypto::WipedWords sealed,
      sealer_->Seal(plan, place, kid, plaintext.getRoot<capnp::AnyStruct>().asReader(),
                    crypto::IfErased::kMark));
  AppendSealed(header, sealed.bytes(), out);
  return absl::OkStatus();
}

absl::Status Sealing::AppendRejection(std::string_view group, const OutcomeHeader& header,
                                      const Kid* kid, std::string_view code,
                                      std::string_view message, log::EntryBatch* out) const {
  if (kid == nullptr) {
    internal::AppendRejection(header, code, message, out);
    return absl::OkStatus();
  }
  crypto::WipingMessage scratch;
  Fill(scratch.initRoot<wire::Rejection>(), code, message);
  return AppendMarked(rejections_, PlaceOf(PlaceKind::kRejection, group, header, header.type), *kid,
                      scratch, header, out);
}

absl::Status Sealing::AppendParked(std::string_view group, const OutcomeHeader& header,
                                   const Kid* kid, std::span<const Word> command,
                                   std::string_view code, std::string_view message,
                                   log::EntryBatch* out) const {
  if (kid == nullptr) {
    internal::AppendParked(header, command, code, message, out);
    return absl::OkStatus();
  }
  crypto::WipingMessage scratch;
  Fill(scratch.initRoot<wire::Parked>(), command, code, message);
  return AppendMarked(parked_, PlaceOf(PlaceKind::kParked, group, header, header.type), *kid,
                      scratch, header, out);
}

absl::Status Sealing::SyncKeys() const {
  return keyring_ == nullptr ? absl::OkStatus() : keyring_->SyncKeys();
}

absl::Status Sealing::Open(EnvelopeReader& envelope, std::string_view group, bool personal) const {
  if (envelope.sealed().empty()) {
    if (!personal || envelope.payload().isNull()) return absl::OkStatus();
    return crypto::StatusOf(crypto::Answer::kForged,
                            "its type has personal fields, and it is in clear");
  }
  if (sealer_ == nullptr) return NoKeys();
  COMMANDER_ASSIGN_OR_RETURN(crypto::Opened opened,
                             sealer_->Open(PlaceOf(envelope, group), envelope.sealed()));
  return envelope.TakeOpened(std::move(opened));
}

// ---------------------------------------------------------------- states and rows

absl::StatusOr<crypto::WipedWords> Sealing::PersonalPart(const crypto::Plan& plan,
                                                         const FoldType& fold,
                                                         const void* state) const {
  crypto::WipingMessage scratch;
  COMMANDER_RETURN_IF_ERROR(SaveInto(fold, state, scratch));
  const auto stored = scratch.getRoot<capnp::AnyStruct>().asReader();
  COMMANDER_ASSIGN_OR_RETURN(const crypto::Split split, crypto::Split::Measure(plan, stored));
  crypto::WipedWords part(split.personal_words());
  COMMANDER_RETURN_IF_ERROR(split.WritePersonal(part.words()));
  return part;
}

absl::Status Sealing::TakeSubject(const FoldType& fold, const Aggregate& before,
                                  const EventToFold& event, Aggregate* after) const {
  after->kid = before.kid;
  after->erased = before.erased;
  if (event.kid == nullptr || after->state == nullptr) return absl::OkStatus();
  const crypto::Plan* plan = PlanOf(*fold.schema);
  if (plan == nullptr) return absl::OkStatus();
  // An event about somebody else takes the state over only where it changed what is personal.
  if (MayChangeSubject(before, event.kid) && before.kid != Kid{}.bytes) {
    COMMANDER_ASSIGN_OR_RETURN(const crypto::WipedWords was,
                               PersonalPart(*plan, fold, before.state.get()));
    COMMANDER_ASSIGN_OR_RETURN(const crypto::WipedWords is,
                               PersonalPart(*plan, fold, after->state.get()));
    if (std::ranges::equal(was.words(), is.words())) return absl::OkStatus();
  }
  after->kid = event.kid->bytes;
  after->erased = event.metadata.erased;
  return absl::OkStatus();
}

absl::StatusOr<Aggregate> Sealing::Apply(const FoldType& fold, Aggregate before,
                                         const EventToFold& event) const {
  Aggregate kept;
  kept.kid = before.kid;
  kept.erased = before.erased;
  if (MayChangeSubject(before, event.kid)) kept.state = before.state;
  COMMANDER_ASSIGN_OR_RETURN(Aggregate after, ApplyEvent(fold, std::move(before), event));
  COMMANDER_RETURN_IF_ERROR(TakeSubject(fold, kept, event, &after));
  return after;
}

absl::StatusOr<std::optional<Kid>> Sealing::KidOfRow(const crypto::Plan& plan,
                                                     const RowPlace& place, const Aggregate& state,
                                                     capnp::AnyStruct::Reader stored) const {
  const Kid last{state.kid};
  std::optional<Kid> known;
  if (last != Kid{}) known = last;
  if (state.erased) return known;
  // Where the field is empty, nobody is named: what was folded last decides.
  const absl::StatusOr<std::optional<crypto::Subject>> named = plan.SubjectOf(stored);
  if (!named.ok() && !absl::IsInvalidArgument(named.status())) return named.status();
  if (named.ok() && named->has_value()) {
    const absl::StatusOr<Kid> kid = keyring_->KidFor(**named);
    if (kid.ok()) return *kid;
    if (absl::IsFailedPrecondition(kid.status())) return ErasedOrNone(known);
    // One that is too long names nobody either.
    if (!absl::IsInvalidArgument(kid.status())) return kid.status();
  }
  if (known.has_value()) return known;
  const absl::StatusOr<Kid> kid = keyring_->KidFor(
      {place.projection ? "projection" : std::string(place.owner),
       std::string(place.projection ? place.owner.substr(0, place.owner.rfind('@')) : place.key)});
  if (absl::IsFailedPrecondition(kid.status())) return std::nullopt;
  if (!kid.ok()) return kid.status();
  return *kid;
}

absl::StatusOr<std::optional<Kid>> Sealing::ErasedOrNone(const std::optional<Kid>& kid) const {
  if (!kid.has_value()) return kid;
  bool erased = false;
  COMMANDER_RETURN_IF_ERROR(keyring_->Use(*kid, [&](const crypto::KeyAnswer& answer) {
    erased = answer.state == crypto::KeyAnswer::State::kErased;
  }));
  return erased ? kid : std::nullopt;
}

absl::Status Sealing::SaveSealed(const crypto::Plan& plan, const FoldType& fold,
                                 const RowPlace& place, const Aggregate& state,
                                 const Stored& use) const {
  crypto::WipingMessage scratch;
  COMMANDER_RETURN_IF_ERROR(SaveInto(fold, state.state.get(), scratch));
  const auto stored = scratch.getRoot<capnp::AnyStruct>().asReader();
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<Kid> kid, KidOfRow(plan, place, state, stored));
  if (kid.has_value()) {
    COMMANDER_ASSIGN_OR_RETURN(
        const crypto::WipedWords sealed,
        sealer_->Seal(plan, PlaceOf(fold, place), *kid, stored, crypto::IfErased::kMark));
    use(true, sealed.words());
    return absl::OkStatus();
  }
  // There never was a key, and there will be none: what is left is public.
  COMMANDER_ASSIGN_OR_RETURN(const crypto::Split split, crypto::Split::Measure(plan, stored));
  std::vector<Word> words(split.public_words());
  COMMANDER_RETURN_IF_ERROR(split.WritePublic(words));
  use(false, words);
  return absl::OkStatus();
}

absl::Status Sealing::Save(const FoldType& fold, const RowPlace& place, const Aggregate& state,
                           const Stored& use) const {
  if (const crypto::Plan* plan = PlanOf(*fold.schema); plan != nullptr) {
    return SaveSealed(*plan, fold, place, state, use);
  }
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<Word> words, SaveFold(fold, state.state.get()));
  use(false, words);
  return absl::OkStatus();
}

absl::StatusOr<crypto::Opened> Sealing::OpenRow(const FoldType& fold, const RowPlace& place,
                                                std::span<const Word> stored) const {
  if (sealer_ == nullptr) return NoKeys();
  absl::StatusOr<crypto::Opened> opened = sealer_->Open(PlaceOf(fold, place), BytesOf(stored));
  if (opened.ok()) return opened;
  return absl::Status(opened.status().code(),
                      absl::StrCat("stored ", place.projection ? "row" : "state", " of ",
                                   ToAbsl(place.owner), ": ", opened.status().message()));
}

absl::StatusOr<Aggregate> Sealing::Load(const FoldType& fold, const RowPlace& place, bool sealed,
                                        std::span<const Word> stored) const {
  const bool personal = PlanOf(*fold.schema) != nullptr;
  Aggregate loaded;
  if (!sealed) {
    COMMANDER_ASSIGN_OR_RETURN(loaded.state, LoadFold(fold, stored, fold.schema->name));
    loaded.erased = personal;  // SaveSealed() says when
    return loaded;
  }
  COMMANDER_ASSIGN_OR_RETURN(const crypto::Opened opened, OpenRow(fold, place, stored));
  COMMANDER_ASSIGN_OR_RETURN(
      loaded.state, LoadFold(fold, opened.words(), fold.schema->name, ExceptionText::kWithheld));
  loaded.kid = opened.kid().bytes;
  loaded.erased = opened.erased();
  return loaded;
}

absl::Status Sealing::Read(const FoldType& fold, const RowPlace& place, bool sealed,
                           std::span<const Word> stored,
                           const std::function<void(capnp::AnyPointer::Reader)>& use) const {
  if (!sealed) return ReadStruct(stored, fold.schema->name, use);
  COMMANDER_ASSIGN_OR_RETURN(const crypto::Opened opened, OpenRow(fold, place, stored));
  return ReadStruct(opened.words(), fold.schema->name, use);
}

}  // namespace commander::internal
