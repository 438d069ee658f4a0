// P2, S12: what is sealed opens bit for bit, whatever it is, and nothing of it is public.
#include <commander/envelope.capnp.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <random>

#include "crypto/aead.h"
#include "crypto/esp1.h"
#include "crypto/split.h"
#include "tests/crypto/sealing_fixture.h"

namespace commander::test {
namespace {

using crypto::Plan;
using crypto::Split;

constexpr char kCanary[] = "canary-";

// Struct `a` and `b` have the same bits and the same objects, sizes of their sections included.
bool Same(capnp::AnyStruct::Reader a, capnp::AnyStruct::Reader b) {
  if (a.getDataSection() != b.getDataSection()) return false;
  if (a.getPointerSection().size() != b.getPointerSection().size()) return false;
  return a == b;
}

class RoundTripTest : public SealingFixture {
 protected:
  // Seals, opens, compares.  Answers the public part.
  Words RoundTrip(const Plan& plan, capnp::AnyStruct::Reader original) {
    const auto sealed = sealer_.Seal(plan, Event(), KidOf("acct-1"), original);
    EXPECT_THAT(sealed, IsOk());
    if (!sealed.ok()) return {};
    const auto opened = sealer_.Open(Event(), sealed->bytes());
    EXPECT_THAT(opened, IsOk());
    if (!opened.ok()) return {};
    opened_ = CopyOf(opened->words());
    FlatReader reader(opened_);
    EXPECT_TRUE(Same(reader.Any(), original));
    EXPECT_FALSE(Contains(sealed->bytes(), kCanary));
    return CopyOf(*crypto::PublicPart(sealed->bytes()));
  }
  Words opened_;
};

// A random struct of every kind; personal texts and data bear the canary.
class Filler {
 public:
  explicit Filler(std::uint64_t seed) : random_(seed) {}

  void Fill(sealing::Kinds::Builder kinds) {
    if (Chance()) kinds.setPublicBool(true);
    if (Chance()) kinds.setBool(true);
    if (Chance()) kinds.setPublicInt8(Number<std::int8_t>());
    if (Chance()) kinds.setInt8(Number<std::int8_t>());
    if (Chance()) kinds.setPublicInt16(Number<std::int16_t>());
    if (Chance()) kinds.setInt16(Number<std::int16_t>());
    if (Chance()) kinds.setPublicInt32(Number<std::int32_t>());
    if (Chance()) kinds.setInt32(Number<std::int32_t>());
    if (Chance()) kinds.setPublicInt64(Number<std::int64_t>());
    if (Chance()) kinds.setInt64(Number<std::int64_t>());
    if (Chance()) kinds.setPublicColor(sealing::Color::RED);
    if (Chance()) kinds.setColor(sealing::Color::NONE);
    if (Chance()) kinds.setPublicFloat(-0.0f);
    if (Chance()) kinds.setFloat(std::nanf("1"));
    if (Chance()) kinds.setPublicDouble(std::nan("2"));
    if (Chance()) kinds.setDouble(-0.0);
    FillPointers(kinds);
    FillUnions(kinds);
  }

 private:
  bool Chance() { return random_() % 2 == 0; }
  template <typename N>
  N Number() {
    return static_cast<N>(random_());
  }
  std::string Canary() { return kCanary + std::string(random_() % 40, 'x'); }
  std::string Public() { return std::string(random_() % 20, 'p'); }

