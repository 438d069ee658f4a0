#include "crypto/sealer.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "crypto/aead.h"
#include "crypto/esp1.h"
#include "crypto/split.h"

namespace commander::crypto {
namespace {

using KeyState = KeyAnswer::State;

constexpr std::size_t kWordBytes = sizeof(std::uint64_t);
constexpr std::size_t kMostWords = std::numeric_limits<std::uint32_t>::max() / kWordBytes - 2;

static_assert(esp1::kBoxOverheadBytes == kTagBytes);

absl::Status KeyUnknown(const Kid& kid) {
  return StatusOf(Answer::kKeyUnknown, absl::StrCat("kid ", kid.Short()));
}

// Bytes of a sealed struct under construction: public part written, personal part in clear where
// its ciphertext will be.
struct Draft {
  WipedWords words;
  std::size_t public_bytes = 0;

  std::size_t segment_at() const { return esp1::kHeaderBytes + public_bytes; }
  esp1::Bytes bound() const { return words.bytes().first(segment_at()); }
  std::uint8_t* segment() { return words.bytes().data() + segment_at(); }
  std::span<std::uint8_t> box() {
    return words.bytes().subspan(segment_at() + esp1::kSegmentBytes);
  }
};

absl::StatusOr<Draft> WriteDraft(const Plan& plan, capnp::AnyStruct::Reader plaintext) {
  COMMANDER_ASSIGN_OR_RETURN(const Split split, Split::Measure(plan, plaintext));
  if (split.public_words() > kMostWords || split.personal_words() > kMostWords) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a ", plan.name(), " is too large to be sealed"));
  }
  Draft draft;
  draft.public_bytes = split.public_words() * kWordBytes;
  const std::size_t box_bytes = split.personal_words() * kWordBytes + kTagBytes;
  draft.words = WipedWords(esp1::SizeOf(draft.public_bytes, box_bytes) / kWordBytes);
  const std::span<std::uint64_t> words = draft.words.words();
  esp1::WriteHeader(draft.public_bytes, 1, draft.words.bytes().data());
  COMMANDER_RETURN_IF_ERROR(
      split.WritePublic(words.subspan(esp1::kHeaderBytes / kWordBytes, split.public_words())));
  COMMANDER_RETURN_IF_ERROR(split.WritePersonal(words.subspan(
      (draft.segment_at() + esp1::kSegmentBytes) / kWordBytes, split.personal_words())));
  return draft;
}

// What one segment turned out to be.
struct Judgement {
  Answer answer = Answer::kKeyUnknown;
  std::optional<ErasureId> erasure;
  WipedWords plaintext;
};

// "Erased" is said only where the place tag proves that the key was used right here.
void Judge(const KeyAnswer& key, const esp1::Segment& segment,
           std::span<const std::uint8_t> associated_data, bool tag_matches, Judgement* out) {
  switch (key.state) {
    case KeyState::kUnknown:
      out->answer = Answer::kKeyUnknown;
      return;
    case KeyState::kErased:
      out->answer = tag_matches ? Answer::kErased : Answer::kForged;
      out->erasure = key.erasure;
      return;
    case KeyState::kHeld:
      const bool opens =
          segment.state == esp1::State::kSealed &&
          OpenBox(key.key, segment.nonce, associated_data, segment.box, out->plaintext.bytes());
      out->answer = opens && tag_matches ? Answer::kOk : Answer::kForged;
      return;
  }
}

absl::StatusOr<Judgement> OpenSegment(Keyring& keyring, const esp1::Segment& segment,
                                      std::span<const std::uint8_t> associated_data) {
  const PlaceTag tag = keyring.TagOf(associated_data);
  const bool tag_matches = sodium_memcmp(tag.data(), segment.tag.data(), tag.size()) == 0;
  Judgement judgement;
  if (segment.state == esp1::State::kSealed) {
    judgement.plaintext = WipedWords((segment.box.size() - kTagBytes) / kWordBytes);
  }
  COMMANDER_RETURN_IF_ERROR(keyring.Use(segment.kid, [&](const KeyAnswer& key) {
    Judge(key, segment, associated_data, tag_matches, &judgement);
  }));
  if (judgement.answer == Answer::kKeyUnknown) return KeyUnknown(segment.kid);
  if (judgement.answer == Answer::kForged) return StatusOf(Answer::kForged);
  return judgement;
}

absl::Status CheckAlignment(std::span<const std::uint8_t> sealed) {
  if (reinterpret_cast<std::uintptr_t>(sealed.data()) % kWordBytes == 0) return absl::OkStatus();
  return absl::InvalidArgumentError("a sealed struct must begin at a multiple of 8");
}

std::span<const std::uint64_t> AsWords(esp1::Bytes bytes) {
  return {reinterpret_cast<const std::uint64_t*>(bytes.data()), bytes.size() / kWordBytes};
}

}  // namespace

