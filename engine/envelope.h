// envelope.h: messages as records of the log: building them, reading them.
//
// The format is include/commander/envelope.capnp.  Reading trusts nothing: a record comes from a
// file or a network, and a damaged one is an error, never undefined behaviour.
#pragma once

#include <capnp/any.h>
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <commander/envelope.capnp.h>

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
#include "commander/id.h"
#include "commander/internal/draft.h"
#include "commander/internal/type.h"
#include "commander/outcome.h"
#include "crypto/sealer.h"
#include "engine/log/entries.h"

namespace commander::internal {

using log::Word;

inline constexpr std::size_t kMaxKeyBytes = 1024;
inline constexpr std::size_t kMaxActorBytes = 4096;
// What the records of one outcome may hold together.
inline constexpr std::size_t kMaxOutcomeBytes = std::size_t{4} << 20;
// What a parked record may need beyond the command that it holds.
inline constexpr std::size_t kParkedOverheadBytes = std::size_t{128} << 10;

enum class MessageKind : std::uint8_t {  // stored
  kCommand = 0,
  kEvent = 1,
  kRejection = 2,
  kNothing = 3,
  kParked = 4,
  kLedger = 5,
};
std::string_view MessageKindName(MessageKind kind);

inline constexpr std::uint8_t kExpectedMask = 0x3;
inline constexpr std::uint8_t kRepeatFlag = 0x4;

// Runs `use`, which reads or builds Cap'n Proto; its exceptions quote their input and become this
// error instead.
absl::Status GuardKj(std::string_view what, const std::function<void()>& use);

// One record, opened.  The words must outlive it; not copyable, since readers point into it.
class EnvelopeReader {
 public:
  //   kDataLoss: not an envelope.
  static absl::StatusOr<std::unique_ptr<EnvelopeReader>> Open(std::span<const Word> message);

  MessageId id() const { return {envelope_.getIdHi(), envelope_.getIdLo()}; }
  std::uint64_t type() const { return envelope_.getType(); }
  MessageKind kind() const { return static_cast<MessageKind>(envelope_.getKind()); }
  std::uint8_t flags() const { return envelope_.getFlags(); }
  bool repeat() const { return (flags() & kRepeatFlag) != 0; }
  std::uint16_t index() const { return envelope_.getIndex(); }
  std::uint16_t count() const { return envelope_.getCount(); }
  std::int64_t time_ns() const { return envelope_.getTime(); }
  std::uint64_t version() const { return envelope_.getVersion(); }
  std::string_view key() const { return key_; }

  // The payload as it is in the record: ESP1 (crypto/FORMAT.md), or empty where it is in clear.
  std::span<const std::uint8_t> sealed() const { return sealed_; }
  // A clear payload, or what was found under the seal; nothing while it is closed.
  capnp::AnyPointer::Reader payload() const { return payload_; }
  // What Sealer::Open() answered for this record.
  absl::Status TakeOpened(crypto::Opened opened);
  // Of a sealed payload that was opened: whose key seals it; null otherwise.
  const crypto::Kid* kid() const { return opened_ == nullptr ? nullptr : &opened_->opened.kid(); }
  // The subject was erased: personal fields read as absent.
  bool erased() const { return opened_ != nullptr && opened_->opened.erased(); }

  std::int64_t asked_ns() const { return envelope_.getAsked(); }
  Offset source() const { return {envelope_.getSource()}; }
  MessageId cause() const { return {envelope_.getCauseHi(), envelope_.getCauseLo()}; }
  // First message of the chain: what is recorded, else the cause (outcomes) or itself (commands).
  MessageId correlation() const;
  std::string_view actor() const { return actor_; }

  // These throw kj::Exception where the record is damaged: within GuardKj() only.
  std::vector<Header> headers() const;
  // Kind rejection or parked: code and message; nothing while it is closed.
  Rejection rejection() const;
  // Kind parked: the command's record as it came, aligned.
  std::vector<Word> parked_command() const;

