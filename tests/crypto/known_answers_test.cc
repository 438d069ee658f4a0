// P1: published vectors.  SelfTest() holds them; that it compares at all is checked here against
// the same construction put together by hand from its parts (draft-irtf-cfrg-xchacha-03, 2.3).
#include <sodium.h>

#include <array>
#include <cstring>
#include <string>

#include "absl/strings/escaping.h"
#include "crypto/aead.h"
#include "crypto/sealer.h"
#include "tests/support/status_matchers.h"

namespace commander::test {
namespace {

const std::uint8_t* Bytes(const std::string& text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

TEST(KnownAnswers, TheSelfTestPasses) { EXPECT_THAT(crypto::SelfTest(), IsOk()); }

// draft-irtf-cfrg-xchacha-03, 2.2.1.
TEST(KnownAnswers, HChaCha20) {
  std::array<std::uint8_t, 32> key;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
  const std::string input("\0\0\0\x09\0\0\0\x4a\0\0\0\0\x31\x41\x59\x27", 16);
  std::string subkey(32, '\0');
  crypto_core_hchacha20(reinterpret_cast<std::uint8_t*>(subkey.data()), Bytes(input), key.data(),
                        nullptr);
  EXPECT_EQ(absl::BytesToHexString(subkey),
            "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc");
}

TEST(KnownAnswers, SealingIsChaCha20Poly1305UnderASubkey) {
  std::string key(32, 'k');
  crypto::Nonce nonce;
  for (std::size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<std::uint8_t>(3 * i);
  const std::string data = "associated";
  std::string box = "what is sealed";
  const std::string plaintext = box;
  box.resize(box.size() + crypto::kTagBytes);
  crypto::SealInPlace(Bytes(key), nonce, {Bytes(data), data.size()},
                      {reinterpret_cast<std::uint8_t*>(box.data()), box.size()});

  std::array<std::uint8_t, 32> subkey;
  crypto_core_hchacha20(subkey.data(), nonce.data(), Bytes(key), nullptr);
  std::array<std::uint8_t, 12> short_nonce{};
  std::memcpy(short_nonce.data() + 4, nonce.data() + 16, 8);
  std::string expected(box.size(), '\0');
  crypto_aead_chacha20poly1305_ietf_encrypt(
      reinterpret_cast<std::uint8_t*>(expected.data()), nullptr, Bytes(plaintext), plaintext.size(),
      Bytes(data), data.size(), nullptr, short_nonce.data(), subkey.data());
  EXPECT_EQ(box, expected);
}

}  // namespace
}  // namespace commander::test
