// sealer.h: seals the personal fields of a struct for one place, and opens them there.
//
//     Sealer sealer(keyring);
//     const Place place{PlaceKind::kEvent, "accounts", "acct-1", version, id, fingerprint};
//     ASSIGN_OR_RETURN(const WipedWords sealed, sealer.Seal(plan, place, kid, event));
//     envelope.initPayload().setSealed({sealed.bytes().data(), sealed.bytes().size()});
//     RETURN_IF_ERROR(keyring.SyncKeys());        // before the record is appended
//     …
//     ASSIGN_OR_RETURN(const Opened opened, sealer.Open(place, bytes));
//     if (opened.erased()) …                      // personal fields read as absent
//     capnp::AnyPointer::Reader event = …         // of opened.words(), a flat segment
//
// Cipher: XChaCha20-Poly1305 with a random nonce (draft-irtf-cfrg-xchacha-03, over the AEAD of RFC
// 8439), libsodium.  It commits to no key; the kid, which is bound in, does.  Lengths stay visible,
// and so does which member of a union was set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/answer.h"
#include "crypto/associated_data.h"
#include "crypto/keyring.h"
#include "crypto/plan.h"
#include "crypto/wiped_words.h"

namespace commander::crypto {

// What Seal() does for a subject that was erased.
enum class IfErased {
  kRefuse,
  kMark,  // keep the public part and a mark in place of the personal fields: states and rows
};

// A struct as it may be read: all of it, or without the fields of those that were erased.
class Opened {
 public:
  struct Segment {
    std::uint8_t group = 0;
    Kid kid;
    std::optional<ErasureId> erasure;  // set: erased, and proven so
  };

  // A flat Cap'n Proto segment; wiped with this object.
  std::span<const std::uint64_t> words() const { return words_.words(); }
  // One for each group of personal fields; types have one.
  const std::vector<Segment>& segments() const { return segments_; }
  const Kid& kid() const { return segments_.front().kid; }
  // Is any segment?
  bool erased() const;

 private:
  friend class Sealer;
  WipedWords words_;
  std::vector<Segment> segments_;
};

// Thread-safe.  The keyring must outlive it.  Errors of the keyring are handed on by all.
class Sealer {
 public:
  explicit Sealer(Keyring& keyring);

  // Seals `plaintext`, of the plan's type, under the key named `kid`.  The bytes answered begin at
  // a multiple of 8 and are one; they hold no plaintext.  CPU only.
  //   kFailedPrecondition (Answer::kErased): with IfErased::kRefuse.  For good.
  //   kInvalidArgument: the plan has nothing to seal.
  //   kDataLoss: the struct is broken (it came from elsewhere), or no such key is known.
  absl::StatusOr<WipedWords> Seal(const Plan& plan, const Place& place, const Kid& kid,
                                  capnp::AnyStruct::Reader plaintext,
                                  IfErased if_erased = IfErased::kRefuse);

  // Reverses it; any bytes may be given, at an address that is a multiple of 8.
  //   kDataLoss: AnswerOf() tells kForged, kKeyUnknown, kMalformed.  Nothing is opened.
  //   kUnimplemented (Answer::kUnsupported)
  absl::StatusOr<Opened> Open(const Place& place, std::span<const std::uint8_t> sealed);

 private:
  Keyring& keyring_;
};

// For those without keys.  Not authenticated: whoever writes to the log could have written it.
//   as Open(): kMalformed, kUnsupported
// The public part, in place: a flat segment of Cap'n Proto.
absl::StatusOr<std::span<const std::uint64_t>> PublicPart(std::span<const std::uint8_t> sealed);
// The kid of the first segment.
absl::StatusOr<Kid> KidOf(std::span<const std::uint8_t> sealed);

// Published vectors through the library that is linked.  An engine whose self-test fails must not
// start.
//   kInternal: names the vector.
absl::Status SelfTest();

}  // namespace commander::crypto