 private:
  struct OpenedPayload {
    explicit OpenedPayload(crypto::Opened payload);
    crypto::Opened opened;
    kj::ArrayPtr<const capnp::word> segment[1];
    capnp::SegmentArrayMessageReader message;
  };

  explicit EnvelopeReader(std::span<const Word> message);
  void Read();
  kj::ArrayPtr<const capnp::word> segment_[1];
  capnp::SegmentArrayMessageReader message_;
  wire::Envelope::Reader envelope_;
  capnp::AnyPointer::Reader payload_;
  std::span<const std::uint8_t> sealed_;
  std::unique_ptr<OpenedPayload> opened_;
  std::string_view key_;
  std::string_view actor_;
  MessageId correlation_;  // as recorded
};

// Metadata of an event record; views into `envelope` and `group`.
EventMetadata MetadataOf(const EnvelopeReader& envelope, std::string_view group,
                         std::uint32_t partition, Offset offset);

// A message under construction, in scratch memory of its thread where there is some free.  Wiped
// when it is done with: it may hold personal fields before they are sealed.
struct DraftMessage {
  explicit DraftMessage(kj::ArrayPtr<capnp::word> scratch) : message(scratch) {}
  ~DraftMessage();
  capnp::MallocMessageBuilder message;
};

// The payload of a draft, read within the bounds in which its record will be.
class DraftReader {
 public:
  explicit DraftReader(EventDraft& draft);
  capnp::AnyPointer::Reader payload() const;

 private:
  mutable capnp::SegmentArrayMessageReader message_;
};

// What a sender fills in around the payload of its command.
struct CommandHeader {
  MessageId id;
  std::string_view key;
  std::uint8_t expected = 0;
  std::uint64_t version = 0;
  std::int64_t created_ns = 0;
  MessageId correlation;
  std::string_view actor;
  const std::vector<Header>* headers = nullptr;
};

// What the worker fills in around an outcome record.
struct OutcomeHeader {
  MessageId id;
  std::uint64_t type = 0;
  MessageKind kind = MessageKind::kNothing;
  std::uint8_t flags = 0;
  std::uint16_t index = 0;
  std::uint16_t count = 1;
  std::int64_t time_ns = 0;
  std::int64_t asked_ns = 0;
  std::uint64_t version = 0;
  std::string_view key;
  Offset source;
  MessageId cause;
  MessageId correlation;  // empty: the cause
  std::string_view actor;
  std::span<const std::uint8_t> seed;
};

// The finished words of a message; views into the draft, or its own copy where the draft grew over
// more than one segment.
class FinishedMessage {
 public:
  explicit FinishedMessage(capnp::MessageBuilder& message);
  std::span<const Word> words() const { return words_; }

 private:
  std::span<const Word> words_;
  std::vector<Word> own_;
};

FinishedMessage Finish(CommandDraft& draft, const CommandHeader& header);
FinishedMessage Finish(EventDraft& draft, const OutcomeHeader& header);
// An outcome without a payload of the application: appended to `out`.
void AppendNothing(const OutcomeHeader& header, log::EntryBatch* out);
void AppendRejection(const OutcomeHeader& header, std::string_view code, std::string_view message,
                     log::EntryBatch* out);
void AppendParked(const OutcomeHeader& header, std::span<const Word> command, std::string_view code,
                  std::string_view message, log::EntryBatch* out);
// One whose payload is sealed.
void AppendSealed(const OutcomeHeader& header, std::span<const std::uint8_t> sealed,
                  log::EntryBatch* out);
void Fill(wire::Rejection::Builder rejection, std::string_view code, std::string_view message);
void Fill(wire::Parked::Builder parked, std::span<const Word> command, std::string_view code,
          std::string_view message);

// A struct as the words of one segment, as stores keep it.
std::vector<Word> FlatStruct(const std::function<void(capnp::AnyPointer::Builder)>& fill);
// Runs `use` on the struct in `words`; kDataLoss where they hold none.
absl::Status ReadStruct(std::span<const Word> words, std::string_view what,
                        const std::function<void(capnp::AnyPointer::Reader)>& use);

}  // namespace commander::internal
