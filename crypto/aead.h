// aead.h: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), as libsodium has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "crypto/keyring.h"

namespace commander::crypto {

inline constexpr std::size_t kKeyBytes = 32;
inline constexpr std::size_t kTagBytes = 16;

// Turns the plaintext in `box` into ciphertext; the last kTagBytes of `box` become the tag.
void SealInPlace(const std::uint8_t* key, const Nonce& nonce,
                 std::span<const std::uint8_t> associated_data, std::span<std::uint8_t> box);

// Opens `box` into `plaintext`, kTagBytes shorter.  False, and zeros, where it is not authentic.
[[nodiscard]] bool OpenBox(const std::uint8_t* key, const Nonce& nonce,
                           std::span<const std::uint8_t> associated_data,
                           std::span<const std::uint8_t> box, std::span<std::uint8_t> plaintext);

}  // namespace commander::crypto
