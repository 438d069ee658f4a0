#include "engine/envelope.h"

#include <kj/exception.h>
#include <strings.h>

#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/strings.h"

namespace commander::internal {
namespace {

static_assert(sizeof(Word) == sizeof(capnp::word) && alignof(Word) == alignof(capnp::word));

// A record may be read many times over its length by a walk of its pointers, no more: a bound on
// the work that hostile bytes can cause.
constexpr std::uint64_t kTraversalFactor = 16;
constexpr std::uint64_t kTraversalWords = 1024;

capnp::ReaderOptions OptionsFor(std::size_t words) {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = kTraversalFactor * words + kTraversalWords;
  options.nestingLimit = 64;
  return options;
}

std::string_view View(capnp::Text::Reader text) { return {text.cStr(), text.size()}; }
std::string_view View(capnp::Data::Reader data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}
capnp::Data::Reader AsData(std::string_view bytes) {
  return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
}
capnp::Text::Reader AsText(const std::string& text) { return {text.c_str(), text.size()}; }

// Scratch memory of one thread: a message that fits needs no allocation.
class ScratchPool {
 public:
  static constexpr std::size_t kWords = 2048;
  static constexpr std::size_t kArrays = 4;

  std::unique_ptr<capnp::word[]> Take() {
    if (free_.empty()) return std::make_unique<capnp::word[]>(kWords);  // zeroed
    std::unique_ptr<capnp::word[]> scratch = std::move(free_.back());
    free_.pop_back();
    return scratch;
  }
  void Give(std::unique_ptr<capnp::word[]> scratch) {
    if (free_.size() < kArrays) free_.push_back(std::move(scratch));
  }

