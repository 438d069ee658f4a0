// sealing.h: payloads and rows under the keys of subjects: what the engine asks of crypto/.
//
// What is sealed, and under whose key, is decided by the type of a payload:
//   command, event      its subject field, else the aggregate
//   rejection, parked   the message, where the command's type is personal: the command's subject
//   state, row          its subject field, else the subject of the last event that set its personal
//                       fields, else the aggregate, or the projection
// So a state or row does not outlive the key of the event from which its personal fields came; it
// has one subject, and must not gather what is about several.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/sealer.h"
#include "engine/envelope.h"
#include "engine/fold.h"

namespace commander::internal {

// Where a record of the group is, to its seal.  Valid as long as both.
crypto::Place PlaceOf(const EnvelopeReader& record, std::string_view group);

// Thread-safe once Start() has returned.
class Sealing {
 public:
  explicit Sealing(bool everything);
  // seal_everything is on.
  bool everything() const { return everything_; }

  // Reads the marks of a type; to be called for all of them before Start().
  //   kInvalidArgument: marks that cannot be kept; names the field to mark.
  absl::Status AddType(const Type& type, bool refuse_any_pointer);
  // Some type is personal: there must be keys.
  bool needs_keys() const { return !plans_.empty(); }
  // From now on payloads are sealed and opened.  The keyring must outlive this.
  void Start(crypto::Keyring& keyring);

  // Null: payloads of the type are in clear.
  const crypto::Plan* PlanOf(const Type& type) const {
    if (plans_.empty()) return nullptr;
    const auto at = plans_.find(type.fingerprint);
    return at == plans_.end() ? nullptr : &at->second;
  }
  // The type has fields that are personal, so that what its code says may quote them.
  bool Personal(const FoldType& fold) const;

  // ---- Messages.  Errors of the keyring, and
  //   kFailedPrecondition (commander.erased): the subject was erased.
  //   kInvalidArgument: the field that names the subject is empty.
  absl::StatusOr<CommandDraft> Seal(const crypto::Plan& plan, std::string_view group,
                                    const CommandHeader& header, CommandDraft draft) const;
  // The draft stays as it is, for the fold.
  absl::StatusOr<EventDraft> Seal(const crypto::Plan& plan, std::string_view group,
                                  const OutcomeHeader& header, EventDraft& draft) const;
  // `kid`: whose key seals the message, where the command's type is personal; of an erased subject
  // the code alone is kept.  Null: in clear.
  absl::Status AppendRejection(std::string_view group, const OutcomeHeader& header,
                               const crypto::Kid* kid, std::string_view code,
                               std::string_view message, log::EntryBatch* out) const;
  absl::Status AppendParked(std::string_view group, const OutcomeHeader& header,
                            const crypto::Kid* kid, std::span<const Word> command,
                            std::string_view code, std::string_view message,
                            log::EntryBatch* out) const;
  // Every key that has sealed something is durable: before the row that it sealed is.  The log does
  // the same for records, see Log::SetBarrier().
  absl::Status SyncKeys() const;

  // Makes the payload of a record readable.  `personal`: the revision of its type has marks, so
  // that a clear payload is refused.  That of an erased subject opens without its personal fields.
  //   kDataLoss, kUnimplemented: crypto::AnswerOf() tells what it is.
  //   kFailedPrecondition: it is sealed, and this engine has no keys.
  absl::Status Open(EnvelopeReader& envelope, std::string_view group, bool personal) const;

  // ---- States and rows.
  struct RowPlace {
    std::string_view owner;  // the group; of a row the projection, "balances@2"
    std::string_view key;    // the aggregate's, the row's
    bool projection = false;
  };
  // ApplyEvent(), and whose personal fields the state has then.
  absl::StatusOr<Aggregate> Apply(const FoldType& fold, Aggregate before,
                                  const EventToFold& event) const;
  // The same after a fold of another kind: `before` is the state as it was, which `after` must not
  // share unless the subject is the same.
  absl::Status TakeSubject(const FoldType& fold, const Aggregate& before, const EventToFold& event,
                           Aggregate* after) const;
  // The fold of this event may bring the state another subject: `before` must be kept.
  static bool MayChangeSubject(const Aggregate& before, const crypto::Kid* kid) {
    return kid != nullptr && before.state != nullptr && before.kid != kid->bytes;
  }

  // Hands what is to be stored to `use`.
  using Stored = std::function<void(bool sealed, std::span<const Word>)>;
  absl::Status Save(const FoldType& fold, const RowPlace& place, const Aggregate& state,
                    const Stored& use) const;
  // State and subject of stored words.
  absl::StatusOr<Aggregate> Load(const FoldType& fold, const RowPlace& place, bool sealed,
                                 std::span<const Word> stored) const;
  // The same for queries, which read the stored struct itself.
  absl::Status Read(const FoldType& fold, const RowPlace& place, bool sealed,
                    std::span<const Word> stored,
                    const std::function<void(capnp::AnyPointer::Reader)>& use) const;

 private:
  absl::StatusOr<crypto::WipedWords> SealPayload(const crypto::Plan& plan,
                                                 const crypto::Place& place,
                                                 capnp::AnyPointer::Reader payload) const;
  absl::Status AppendMarked(const crypto::Plan& plan, const crypto::Place& place,
                            const crypto::Kid& kid, capnp::MessageBuilder& plaintext,
                            const OutcomeHeader& header, log::EntryBatch* out) const;
  absl::StatusOr<crypto::Kid> KidOfMessage(const crypto::Plan& plan, const crypto::Place& place,
                                           capnp::AnyStruct::Reader payload) const;
  // Nothing where the subject was erased and no key of it was ever seen here.
  absl::StatusOr<std::optional<crypto::Kid>> KidOfRow(const crypto::Plan& plan,
                                                      const RowPlace& place, const Aggregate& state,
                                                      capnp::AnyStruct::Reader stored) const;
  // What keeps nothing personal of a subject that was erased: its own kid, not somebody else's.
  absl::StatusOr<std::optional<crypto::Kid>> ErasedOrNone(
      const std::optional<crypto::Kid>& kid) const;
  absl::Status SaveSealed(const crypto::Plan& plan, const FoldType& fold, const RowPlace& place,
                          const Aggregate& state, const Stored& use) const;
  absl::StatusOr<crypto::WipedWords> PersonalPart(const crypto::Plan& plan, const FoldType& fold,
                                                  const void* state) const;
  absl::StatusOr<crypto::Opened> OpenRow(const FoldType& fold, const RowPlace& place,
                                         std::span<const Word> stored) const;

  const bool everything_;
  const crypto::Plan rejections_;
  const crypto::Plan parked_;
  absl::flat_hash_map<std::uint64_t, const crypto::Plan> plans_;  // by fingerprint
  crypto::Keyring* keyring_ = nullptr;
  std::unique_ptr<crypto::Sealer> sealer_;
};

}  // namespace commander::internal
