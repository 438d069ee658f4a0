#include "tools/commander/personal.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "crypto/answer.h"
#include "crypto/esp1.h"
#include "crypto/plan.h"
#include "engine/sealing.h"
#include "tools/commander/json.h"

namespace commander::cli {
namespace {

namespace esp1 = crypto::esp1;
using ::commander::crypto::PlaceKind;
using ::commander::internal::EnvelopeReader;

absl::Status NoKeys() {
  return absl::FailedPreconditionError("it is sealed, and there is no store of keys");
}

}  // namespace

void AppendPersonal(std::string_view state, const crypto::Kid* kid, Row* row) {
  std::string json = "{";
  AppendJsonName("state", &json);
  AppendJsonText(state, &json);
  AppendJsonName("subject", &json);
  if (kid == nullptr) {
    json.append("null");
  } else {
    AppendJsonText(kid->ToString(), &json);
  }
  json.push_back('}');
  row->Json("personal", std::move(json));
}

void Disclosed::AppendTo(Row* row) const { AppendPersonal(state_, &kid_, row); }

std::string ErasuresUnknown(const absl::Status& why) {
  return absl::StrCat("it is not known of all whether they were erased: ", why.message());
}

Masking MaskingOf(const Disclosed& disclosed, capnp::StructSchema schema) {
  if (!disclosed.masked()) return Masking::kNone;
  return crypto::IsPersonal(schema) ? Masking::kMarked : Masking::kAll;
}

absl::StatusOr<std::unique_ptr<Personal>> Personal::Open(Data& data, const Context& context) {
  if (!context.show_personal) return With(data, context, nullptr);
  COMMANDER_ASSIGN_OR_RETURN(const bool any, HasKeys(data, context.keys));
  if (!any) return With(data, context, nullptr);
  COMMANDER_ASSIGN_OR_RETURN(std::unique_ptr<KeyAccess> keys,
                             KeyAccess::ToRead(data, context.keys));
  return With(data, context, std::move(keys));
}

std::unique_ptr<Personal> Personal::With(Data& data, const Context& context,
                                         std::unique_ptr<KeyAccess> keys) {
  std::unique_ptr<Personal> personal(new Personal(data, context.show_personal));
  personal->keys_ = std::move(keys);
  if (personal->keys_ != nullptr) {
    personal->sealer_ = std::make_unique<crypto::Sealer>(personal->keys_->store());
  }
  return personal;
}

absl::StatusOr<Disclosed> Personal::Mask(std::span<const std::uint8_t> sealed) {
  Disclosed disclosed;
  COMMANDER_ASSIGN_OR_RETURN(disclosed.public_, crypto::PublicPart(sealed));
  COMMANDER_ASSIGN_OR_RETURN(const esp1::Message message, esp1::Parse(sealed));
  const esp1::Segment segment = message.segment(0);
  disclosed.kid_ = segment.kid;
  if (!std::exchange(caught_up_, true)) ledger_error_ = erasures_.CatchUp(data_.log());
  const bool erased = segment.state == esp1::State::kErased || erasures_.Holds(segment.kid);
  disclosed.state_ = erased ? "erased" : "sealed";
  return disclosed;
}

absl::StatusOr<Disclosed> Personal::OpenAt(const crypto::Place& place,
                                           std::span<const std::uint8_t> sealed) {
  if (sealer_ == nullptr) return NoKeys();
  Disclosed disclosed;
  COMMANDER_ASSIGN_OR_RETURN(disclosed.opened_, sealer_->Open(place, sealed));
  disclosed.kid_ = disclosed.opened_->kid();
  disclosed.state_ = disclosed.opened_->erased() ? "erased" : "shown";
  return disclosed;
}

// A record does not say its group, and a topic may have any name; where the group is wrong, nothing
// opens.
absl::StatusOr<Disclosed> Personal::Record(const EnvelopeReader& envelope) {
  if (!show_) return Mask(envelope.sealed());
  if (groups_.empty()) {
    COMMANDER_ASSIGN_OR_RETURN(groups_, data_.Groups());
  }
  absl::StatusOr<Disclosed> disclosed = NoKeys();
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    disclosed = OpenAt(internal::PlaceOf(envelope, groups_[i]), envelope.sealed());
    if (crypto::AnswerOf(disclosed.status()) == crypto::Answer::kForged) continue;
    std::swap(groups_[0], groups_[i]);
    return disclosed;
  }
  return disclosed;
}

absl::StatusOr<Disclosed> Personal::Stored(PlaceKind kind, std::string_view owner,
                                           std::string_view key, std::uint64_t schema,
                                           std::span<const std::uint64_t> sealed) {
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(sealed.data()),
                                            sealed.size_bytes());
  return show_ ? OpenAt({kind, owner, key, 0, {}, schema}, bytes) : Mask(bytes);
}

}  // namespace commander::cli