  template <class Pointer>
  static void SetText(Pointer pointer, const std::string& text) {
    std::copy(text.begin(), text.end(), pointer.begin());
  }
  template <class Data>
  static void SetData(Data data, const std::string& text) {
    std::copy(text.begin(), text.end(), data.begin());
  }
  void FillInner(sealing::Inner::Builder inner, bool secret, int depth) {
    if (Chance()) inner.setText((secret ? Canary() : Public()).c_str());
    if (Chance()) inner.setNumber(Number<std::uint16_t>());
    if (depth == 0 || Chance()) return;
    for (auto more : inner.initMore(static_cast<unsigned>(random_() % 4))) {
      FillInner(more, secret, depth - 1);
    }
  }
  void FillPointers(sealing::Kinds::Builder kinds) {
    if (Chance()) kinds.setPublicText(Public().c_str());
    if (Chance()) kinds.setText(Canary().c_str());
    if (Chance()) SetData(kinds.initPublicData(7), "1234567");
    if (Chance()) SetData(kinds.initData(sizeof(kCanary)), kCanary);
    if (Chance()) kinds.initPublicBools(3).set(1, true);
    if (Chance()) kinds.initBools(static_cast<unsigned>(random_() % 70));
    if (Chance()) FillInner(kinds.initPublicInner(), false, 3);
    if (Chance()) FillInner(kinds.initInner(), true, 3);
    if (Chance()) {
      for (auto inner : kinds.initPublicInners(3)) FillInner(inner, false, 1);
    }
    if (Chance()) {
      for (auto inner : kinds.initInners(static_cast<unsigned>(random_() % 4))) {
        FillInner(inner, true, 2);
      }
    }
    if (Chance()) {
      auto texts = kinds.initTexts(3);
      texts.set(0, Canary().c_str());
      texts.set(2, "");
    }
    if (Chance()) kinds.initNothings(500);
    if (Chance()) FillInner(kinds.initAny().initAs<sealing::Inner>(), true, 2);
  }
  // Sets members over one another, as a handler does that changes its mind.
  void FillUnions(sealing::Kinds::Builder kinds) {
    auto group = kinds.getGroup();
    if (Chance()) group.setStreet(Canary().c_str());
    if (Chance()) group.setNumber(Number<std::uint8_t>());
    if (Chance()) group.setFlat(Number<std::uint16_t>());
    if (Chance()) group.setFloor("first");
    auto choice = kinds.getChoice();
    if (Chance()) choice.setNumber(0x79726e61636E6163);  // reads "cancanry"
    if (Chance()) choice.setWord(Canary().c_str());
    if (Chance()) choice.setPublicNumber(5);
    if (Chance()) choice.setPublicWord("public");
    if (Chance()) choice.setNone();
    if (Chance()) kinds.setOpen(Chance());
    if (Chance()) SetData(kinds.initBlob(sizeof(kCanary)), kCanary);
    if (Chance()) kinds.setSecret(Chance());
  }

