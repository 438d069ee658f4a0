// sealing_fixture.h: an account that was opened, sealed as an event, and what may be done to it.
#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <tests/crypto/sealing.capnp.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/sealer.h"
#include "tests/crypto/fake_keyring.h"
#include "tests/support/status_matchers.h"

namespace commander::test {

using Words = std::vector<std::uint64_t>;

inline std::span<const std::uint8_t> BytesOf(const Words& words) {
  return {reinterpret_cast<const std::uint8_t*>(words.data()), words.size() * 8};
}
inline Words CopyOf(std::span<const std::uint64_t> words) { return {words.begin(), words.end()}; }
inline Words CopyOf(const crypto::WipedWords& words) { return CopyOf(words.words()); }

inline bool Contains(std::span<const std::uint8_t> bytes, std::string_view text) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).find(text) !=
         std::string_view::npos;
}

// A flat segment as a message.
class FlatReader {
 public:
  explicit FlatReader(std::span<const std::uint64_t> words)
      : segment_{kj::arrayPtr(reinterpret_cast<const capnp::word*>(words.data()), words.size())},
        message_(kj::arrayPtr(segment_, 1)) {}
  template <class T>
  typename T::Reader Root() {
    return message_.getRoot<T>();
  }
  capnp::AnyStruct::Reader Any() { return message_.getRoot<capnp::AnyStruct>(); }

 private:
  kj::ArrayPtr<const capnp::word> segment_[1];
  capnp::SegmentArrayMessageReader message_;
};

template <class T>
crypto::Plan PlanOf(std::string_view name, const crypto::PlanOptions& options = {}) {
  auto plan = crypto::Plan::Make(name, capnp::Schema::from<T>(), options);
  EXPECT_THAT(plan, IsOk());
  return *std::move(plan);
}

class SealingFixture : public ::testing::Test {
 protected:
  static constexpr std::string_view kOwner = "canary-bob@example.org";

  crypto::Kid KidOf(std::string_view id) { return *keyring_.KidFor({"accounts", std::string(id)}); }
  static crypto::Place Event(std::string_view key = "acct-1", std::uint64_t version = 1) {
    crypto::Place place{crypto::PlaceKind::kEvent, "accounts", key, version, {}, 0xF00D};
    place.id.fill(static_cast<std::uint8_t>(version));
    return place;
  }
  static void Fill(sealing::Opened::Builder event) {
    event.setOwner(std::string(kOwner).c_str());
    event.setCents(1200);
    event.setNote("a public note");
  }
  Words SealOpened(const crypto::Place& place, const crypto::Kid& kid,
                   crypto::IfErased if_erased = crypto::IfErased::kRefuse) {
    capnp::MallocMessageBuilder message;
    auto event = message.initRoot<sealing::Opened>();
    Fill(event);
    auto sealed = sealer_.Seal(plan_, place, kid, event.asReader(), if_erased);
    EXPECT_THAT(sealed, IsOk());
    return sealed.ok() ? CopyOf(*sealed) : Words();
  }
  crypto::Answer AnswerTo(const crypto::Place& place, std::span<const std::uint8_t> bytes) {
    const auto opened = sealer_.Open(place, bytes);
    if (opened.ok()) return opened->erased() ? crypto::Answer::kErased : crypto::Answer::kOk;
    return crypto::AnswerOf(opened.status());
  }
  crypto::Answer AnswerTo(const crypto::Place& place, const Words& words) {
    return AnswerTo(place, BytesOf(words));
  }

  FakeKeyring keyring_;
  crypto::Sealer sealer_{keyring_};
  const crypto::Plan plan_ = PlanOf<sealing::Opened>("sealing.Opened");
};

}  // namespace commander::test