 private:
  std::vector<std::unique_ptr<capnp::word[]>> free_;
};
thread_local ScratchPool scratch_pool;

struct PooledDraft : DraftMessage {
  explicit PooledDraft(std::unique_ptr<capnp::word[]> words)
      : DraftMessage(kj::arrayPtr(words.get(), ScratchPool::kWords)), scratch(std::move(words)) {}
  std::unique_ptr<capnp::word[]> scratch;
};

DraftPointer NewDraft() { return DraftPointer(new PooledDraft(scratch_pool.Take())); }

template <class Builder>
void FillExtra(Builder envelope, const MessageId& correlation, std::string_view actor,
               const std::vector<Header>* headers, std::span<const std::uint8_t> seed) {
  const bool any_headers = headers != nullptr && !headers->empty();
  if (correlation.empty() && actor.empty() && !any_headers && seed.empty()) return;
  auto extra = envelope.initExtra();
  extra.setCorrelationHi(correlation.hi);
  extra.setCorrelationLo(correlation.lo);
  if (!actor.empty()) extra.setActor(AsText(std::string(actor)));
  if (any_headers) {
    auto list = extra.initHeaders(static_cast<unsigned>(headers->size()));
    for (unsigned i = 0; i < list.size(); ++i) {
      list[i].setName(AsText((*headers)[i].name));
      list[i].setValue(AsText((*headers)[i].value));
    }
  }
  if (!seed.empty()) extra.setSeed({seed.data(), seed.size()});
}

void FillOutcome(wire::Envelope::Builder envelope, const OutcomeHeader& header) {
  envelope.setIdHi(header.id.hi);
  envelope.setIdLo(header.id.lo);
  envelope.setType(header.type);
  envelope.setKind(static_cast<std::uint8_t>(header.kind));
  envelope.setFlags(header.flags);
  envelope.setIndex(header.index);
  envelope.setCount(header.count);
  envelope.setTime(header.time_ns);
  envelope.setVersion(header.version);
  envelope.setKey(AsData(header.key));
  envelope.setAsked(header.asked_ns);
  envelope.setSource(header.source.value);
  envelope.setCauseHi(header.cause.hi);
  envelope.setCauseLo(header.cause.lo);
  const MessageId correlation =
      header.correlation == header.cause ? MessageId() : header.correlation;
  FillExtra(envelope, correlation, header.actor, nullptr, header.seed);
}

// Builds one envelope in scratch memory and appends it.
void AppendOutcome(const OutcomeHeader& header, log::EntryBatch* out,
                   const std::function<void(wire::Envelope::Payload::Builder)>& fill) {
  const DraftPointer draft = NewDraft();
  auto envelope = draft->message.initRoot<wire::Envelope>();
  if (fill) fill(envelope.getPayload());
  FillOutcome(envelope, header);
  out->Append(FinishedMessage(draft->message).words());
}

capnp::Data::Reader AsData(std::span<const std::uint8_t> bytes) {
  return {bytes.data(), bytes.size()};
}

// A draft that holds a sealed payload and nothing else yet.
template <class Root>
DraftPointer SealedDraft(std::span<const std::uint8_t> sealed) {
  DraftPointer draft = NewDraft();
  draft->message.initRoot<Root>().getPayload().setSealed(AsData(sealed));
  return draft;
}

}  // namespace

std::string_view MessageKindName(MessageKind kind) {
  switch (kind) {
    case MessageKind::kCommand:
      return "command";
    case MessageKind::kEvent:
      return "event";
    case MessageKind::kRejection:
      return "rejection";
    case MessageKind::kNothing:
      return "nothing";
    case MessageKind::kParked:
      return "parked";
    case MessageKind::kLedger:
      return "ledger";
  }
  return "unknown";
}

absl::Status GuardKj(std::string_view what, const std::function<void()>& use) {
  try {
    use();
    return absl::OkStatus();
  } catch (const kj::Exception& error) {
    const std::string message = absl::StrCat(ToAbsl(what), ": not readable as Cap'n Proto (",
                                             error.getFile(), ":", error.getLine(), ")");
    switch (error.getType()) {
      case kj::Exception::Type::FAILED:
        return absl::DataLossError(message);
      case kj::Exception::Type::OVERLOADED:
        return absl::ResourceExhaustedError(message);
      case kj::Exception::Type::DISCONNECTED:
        return absl::UnavailableError(message);
      case kj::Exception::Type::UNIMPLEMENTED:
        return absl::UnimplementedError(message);
    }
    return absl::InternalError(message);
  }
}

EnvelopeReader::EnvelopeReader(std::span<const Word> message)
    : segment_{kj::arrayPtr(reinterpret_cast<const capnp::word*>(message.data()), message.size())},
      message_(kj::arrayPtr(segment_, 1), OptionsFor(message.size())) {}

absl::StatusOr<std::unique_ptr<EnvelopeReader>> EnvelopeReader::Open(
    std::span<const Word> message) {
  std::unique_ptr<EnvelopeReader> reader(new EnvelopeReader(message));
  try {
    reader->Read();
  } catch (const kj::Exception& error) {
    return absl::DataLossError(
        absl::StrCat("not an envelope (", error.getFile(), ":", error.getLine(), ")"));
  }
  const auto invalid = [](absl::string_view what) {
    return absl::DataLossError(absl::StrCat("not an envelope: ", what));
  };
  if (reader->envelope_.getKind() > static_cast<std::uint8_t>(MessageKind::kLedger)) {
    return invalid(absl::StrCat("unknown kind ", reader->envelope_.getKind()));
  }
  if (reader->key_.size() > kMaxKeyBytes) return invalid("its key is too long");
  if (reader->kind() == MessageKind::kCommand) {
    if (reader->key_.empty()) return invalid("it has no key");
    if ((reader->flags() & kExpectedMask) == kExpectedMask) {
      return invalid("unknown expected version");
    }
  } else if (reader->kind() == MessageKind::kLedger) {
    if (reader->sealed().empty()) return invalid("a record of the ledger without its bytes");
  } else if (reader->count() == 0 || reader->index() >= reader->count()) {
    return invalid("its place in the outcome is impossible");
  }
  if (reader->id().empty()) return invalid("it has no id");
  return reader;
}

void EnvelopeReader::Read() {
  envelope_ = message_.getRoot<wire::Envelope>();
  key_ = View(envelope_.getKey());
  const auto payload = envelope_.getPayload();
  if (payload.isSealed()) {
    const auto sealed = payload.getSealed();
    sealed_ = {sealed.begin(), sealed.size()};
    KJ_REQUIRE(!sealed_.empty(), "sealed payload without bytes");
  } else {
    KJ_REQUIRE(payload.isClear(), "unknown form of payload");
    payload_ = payload.getClear();
    KJ_REQUIRE(payload_.isNull() || payload_.isStruct(), "payload is not a struct");
  }
  if (!envelope_.hasExtra()) return;
  const auto extra = envelope_.getExtra();
  actor_ = View(extra.getActor());
  correlation_ = {extra.getCorrelationHi(), extra.getCorrelationLo()};
}

EnvelopeReader::OpenedPayload::OpenedPayload(crypto::Opened payload)
    : opened(std::move(payload)),
      segment{kj::arrayPtr(reinterpret_cast<const capnp::word*>(opened.words().data()),
                           opened.words().size())},
      message(kj::arrayPtr(segment, 1), OptionsFor(opened.words().size())) {}

absl::Status EnvelopeReader::TakeOpened(crypto::Opened opened) {
  return GuardKj("opened payload", [&] {
    opened_ = std::make_unique<OpenedPayload>(std::move(opened));
    payload_ = opened_->message.getRoot<capnp::AnyPointer>();
    KJ_REQUIRE(payload_.isStruct(), "payload is not a struct");
  });
}

MessageId EnvelopeReader::correlation() const {
  if (!correlation_.empty()) return correlation_;
  return kind() == MessageKind::kCommand ? id() : cause();
}

std::vector<Header> EnvelopeReader::headers() const {
  std::vector<Header> headers;
  if (!envelope_.hasExtra()) return headers;
  for (const auto header : envelope_.getExtra().getHeaders()) {
    headers.push_back({std::string(View(header.getName())), std::string(View(header.getValue()))});
  }
  return headers;
}

Rejection EnvelopeReader::rejection() const {
  if (kind() == MessageKind::kRejection) {
    const auto rejection = payload_.getAs<wire::Rejection>();
    return {std::string(View(rejection.getCode())), std::string(View(rejection.getMessage()))};
  }
  if (kind() == MessageKind::kParked) {
    const auto parked = payload_.getAs<wire::Parked>();
    return {std::string(View(parked.getCode())), std::string(View(parked.getMessage()))};
  }
  return {};
}

std::vector<Word> EnvelopeReader::parked_command() const {
  const auto bytes = payload_.getAs<wire::Parked>().getCommand();
  std::vector<Word> words((bytes.size() + sizeof(Word) - 1) / sizeof(Word));
  if (bytes.size() > 0) std::memcpy(words.data(), bytes.begin(), bytes.size());
  return words;
}

EventMetadata MetadataOf(const EnvelopeReader& envelope, std::string_view group,
                         std::uint32_t partition, Offset offset) {
  EventMetadata metadata;
  metadata.id = envelope.id();
  metadata.group = group;
  metadata.key = envelope.key();
  metadata.version = envelope.version();
  metadata.time = absl::FromUnixNanos(envelope.time_ns());
  metadata.index = envelope.index();
  metadata.count = envelope.count();
  metadata.causation = envelope.cause();
  metadata.correlation = envelope.correlation();
  metadata.actor = envelope.actor();
  metadata.partition = partition;
  metadata.offset = offset;
  if (envelope.kid() != nullptr) metadata.subject = envelope.kid()->ToString();
  metadata.erased = envelope.erased();
  return metadata;
}

DraftMessage::~DraftMessage() {
  // The first segment is wiped when it goes back; further ones are the heap's.
  const auto segments = message.getSegmentsForOutput();
  for (std::size_t i = 1; i < segments.size(); ++i) {
    explicit_bzero(const_cast<capnp::word*>(segments[i].begin()),
                   segments[i].size() * sizeof(capnp::word));
  }
}

void ReleaseDraft::operator()(DraftMessage* message) const {
  auto* pooled = static_cast<PooledDraft*>(message);
  std::unique_ptr<capnp::word[]> scratch = std::move(pooled->scratch);
  delete pooled;  // clears what it used of the scratch memory
  scratch_pool.Give(std::move(scratch));
}

EventDraft::EventDraft(const Type& type) : type_(&type), message_(NewDraft()) {
  message_->message.initRoot<wire::Envelope>();
}
capnp::AnyPointer::Builder EventDraft::payload() {
  return message_->message.getRoot<wire::Envelope>().getPayload().initClear();
}

capnp::AnyPointer::Reader EventDraft::Read() {
  return message_->message.getRoot<wire::Envelope>().getPayload().getClear().asReader();
}

CommandDraft::CommandDraft(const Type& type) : type_(&type), message_(NewDraft()) {
  message_->message.initRoot<wire::Command>();
}
capnp::AnyPointer::Builder CommandDraft::payload() {
  return message_->message.getRoot<wire::Command>().getPayload().initClear();
}

DraftReader::DraftReader(EventDraft& draft)
    : message_(draft.message().message.getSegmentsForOutput(),
               OptionsFor(draft.message().message.sizeInWords())) {}
capnp::AnyPointer::Reader DraftReader::payload() const {
  return message_.getRoot<wire::Envelope>().getPayload().getClear();
}

EventDraft EventDraft::Sealed(std::span<const std::uint8_t> sealed) const {
  return EventDraft(*type_, SealedDraft<wire::Envelope>(sealed));
}
capnp::AnyPointer::Reader CommandDraft::Read() {
  return message_->message.getRoot<wire::Command>().getPayload().getClear().asReader();
}
CommandDraft CommandDraft::Sealed(std::span<const std::uint8_t> sealed) const {
  return CommandDraft(*type_, SealedDraft<wire::Command>(sealed));
}

FinishedMessage::FinishedMessage(capnp::MessageBuilder& message) {
  const auto segments = message.getSegmentsForOutput();
  if (segments.size() == 1) {
    words_ = {reinterpret_cast<const Word*>(segments[0].begin()), segments[0].size()};
    return;
  }
  // A record is one segment: copy the tree into one that holds it.
  std::size_t words = 0;
  for (const auto segment : segments) words += segment.size();
  capnp::MallocMessageBuilder flat(static_cast<unsigned>(words + 16));
  flat.setRoot(message.getRoot<capnp::AnyPointer>().asReader());
  const auto one = flat.getSegmentsForOutput();
  own_.resize(one[0].size());
  std::memcpy(own_.data(), one[0].begin(), own_.size() * sizeof(Word));
  words_ = own_;
}

FinishedMessage Finish(CommandDraft& draft, const CommandHeader& header) {
  auto envelope = draft.message().message.getRoot<wire::Command>();
  envelope.setIdHi(header.id.hi);
  envelope.setIdLo(header.id.lo);
  envelope.setType(draft.type().fingerprint);
  envelope.setKind(static_cast<std::uint8_t>(MessageKind::kCommand));
  envelope.setFlags(header.expected);
  envelope.setTime(header.created_ns);
  envelope.setVersion(header.version);
  envelope.setKey(AsData(header.key));
  FillExtra(envelope, header.correlation, header.actor, header.headers, {});
  return FinishedMessage(draft.message().message);
}

FinishedMessage Finish(EventDraft& draft, const OutcomeHeader& header) {
  FillOutcome(draft.message().message.getRoot<wire::Envelope>(), header);
  return FinishedMessage(draft.message().message);
}

void AppendNothing(const OutcomeHeader& header, log::EntryBatch* out) {
  AppendOutcome(header, out, nullptr);
}

void Fill(wire::Rejection::Builder rejection, std::string_view code, std::string_view message) {
  rejection.setCode(AsText(std::string(code)));
  rejection.setMessage(AsText(std::string(message)));
}

void Fill(wire::Parked::Builder parked, std::span<const Word> command, std::string_view code,
          std::string_view message) {
  parked.setCommand(
      AsData({reinterpret_cast<const std::uint8_t*>(command.data()), command.size_bytes()}));
  parked.setCode(AsText(std::string(code)));
  parked.setMessage(AsText(std::string(message)));
}

void AppendRejection(const OutcomeHeader& header, std::string_view code, std::string_view message,
                     log::EntryBatch* out) {
  AppendOutcome(header, out, [&](wire::Envelope::Payload::Builder payload) {
    Fill(payload.initClear().initAs<wire::Rejection>(), code, message);
  });
}

void AppendParked(const OutcomeHeader& header, std::span<const Word> command, std::string_view code,
                  std::string_view message, log::EntryBatch* out) {
  AppendOutcome(header, out, [&](wire::Envelope::Payload::Builder payload) {
    Fill(payload.initClear().initAs<wire::Parked>(), command, code, message);
  });
}

void AppendSealed(const OutcomeHeader& header, std::span<const std::uint8_t> sealed,
                  log::EntryBatch* out) {
  AppendOutcome(header, out, [&](wire::Envelope::Payload::Builder payload) {
    payload.setSealed(AsData(sealed));
  });
}

std::vector<Word> FlatStruct(const std::function<void(capnp::AnyPointer::Builder)>& fill) {
  const DraftPointer draft = NewDraft();
  fill(draft->message.getRoot<capnp::AnyPointer>());
  const FinishedMessage finished(draft->message);
  return {finished.words().begin(), finished.words().end()};
}

absl::Status ReadStruct(std::span<const Word> words, std::string_view what,
                        const std::function<void(capnp::AnyPointer::Reader)>& use) {
  return GuardKj(what, [&] {
    const kj::ArrayPtr<const capnp::word> segments[1] = {
        kj::arrayPtr(reinterpret_cast<const capnp::word*>(words.data()), words.size())};
    capnp::SegmentArrayMessageReader message(kj::arrayPtr(segments, 1), OptionsFor(words.size()));
    use(message.getRoot<capnp::AnyPointer>());
  });
}

}  // namespace commander::internal
