// Sealing and opening a struct whose text of 256 bytes is personal, beside the raw cipher over the
// same payload and associated data: what keys, places and Cap'n Proto add.
#include <capnp/message.h>
#include <sodium.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/functional/function_ref.h"
#include "benchmarks/bank.capnp.h"
#include "crypto/aead.h"
#include "crypto/sealer.h"

namespace {

namespace crypto = commander::crypto;

// One key, at hand: what is measured is sealing, not the looking up of keys.
class OneKey final : public crypto::Keyring {
 public:
  OneKey() { randombytes_buf(key_, sizeof(key_)); }
  const crypto::Realm& realm() const override { return realm_; }
  absl::StatusOr<crypto::Kid> KidFor(const crypto::Subject&) override { return crypto::Kid(); }
  absl::StatusOr<std::optional<crypto::Kid>> FindKid(const crypto::Subject&) override {
    return std::optional<crypto::Kid>(crypto::Kid());
  }
  absl::Status SyncKeys() override { return absl::OkStatus(); }
  absl::Status Use(const crypto::Kid&,
                   absl::FunctionRef<void(const crypto::KeyAnswer&)> use) override {
    use({crypto::KeyAnswer::State::kHeld, key_, {}});
    return absl::OkStatus();
  }
  crypto::PlaceTag TagOf(std::span<const std::uint8_t> associated_data) const override {
    crypto::PlaceTag tag;
    crypto_shorthash_siphashx24(tag.data(), associated_data.data(), associated_data.size(), key_);
    return tag;
  }
  crypto::Nonce NewNonce() override {
    ++nonce_[0];
    return nonce_;
  }
  const std::uint8_t* key() const { return key_; }

 private:
  crypto::Realm realm_{};
  std::uint8_t key_[32];
  crypto::Nonce nonce_{};
};

double NanosecondsOf(std::size_t rounds, absl::FunctionRef<void()> work) {
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < rounds; ++i) work();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin)
             .count() /
         static_cast<double>(rounds);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Measured {
  std::vector<double> seal, open, raw_seal, raw_open;
};

// Alternates between the four, so that a machine that is busy for a while is busy for all.
Measured Measure(std::size_t field_bytes, std::size_t samples, std::size_t rounds) {
  OneKey keys;
  crypto::Sealer sealer(keys);
  const auto schema = capnp::Schema::from<bench::Deposit>();
  const auto plan = crypto::Plan::ForFields("bench.Deposit", schema, {"pad"});
  const crypto::Place place{crypto::PlaceKind::kEvent, "accounts", "acct-0000001", 12, {},
                            0x1234567890ABCDEF};
  capnp::MallocMessageBuilder message;
  auto deposit = message.initRoot<bench::Deposit>();
  deposit.setAmount(5);
  deposit.initPad(static_cast<unsigned>(field_bytes));
  const auto sealed = sealer.Seal(*plan, place, {}, deposit.asReader());
  if (!sealed.ok()) {
    std::fprintf(stderr, "crypto_sealing: %s\n", sealed.status().ToString().c_str());
    std::exit(1);
  }

  const crypto::esp1::Message parsed = *crypto::esp1::Parse(sealed->bytes());
  crypto::AssociatedData associated(place, keys.realm(), parsed.bound);
  const auto data = associated.Of(0, parsed.segment(0));
  std::vector<std::uint8_t> payload(field_bytes);
  std::vector<std::uint8_t> box(field_bytes + crypto::kTagBytes);
  crypto::Nonce nonce{};
  const auto raw_seal = [&] {
    crypto_aead_xchacha20poly1305_ietf_encrypt(box.data(), nullptr, payload.data(), payload.size(),
                                               data.data(), data.size(), nullptr, nonce.data(),
                                               keys.key());
  };
  bool opened = true;
  const auto raw_open = [&] {
    opened &= crypto_aead_xchacha20poly1305_ietf_decrypt(
                  payload.data(), nullptr, nullptr, box.data(), box.size(), data.data(),
                  data.size(), nonce.data(), keys.key()) == 0;
  };
  const auto seal = [&] { opened &= sealer.Seal(*plan, place, {}, deposit.asReader()).ok(); };
  const auto open = [&] { opened &= sealer.Open(place, sealed->bytes()).ok(); };

  Measured measured;
  for (std::size_t i = 0; i < samples; ++i) {
    measured.raw_seal.push_back(NanosecondsOf(rounds, raw_seal));
    measured.seal.push_back(NanosecondsOf(rounds, seal));
    measured.raw_open.push_back(NanosecondsOf(rounds, raw_open));
    measured.open.push_back(NanosecondsOf(rounds, open));
  }
  if (!opened) {
    std::fprintf(stderr, "crypto_sealing: something did not open\n");
    std::exit(1);
  }
  return measured;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Cost of sealing beside the raw cipher");
  std::size_t samples = 51;
  std::size_t rounds = 2000;
  app.add_option("--samples", samples, "medians are of so many");
  app.add_option("--rounds", rounds, "operations in a sample of small fields");
  CLI11_PARSE(app, argc, argv);
  if (const absl::Status status = crypto::SelfTest(); !status.ok()) {
    std::fprintf(stderr, "crypto_sealing: %s\n", status.ToString().c_str());
    return 1;
  }
  std::printf("field bytes  seal ns  raw ns  ratio  open ns  raw ns  ratio\n");
  for (const std::size_t bytes : {64, 256, 1024, 4096, 65536}) {
    const Measured measured = Measure(
        bytes, samples, std::max<std::size_t>(1, rounds * 256 / std::max<std::size_t>(bytes, 256)));
    const double seal = Median(measured.seal);
    const double raw_seal = Median(measured.raw_seal);
    const double open = Median(measured.open);
    const double raw_open = Median(measured.raw_open);
    std::printf("%11zu  %7.0f %7.0f  %5.2f  %7.0f %7.0f  %5.2f\n", bytes, seal, raw_seal,
                seal / raw_seal, open, raw_open, open / raw_open);
  }
  return 0;
}
