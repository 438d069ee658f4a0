// key_primitives.h: the constructions that the store of keys uses.
//
// BLAKE2b (RFC 7693) and XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with random nonces, of
// libsodium.  A sealed value is nonce 24 | ciphertext | tag 16.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "commander/environment.h"
#include "crypto/aead.h"
#include "crypto/key_bytes.h"
#include "crypto/subject.h"

namespace commander::crypto {

inline constexpr std::size_t kSealOverheadBytes = 24 + 16;

// Fills with random bytes of `random`, or of the kernel where it is null.
void FillRandom(RandomSource* random, std::span<std::uint8_t> out);

void Blake2b(Bytes key, std::initializer_list<Bytes> parts, std::span<std::uint8_t> out);
template <std::size_t N>
std::array<std::uint8_t, N> Blake2b(Bytes key, std::initializer_list<Bytes> parts) {
  std::array<std::uint8_t, N> out;
  Blake2b(key, parts, out);
  return out;
}

// The public name of a subject's key.
Kid KidOfKey(Bytes key);

std::string SealValue(Bytes key, std::string_view associated_data, Bytes plain,
                      RandomSource* random);
// False, and nothing of the plaintext, unless `sealed` is what SealValue() made of the same key and
// data, and exactly as long as `plain` needs.
bool OpenValue(Bytes key, std::string_view associated_data, std::string_view sealed,
               std::span<std::uint8_t> plain);

}  // namespace commander::crypto