  std::mt19937_64 random_;
};

RC_GTEST_FIXTURE_PROP(RoundTripTest, OfEveryKindOfField, (std::uint64_t seed)) {
  static const Plan plan = PlanOf<sealing::Kinds>("sealing.Kinds");
  capnp::MallocMessageBuilder message;
  auto kinds = message.initRoot<sealing::Kinds>();
  Filler(seed).Fill(kinds);
  const Words shown = RoundTrip(plan, kinds.asReader());
  RC_ASSERT(!HasFailure());
  FlatReader reader(shown);
  const auto seen = reader.Root<sealing::Kinds>();
  RC_ASSERT(seen.getPublicBool() == kinds.getPublicBool());
  RC_ASSERT(seen.getPublicInt64() == kinds.getPublicInt64());
  RC_ASSERT(seen.hasPublicText() == kinds.hasPublicText());
  RC_ASSERT(seen.getPublicInners().size() == kinds.getPublicInners().size());
  RC_ASSERT(seen.which() == kinds.which());
  RC_ASSERT(seen.getChoice().which() == kinds.getChoice().which());
  RC_ASSERT(!seen.getBool());
  RC_ASSERT(seen.getInt8() == 0);
  RC_ASSERT(seen.getInt32() == 1234);  // its default
  RC_ASSERT(seen.getInt64() == 0);
  RC_ASSERT(!seen.hasText());
  RC_ASSERT(!seen.hasInners());
  RC_ASSERT(!seen.getGroup().hasStreet());
}

TEST_F(RoundTripTest, OfEverySizeUpToOneMebibyte) {
  for (const std::size_t size : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 63, 64, 255, 256, 4096, 65537,
                                 900 * 1024, (1 << 20) - 1, 1 << 20}) {
    capnp::MallocMessageBuilder message;
    auto event = message.initRoot<sealing::Opened>();
    auto owner = event.initOwner(static_cast<unsigned>(size));
    for (std::size_t i = 0; i < size; ++i) owner[i] = static_cast<char>('a' + i % 26);
    RoundTrip(plan_, event.asReader());
    ASSERT_FALSE(HasFailure()) << size;
  }
}

// S12: none of these is nothing.
TEST_F(RoundTripTest, TellsNullFromEmpty) {
  capnp::MallocMessageBuilder message;
  auto event = message.initRoot<sealing::Opened>();
  RoundTrip(plan_, event.asReader());
  EXPECT_FALSE(FlatReader(opened_).Root<sealing::Opened>().hasOwner());
  event.setOwner("");
  RoundTrip(plan_, event.asReader());
  EXPECT_TRUE(FlatReader(opened_).Root<sealing::Opened>().hasOwner());
  const std::string odd("\xF0\x9F\x98\x80\0x", 6);
  std::copy(odd.begin(), odd.end(), event.initOwner(6).begin());
  RoundTrip(plan_, event.asReader());
  FlatReader reader(opened_);
  const auto owner = reader.Root<sealing::Opened>().getOwner();
  EXPECT_EQ(std::string(owner.begin(), owner.end()), odd);
}

// A struct of defaults has its segment as any other: erased is told from empty.
TEST_F(RoundTripTest, ADefaultStructIsSealedToo) {
  capnp::MallocMessageBuilder message;
  const auto sealed =
      sealer_.Seal(plan_, Event(), KidOf("acct-1"), message.initRoot<sealing::Opened>().asReader());
  ASSERT_THAT(sealed, IsOk());
  EXPECT_EQ(AnswerTo(Event(), sealed->bytes()), crypto::Answer::kOk);
  keyring_.Erase(KidOf("acct-1"));
  EXPECT_EQ(AnswerTo(Event(), sealed->bytes()), crypto::Answer::kErased);
}

TEST_F(RoundTripTest, TheEmptyStructToo) {
  const Plan plan = PlanOf<wire::Retry>("commander.Retry", {.seal_everything = true});
  capnp::MallocMessageBuilder message;
  RoundTrip(plan, message.initRoot<wire::Retry>().asReader());
}

// Setting another member leaves the bits and the text of the former one where they were.
TEST_F(RoundTripTest, WhatAUnionsFormerMemberLeftBehindIsNotPublic) {
  const Plan plan = PlanOf<sealing::Kinds>("sealing.Kinds");
  capnp::MallocMessageBuilder message;
  auto kinds = message.initRoot<sealing::Kinds>();
  kinds.getChoice().setNumber(0x1122334455667788);
  kinds.getChoice().setPublicNumber(5);
  kinds.initBlob(sizeof(kCanary));
  std::copy(std::begin(kCanary), std::end(kCanary), kinds.getBlob().begin());
  kinds.setOpen(true);
  Words shown = RoundTrip(plan, kinds.asReader());
  FlatReader reader(shown);
  auto seen = reader.Root<sealing::Kinds>();
  EXPECT_EQ(seen.getChoice().getPublicNumber(), 5);
  EXPECT_TRUE(seen.getOpen());
  EXPECT_FALSE(Contains(BytesOf(shown), "\x77\x66\x55\x44"));
}

TEST_F(RoundTripTest, ThePersonalMemberIsNotPublicButThatItIsSetIs) {
  const Plan plan = PlanOf<sealing::Kinds>("sealing.Kinds");
  capnp::MallocMessageBuilder message;
  auto kinds = message.initRoot<sealing::Kinds>();
  kinds.getChoice().setNumber(-1);
  Words shown = RoundTrip(plan, kinds.asReader());
  FlatReader reader(shown);
  const auto seen = reader.Root<sealing::Kinds>().getChoice();
  ASSERT_TRUE(seen.isNumber());
  EXPECT_EQ(seen.getNumber(), 0);
}

TEST_F(RoundTripTest, OfAWholeStructOnlyDiscriminantsArePublic) {
  const Plan plan = PlanOf<sealing::Whole>("sealing.Whole");
  capnp::MallocMessageBuilder message;
  auto whole = message.initRoot<sealing::Whole>();
  whole.setText("canary-text");
  whole.setNumber(77);
  whole.setRight(5);
  const Words shown = RoundTrip(plan, whole.asReader());
  FlatReader reader(shown);
  const auto seen = reader.Root<sealing::Whole>();
  EXPECT_EQ(seen.getNumber(), 0);
  ASSERT_TRUE(seen.isRight());
  EXPECT_EQ(seen.getRight(), 0);
}

TEST_F(RoundTripTest, SealingEverythingLeavesZerosOfTheSameSize) {
  const Plan plan = PlanOf<sealing::Kinds>("sealing.Kinds", {.seal_everything = true});
  capnp::MallocMessageBuilder message;
  auto kinds = message.initRoot<sealing::Kinds>();
  Filler(1).Fill(kinds);
  kinds.getChoice().setPublicWord("canary-word");
  const Words shown = RoundTrip(plan, kinds.asReader());
  EXPECT_TRUE(std::all_of(shown.begin() + 1, shown.end(), [](auto word) { return word == 0; }));
  capnp::AnyStruct::Reader original = kinds.asReader();
  EXPECT_EQ(shown.size(),
            1 + original.getDataSection().size() / 8 + original.getPointerSection().size());
}

TEST_F(RoundTripTest, MarkedListsOfAnyLength) {
  const Plan plan = PlanOf<sealing::MarksList>("sealing.MarksList");
  for (const unsigned count : {0u, 1u, 3u}) {
    capnp::MallocMessageBuilder message;
    auto list = message.initRoot<sealing::MarksList>();
    list.setCount(count);
    auto contacts = list.initContacts(count);
    for (unsigned i = 0; i < count; ++i) {
      contacts[i].setEmail(("canary-" + std::to_string(i)).c_str());
    }
    const Words shown = RoundTrip(plan, list.asReader());
    EXPECT_EQ(FlatReader(shown).Root<sealing::MarksList>().getCount(), count);
    FlatReader reader(opened_);
    const auto opened = reader.Root<sealing::MarksList>().getContacts();
    ASSERT_EQ(opened.size(), count);
    for (unsigned i = 0; i < count; ++i) {
      EXPECT_EQ(opened[i].getEmail(), ("canary-" + std::to_string(i)).c_str());
    }
  }
}

// A text that was taken out of the struct, but not destroyed, is still in its message.
TEST_F(RoundTripTest, LeavesBehindWhatTheMessageNoLongerNames) {
  capnp::MallocMessageBuilder message;
  auto event = message.initRoot<sealing::Opened>();
  event.setNote("canary-note");
  const auto orphan = event.disownNote();
  event.setNote("a public note");
  const Words shown = RoundTrip(plan_, event.asReader());
  EXPECT_FALSE(Contains(BytesOf(shown), kCanary));
}

TEST_F(RoundTripTest, AnOlderWritersStructIsSmaller) {
  const Plan plan = PlanOf<sealing::Revision2>("sealing.Revision");
  capnp::MallocMessageBuilder message;
  auto old = message.initRoot<sealing::Revision1>();
  old.setOwner("canary-bob");
  old.setCents(5);
  const Words shown = RoundTrip(plan, old.asReader());
  EXPECT_EQ(FlatReader(shown).Root<sealing::Revision2>().getCents(), 5);
  FlatReader reader(opened_);
  EXPECT_EQ(reader.Root<sealing::Revision2>().getOwner(), "canary-bob");
  EXPECT_FALSE(reader.Root<sealing::Revision2>().hasEmail());
}

// What this program's schema does not know may be personal.
TEST_F(RoundTripTest, ANewerWritersFieldsAreSealed) {
  const Plan plan = PlanOf<sealing::Revision1>("sealing.Revision");
  capnp::MallocMessageBuilder message;
  auto recent = message.initRoot<sealing::Revision2>();
  recent.setOwner("canary-bob");
  recent.setCents(5);
  recent.setAge(99);
  recent.setEmail("canary-mail");
  recent.setTotal(1234567);
  const Words shown = RoundTrip(plan, recent.asReader());
  FlatReader reader(shown);
  const auto seen = reader.Root<sealing::Revision2>();
  EXPECT_EQ(seen.getCents(), 5);
  EXPECT_EQ(seen.getAge(), 0);
  EXPECT_EQ(seen.getTotal(), 0);
  EXPECT_FALSE(seen.hasEmail());
  EXPECT_EQ(FlatReader(opened_).Root<sealing::Revision2>().getAge(), 99);
  EXPECT_EQ(FlatReader(opened_).Root<sealing::Revision1>().getCents(), 5);
}

// Types have one group now; the format holds sixteen, each under a key of its own.
TEST_F(RoundTripTest, OfOneToSixteenGroups) {
  const Plan nothing = PlanOf<sealing::Sixteen>("sealing.Sixteen");
  for (std::size_t groups = 1; groups <= crypto::esp1::kMaxSegments; ++groups) {
    capnp::MallocMessageBuilder empty;
    COMMANDER_ASSERT_OK_AND_ASSIGN(
        const Split split, Split::Measure(nothing, empty.initRoot<sealing::Sixteen>().asReader()));
    const std::size_t public_bytes = split.public_words() * 8;
    Words sealed(2 + split.public_words());
    ASSERT_THAT(split.WritePublic(std::span(sealed).subspan(2)), IsOk());
    crypto::esp1::WriteHeader(public_bytes, groups, reinterpret_cast<std::uint8_t*>(sealed.data()));
    const Words bound = sealed;
    crypto::AssociatedData associated_data(Event(), keyring_.realm(), BytesOf(bound));
    for (std::size_t i = 0; i < groups; ++i) {
      capnp::MallocMessageBuilder message;
      capnp::AnyStruct::Builder half = message.initRoot<sealing::Sixteen>();
      half.getPointerSection()[static_cast<unsigned>(i)].setAs<capnp::Text>("canary");
      const auto words = message.getSegmentsForOutput()[0];
      const std::size_t box_words = words.size() + 2;
      crypto::esp1::Segment segment;
      segment.group = static_cast<std::uint8_t>(i);
      segment.kid = KidOf("acct-" + std::to_string(i));
      segment.nonce = keyring_.NewNonce();
      const auto data = associated_data.Of(i, segment);
      segment.tag = keyring_.TagOf(data);
      const std::size_t at = sealed.size();
      sealed.resize(at + 10 + box_words);
      auto* const out = reinterpret_cast<std::uint8_t*>(&sealed[at]);
      crypto::esp1::WriteSegment(segment, box_words * 8, out);
      std::memcpy(out + crypto::esp1::kSegmentBytes, words.begin(), words.size() * 8);
      ASSERT_THAT(keyring_.Use(segment.kid,
                               [&](const crypto::KeyAnswer& key) {
                                 crypto::SealInPlace(
                                     key.key, segment.nonce, data,
                                     {out + crypto::esp1::kSegmentBytes, box_words * 8});
                               }),
                  IsOk());
    }
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto opened, sealer_.Open(Event(), BytesOf(sealed)));
    EXPECT_EQ(opened.segments().size(), groups);
    FlatReader reader(opened.words());
    const auto pointers = reader.Any().getPointerSection();
    for (unsigned i = 0; i < pointers.size(); ++i) EXPECT_EQ(pointers[i].isNull(), i >= groups);
  }
}

