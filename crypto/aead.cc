#include "crypto/aead.h"

#include <sodium.h>

namespace commander::crypto {
namespace {

// The frames of the cipher hold its state, of which libsodium wipes the most only.
constexpr std::size_t kStackBytes = 1024;

static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == kKeyBytes);
static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == kTagBytes);
static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == sizeof(Nonce));

}  // namespace

void SealInPlace(const std::uint8_t* key, const Nonce& nonce,
                 std::span<const std::uint8_t> associated_data, std::span<std::uint8_t> box) {
  crypto_aead_xchacha20poly1305_ietf_encrypt(box.data(), nullptr, box.data(),
                                             box.size() - kTagBytes, associated_data.data(),
                                             associated_data.size(), nullptr, nonce.data(), key);
  sodium_stackzero(kStackBytes);
}

bool OpenBox(const std::uint8_t* key, const Nonce& nonce,
             std::span<const std::uint8_t> associated_data, std::span<const std::uint8_t> box,
             std::span<std::uint8_t> plaintext) {
  const int result = crypto_aead_xchacha20poly1305_ietf_decrypt(
      plaintext.data(), nullptr, nullptr, box.data(), box.size(), associated_data.data(),
      associated_data.size(), nonce.data(), key);
  sodium_stackzero(kStackBytes);
  return result == 0;
}

}  // namespace commander::crypto
