// subject.h: whom personal data is about, and the public names of keys and erasures.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace commander::crypto {

// A person, or a tenant: `id` in a namespace of ids.  Both are exact bytes, never normalised.
// Personal itself: never printed, logged or stored in clear.
struct Subject {
  std::string name_space;  // by default the group
  std::string id;          // by default the aggregate's key

  friend bool operator==(const Subject&, const Subject&) = default;
};

// Public name of a subject's key: BLAKE2b-256(key = the key, "ES kid v1").  A pseudonym that looks
// random, and a commitment to the key (Albertini et al., "How to Abuse and Fix Authenticated
// Encryption Without Key Commitment", USENIX Security 2022).  Never truncated where it is stored.
struct Kid {
  std::array<std::uint8_t, 32> bytes{};

  friend bool operator==(const Kid&, const Kid&) = default;
  friend auto operator<=>(const Kid&, const Kid&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const Kid& kid) {
    return H::combine(std::move(state), kid.bytes);
  }

  std::string ToString() const;  // 64 hexadecimal digits
  std::string Short() const;     // the first 8 of them: for tables
};

// Names one erasure; random.
struct ErasureId {
  std::array<std::uint8_t, 16> bytes{};

  friend bool operator==(const ErasureId&, const ErasureId&) = default;
  friend auto operator<=>(const ErasureId&, const ErasureId&) = default;

  std::string ToString() const;  // 32 hexadecimal digits
};

// Names the store of keys and everything sealed by it; random, made with the store.
using StoreId = std::array<std::uint8_t, 16>;
using Realm = std::array<std::uint8_t, 16>;

}  // namespace commander::crypto
