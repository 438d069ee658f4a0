// fake_keyring.h: keys in memory, the same in every run.
#pragma once

#include <sodium.h>

#include <map>
#include <mutex>
#include <string>

#include "crypto/keyring.h"

namespace commander::test {

// Thread-safe.
class FakeKeyring final : public crypto::Keyring {
 public:
  // Keyrings of different `store`s have nothing in common but the keys of subjects.
  explicit FakeKeyring(std::uint8_t store = 1) {
    realm_.fill(store);
    mac_key_.fill(static_cast<std::uint8_t>(store + 100));
  }

  const crypto::Realm& realm() const override { return realm_; }

  absl::StatusOr<crypto::Kid> KidFor(const crypto::Subject& subject) override {
    const Key key = KeyOf(subject);
    const crypto::Kid kid = KidOf(key);
    const std::lock_guard lock(mutex_);
    if (erased_.contains(kid)) return absl::FailedPreconditionError("the subject was erased");
    keys_.try_emplace(kid, key);
    return kid;
  }
  absl::StatusOr<std::optional<crypto::Kid>> FindKid(const crypto::Subject& subject) override {
    const crypto::Kid kid = KidOf(KeyOf(subject));
    const std::lock_guard lock(mutex_);
    return keys_.contains(kid) || erased_.contains(kid) ? std::optional(kid) : std::nullopt;
  }
  absl::Status SyncKeys() override { return failure_; }
  absl::Status Use(const crypto::Kid& kid,
                   absl::FunctionRef<void(const crypto::KeyAnswer&)> use) override {
    if (!failure_.ok()) return failure_;
    crypto::KeyAnswer answer;
    const std::lock_guard lock(mutex_);
    if (const auto erased = erased_.find(kid); erased != erased_.end()) {
      answer.state = crypto::KeyAnswer::State::kErased;
      answer.erasure = erased->second;
    } else if (const auto key = keys_.find(kid); key != keys_.end()) {
      answer.state = crypto::KeyAnswer::State::kHeld;
      answer.key = key->second.data();
    }
    use(answer);
    return absl::OkStatus();
  }
  crypto::PlaceTag TagOf(std::span<const std::uint8_t> associated_data) const override {
    crypto::PlaceTag tag;
    crypto_shorthash_siphashx24(tag.data(), associated_data.data(), associated_data.size(),
                                mac_key_.data());
    return tag;
  }
  crypto::Nonce NewNonce() override {
    const std::lock_guard lock(mutex_);
    ++nonces_;
    crypto::Nonce nonce{};
    for (int i = 0; i < 8; ++i) nonce[i] = static_cast<std::uint8_t>(nonces_ >> (8 * i));
    return nonce;
  }

  // Destroys the key; its kid is in the ledger from now on.
  crypto::ErasureId Erase(const crypto::Kid& kid) {
    crypto::ErasureId erasure;
    erasure.bytes.fill(0xEE);
    const std::lock_guard lock(mutex_);
    keys_.erase(kid);
    erased_[kid] = erasure;
    return erasure;
  }
  // As if the row of the key had never been there.
  void Lose(const crypto::Kid& kid) {
    const std::lock_guard lock(mutex_);
    keys_.erase(kid);
  }
  // Files the key of another subject under `kid`.
  void Misfile(const crypto::Kid& kid, const crypto::Subject& other) {
    const std::lock_guard lock(mutex_);
    keys_[kid] = KeyOf(other);
  }
  // Everything fails with this status from now on.
  void Fail(absl::Status failure) { failure_ = std::move(failure); }

 private:
  using Key = std::array<std::uint8_t, 32>;

  static Key KeyOf(const crypto::Subject& subject) {
    const std::string text = subject.name_space + '\0' + subject.id;
    Key key;
    crypto_generichash(key.data(), key.size(), reinterpret_cast<const std::uint8_t*>(text.data()),
                       text.size(), nullptr, 0);
    return key;
  }
  static crypto::Kid KidOf(const Key& key) {
    crypto::Kid kid;
    crypto_generichash(kid.bytes.data(), kid.bytes.size(),
                       reinterpret_cast<const std::uint8_t*>("ES kid v1"), 9, key.data(),
                       key.size());
    return kid;
  }

  std::mutex mutex_;
  crypto::Realm realm_;
  std::array<std::uint8_t, 16> mac_key_;
  std::map<crypto::Kid, Key> keys_;
  std::map<crypto::Kid, crypto::ErasureId> erased_;
  std::uint64_t nonces_ = 0;
  absl::Status failure_;
};

}  // namespace commander::test
