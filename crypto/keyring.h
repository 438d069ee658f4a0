// keyring.h: what sealing asks of the keys of subjects.
//
//     ASSIGN_OR_RETURN(Kid kid, keyring.KidFor(subject));         // makes the key of a new subject
//     RETURN_IF_ERROR(keyring.Use(kid, [&](const KeyAnswer& key) { … }));
//     RETURN_IF_ERROR(keyring.SyncKeys());                        // before what was sealed is
//     appended
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/subject.h"

namespace commander::crypto {

using Nonce = std::array<std::uint8_t, 24>;  // of XChaCha20-Poly1305
using PlaceTag = std::array<std::uint8_t, 16>;

// What is known of a kid.
struct KeyAnswer {
  enum class State {
    kHeld,     // `key` is there
    kErased,   // the ledger of erasures holds it, under `erasure`
    kUnknown,  // neither: never to be taken for erased
  };
  State state = State::kUnknown;
  const std::uint8_t* key = nullptr;  // kHeld: 32 bytes, in locked memory, until the call returns
  ErasureId erasure;                  // kErased
};

// Thread-safe.  The errors of all: kUnavailable (the store of keys has failed or is closed, or the
// ledger of erasures is not read yet), kDataLoss (damaged rows; named, without any id of a person).
class Keyring {
 public:
  virtual ~Keyring() = default;

  // Bound into everything that is sealed.
  virtual const Realm& realm() const = 0;

  // Kid of the subject's key, which is made where there is none.  A new key may be lost in a crash
  // until SyncKeys() has returned.
  //   kFailedPrecondition: the subject was erased.
  virtual absl::StatusOr<Kid> KidFor(const Subject& subject) = 0;

  // Kid of the subject's key, an erased one included; nothing where it has, and had, none.
  // After an erasure is complete only a suppression mark is left of the subject, so nothing is
  // answered then and KidFor() refuses.
  virtual absl::StatusOr<std::optional<Kid>> FindKid(const Subject& subject) = 0;

  // Every key that KidFor() answered before is durable.  Cheap where there is nothing to do.
  virtual absl::Status SyncKeys() = 0;

  // Calls `use` once with what is known of the kid.  An erasure waits for calls under way, so `use`
  // must be short, and may not call the keyring.
  virtual absl::Status Use(const Kid& kid, absl::FunctionRef<void(const KeyAnswer&)> use) = 0;

  // SipHash-2-4-128 of `associated_data` under the store's MAC key: proves, also after the key is
  // destroyed, that this store sealed something at that place under that kid.
  virtual PlaceTag TagOf(std::span<const std::uint8_t> associated_data) const = 0;

  // Random, never twice the same.
  virtual Nonce NewNonce() = 0;
};

}  // namespace commander::crypto
