#include "crypto/key_primitives.h"

#include <sodium.h>

namespace commander::crypto {

static_assert(kKeyBytes == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
static_assert(kSealOverheadBytes == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES +
                                        crypto_aead_xchacha20poly1305_ietf_ABYTES);

namespace {
constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
}  // namespace

void FillRandom(RandomSource* random, std::span<std::uint8_t> out) {
  if (random != nullptr) {
    random->Fill(out);
  } else {
    randombytes_buf(out.data(), out.size());
  }
}

void Blake2b(Bytes key, std::initializer_list<Bytes> parts, std::span<std::uint8_t> out) {
  crypto_generichash_state state;
  crypto_generichash_init(&state, key.data(), key.size(), out.size());
  for (const Bytes part : parts) crypto_generichash_update(&state, part.data(), part.size());
  crypto_generichash_final(&state, out.data(), out.size());
  sodium_memzero(&state, sizeof(state));
}

Kid KidOfKey(Bytes key) { return {Blake2b<32>(key, {AsBytes("ES kid v1")})}; }

std::string SealValue(Bytes key, std::string_view associated_data, Bytes plain,
                      RandomSource* random) {
  std::string sealed(plain.size() + kSealOverheadBytes, '\0');
  auto* const out = reinterpret_cast<std::uint8_t*>(sealed.data());
  FillRandom(random, {out, kNonceBytes});
  crypto_aead_xchacha20poly1305_ietf_encrypt(out + kNonceBytes, nullptr, plain.data(), plain.size(),
                                             AsBytes(associated_data).data(),
                                             associated_data.size(), nullptr, out, key.data());
  return sealed;
}

bool OpenValue(Bytes key, std::string_view associated_data, std::string_view sealed,
               std::span<std::uint8_t> plain) {
  if (sealed.size() != plain.size() + kSealOverheadBytes) return false;
  const Bytes in = AsBytes(sealed);
  return crypto_aead_xchacha20poly1305_ietf_decrypt(
             plain.data(), nullptr, nullptr, in.data() + kNonceBytes, in.size() - kNonceBytes,
             AsBytes(associated_data).data(), associated_data.size(), in.data(), key.data()) == 0;
}

}  // namespace commander::crypto
