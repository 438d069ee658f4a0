// Published vectors.  They also tell that the linked library is the one that was compiled against.
#include <sodium.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "crypto/aead.h"
#include "crypto/sealer.h"

namespace commander::crypto {
namespace {

constexpr char kKey[] = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f";
constexpr char kAssociatedData[] = "50515253c0c1c2c3c4c5c6c7";
constexpr char kPlaintext[] =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    "sunscreen would be it.";

const std::uint8_t* Bytes(const std::string& text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

std::string FromHex(std::string_view hex) {
  std::string bytes(hex.size() / 2, '\0');
  sodium_hex2bin(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size(), hex.data(),
                 hex.size(), nullptr, nullptr, nullptr);
  return bytes;
}

absl::Status Expect(absl::string_view vector, const std::string& actual, const char* expected) {
  if (actual == FromHex(expected)) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      "libsodium does not reproduce ", vector,
      "; nothing can be sealed or opened with it: install another build of the library"));
}

// draft-irtf-cfrg-xchacha-03, A.3.1, through our own functions.
absl::Status TestSealing() {
  const std::string key = FromHex(kKey);
  const std::string data = FromHex(kAssociatedData);
  Nonce nonce;
  for (std::size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<std::uint8_t>(0x40 + i);
  const std::span<const std::uint8_t> associated_data(Bytes(data), data.size());
  std::string box = kPlaintext;
  box.append(kTagBytes, '\0');
  SealInPlace(Bytes(key), nonce, associated_data,
              {reinterpret_cast<std::uint8_t*>(box.data()), box.size()});
  absl::Status sealed =
      Expect("XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03, A.3.1)", box,
             "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a"
             "82f4eda7"
             "e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76"
             "b2383565"
             "d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49");
  if (!sealed.ok()) return sealed;
  std::array<std::uint8_t, sizeof(kPlaintext) - 1> opened;
  const std::span<std::uint8_t> box_bytes(reinterpret_cast<std::uint8_t*>(box.data()), box.size());
  if (!OpenBox(Bytes(key), nonce, associated_data, box_bytes, opened) ||
      std::memcmp(opened.data(), kPlaintext, opened.size()) != 0) {
    return absl::InternalError("libsodium does not open what it sealed");
  }
  box_bytes.back() ^= 1;
  if (OpenBox(Bytes(key), nonce, associated_data, box_bytes, opened)) {
    return absl::InternalError("libsodium opens what was altered");
  }
  return absl::OkStatus();
}

// RFC 8439, 2.8.2.
absl::Status TestChaCha() {
  const std::string key = FromHex(kKey);
  const std::string data = FromHex(kAssociatedData);
  const std::string nonce = FromHex("070000004041424344454647");
  std::string box(sizeof(kPlaintext) - 1 + crypto_aead_chacha20poly1305_ietf_ABYTES, '\0');
  crypto_aead_chacha20poly1305_ietf_encrypt(reinterpret_cast<std::uint8_t*>(box.data()), nullptr,
                                            reinterpret_cast<const std::uint8_t*>(kPlaintext),
                                            sizeof(kPlaintext) - 1, Bytes(data), data.size(),
                                            nullptr, Bytes(nonce), Bytes(key));
  return Expect("ChaCha20-Poly1305 (RFC 8439, 2.8.2)", box,
                "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282"
                "fafb69da927"
                "28b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad6759"
                "45585808b48"
                "31d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691");
}

// RFC 7693, appendix A: the hash of kids and associated data, at its full length.
absl::Status TestBlake2b() {
  std::string hash(crypto_generichash_BYTES_MAX, '\0');
  crypto_generichash(reinterpret_cast<std::uint8_t*>(hash.data()), hash.size(),
                     reinterpret_cast<const std::uint8_t*>("abc"), 3, nullptr, 0);
  return Expect(
      "BLAKE2b (RFC 7693)", hash,
      "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5"
      "de4533cc9518d38aa8dbf1925ab92386edd4009923");
}

// SipHash-2-4 with 128 bits of output: the first vector of its reference code, of no bytes.
absl::Status TestSipHash() {
  std::array<std::uint8_t, crypto_shorthash_siphashx24_KEYBYTES> key;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
  std::string hash(crypto_shorthash_siphashx24_BYTES, '\0');
  crypto_shorthash_siphashx24(reinterpret_cast<std::uint8_t*>(hash.data()), nullptr, 0, key.data());
  return Expect("SipHash-2-4-128", hash, "a3817f04ba25a8e66df67214c7550293");
}

}  // namespace

absl::Status SelfTest() {
  if (sodium_init() < 0) return absl::InternalError("libsodium cannot be initialised");
  for (const auto test : {&TestSealing, &TestChaCha, &TestBlake2b, &TestSipHash}) {
    if (const absl::Status status = test(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace commander::crypto