bool Opened::erased() const {
  return std::any_of(segments_.begin(), segments_.end(),
                     [](const Segment& segment) { return segment.erasure.has_value(); });
}

Sealer::Sealer(Keyring& keyring) : keyring_(keyring) {
  // Chooses the fastest implementations; where it fails SelfTest() says so.
  [[maybe_unused]] const int ready = sodium_init();
}

absl::StatusOr<WipedWords> Sealer::Seal(const Plan& plan, const Place& place, const Kid& kid,
                                        capnp::AnyStruct::Reader plaintext, IfErased if_erased) {
  if (!plan.personal()) {
    return absl::InvalidArgumentError(absl::StrCat(plan.name(), " has nothing to seal"));
  }
  COMMANDER_ASSIGN_OR_RETURN(Draft draft, WriteDraft(plan, plaintext));
  AssociatedData associated_data(place, keyring_.realm(), draft.bound());
  esp1::Segment segment;
  segment.kid = kid;
  segment.nonce = keyring_.NewNonce();
  const auto bytes = associated_data.Of(0, segment);
  segment.tag = keyring_.TagOf(bytes);
  esp1::WriteSegment(segment, draft.box().size(), draft.segment());

  KeyState state = KeyState::kUnknown;
  COMMANDER_RETURN_IF_ERROR(keyring_.Use(kid, [&](const KeyAnswer& key) {
    state = key.state;
    if (state == KeyState::kHeld) SealInPlace(key.key, segment.nonce, bytes, draft.box());
  }));
  if (state == KeyState::kUnknown) return KeyUnknown(kid);
  if (state == KeyState::kErased) {
    if (if_erased == IfErased::kRefuse) return StatusOf(Answer::kErased, plan.name());
    segment.state = esp1::State::kErased;
    segment.tag = keyring_.TagOf(associated_data.Of(0, segment));
    esp1::WriteSegment(segment, 0, draft.segment());
    draft.words.Cut(esp1::SizeOf(draft.public_bytes, 0) / kWordBytes);
  }
  return std::move(draft.words);
}

absl::StatusOr<Opened> Sealer::Open(const Place& place, std::span<const std::uint8_t> sealed) {
  COMMANDER_RETURN_IF_ERROR(CheckAlignment(sealed));
  COMMANDER_ASSIGN_OR_RETURN(const esp1::Message message, esp1::Parse(sealed));
  AssociatedData associated_data(place, keyring_.realm(), message.bound);
  Opened opened;
  std::array<WipedWords, esp1::kMaxSegments> plaintexts;
  std::array<std::span<const std::uint64_t>, esp1::kMaxSegments + 1> halves;
  halves[0] = AsWords(message.public_part);
  std::size_t count = 1;
  for (std::size_t i = 0; i < message.segment_count; ++i) {
    const esp1::Segment segment = message.segment(i);
    COMMANDER_ASSIGN_OR_RETURN(Judgement judgement,
                               OpenSegment(keyring_, segment, associated_data.Of(i, segment)));
    opened.segments_.push_back({segment.group, segment.kid, judgement.erasure});
    if (judgement.erasure.has_value()) continue;
    plaintexts[i] = std::move(judgement.plaintext);
    halves[count++] = plaintexts[i].words();
  }
  COMMANDER_ASSIGN_OR_RETURN(opened.words_, Merge(std::span(halves).first(count)));
  return opened;
}

absl::StatusOr<std::span<const std::uint64_t>> PublicPart(std::span<const std::uint8_t> sealed) {
  COMMANDER_RETURN_IF_ERROR(CheckAlignment(sealed));
  COMMANDER_ASSIGN_OR_RETURN(const esp1::Message message, esp1::Parse(sealed));
  return AsWords(message.public_part);
}

absl::StatusOr<Kid> KidOf(std::span<const std::uint8_t> sealed) {
  COMMANDER_ASSIGN_OR_RETURN(const esp1::Message message, esp1::Parse(sealed));
  return message.segment(0).kid;
}

}  // namespace commander::crypto