TEST_F(RoundTripTest, HalvesThatOverlapAreMalformed) {
  capnp::MallocMessageBuilder message;
  message.initRoot<sealing::Opened>().setCents(1);
  const auto segment = message.getSegmentsForOutput()[0];
  const std::span<const std::uint64_t> half(reinterpret_cast<const std::uint64_t*>(segment.begin()),
                                            segment.size());
  const std::span<const std::uint64_t> halves[] = {half, half};
  EXPECT_THAT(crypto::Merge(std::span(halves).first(1)), IsOk());
  EXPECT_EQ(crypto::AnswerOf(crypto::Merge(halves).status()), crypto::Answer::kMalformed);
}

// P28: pointers that share one object ask for more memory than there are bytes.
TEST_F(RoundTripTest, HalvesThatNameAnObjectTwiceAreMalformed) {
  constexpr std::size_t kPointers = 4;
  Words half(1 + kPointers + 100);
  half[0] = std::uint64_t{kPointers} << 48;
  for (std::size_t i = 0; i < kPointers; ++i) {
    half[1 + i] = ((kPointers - 1 - i) << 2) | 1 | (std::uint64_t{(100 << 3) | 5} << 32);
  }
  const std::span<const std::uint64_t> halves[] = {half};
  EXPECT_EQ(crypto::AnswerOf(crypto::Merge(halves).status()), crypto::Answer::kMalformed);
  for (std::size_t i = 1; i < kPointers; ++i) half[1 + i] = 0;
  EXPECT_THAT(crypto::Merge(halves), IsOk());
}

}  // namespace
}  // namespace commander::test
