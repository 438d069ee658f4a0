// P4, P5, S14: what was sealed opens at its own place only; every cause of Forged reads alike.
#include <functional>

#include "crypto/esp1.h"
#include "tests/crypto/sealing_fixture.h"

namespace commander::test {
namespace {

using crypto::Answer;
using crypto::Place;
using crypto::PlaceKind;

constexpr char kForged[] = "sealed fields were altered, or are not where they were sealed";

class PlaceTest : public SealingFixture {
 protected:
  void ExpectForged(const Place& place, const Words& sealed) {
    const auto opened = sealer_.Open(place, BytesOf(sealed));
    EXPECT_THAT(opened, StatusIs(absl::StatusCode::kDataLoss, kForged));
    EXPECT_EQ(crypto::AnswerOf(opened.status()), Answer::kForged);
  }
  // Puts the segment of `from` into the message `into`, which has one of the same size.
  static Words WithSegmentOf(const Words& from, const Words& into) {
    const std::size_t begin = crypto::esp1::Parse(BytesOf(into))->bound.size() / 8;
    Words mixed = into;
    std::copy(from.begin() + static_cast<std::ptrdiff_t>(begin), from.end(),
              mixed.begin() + static_cast<std::ptrdiff_t>(begin));
    return mixed;
  }
  static Words WithKid(Words sealed, const crypto::Kid& kid) {
    const std::size_t begin = crypto::esp1::Parse(BytesOf(sealed))->bound.size() / 8;
    std::memcpy(&sealed[begin + 1], kid.bytes.data(), kid.bytes.size());
    return sealed;
  }
};

TEST_F(PlaceTest, EachPartOfThePlaceIsBound) {
  const Words sealed = SealOpened(Event(), KidOf("acct-1"));
  ASSERT_EQ(AnswerTo(Event(), sealed), Answer::kOk);
  const std::vector<std::function<void(Place*)>> changes = {
      [](Place* place) { place->kind = PlaceKind::kCommand; },
      [](Place* place) { place->kind = PlaceKind::kRejection; },
      [](Place* place) { place->kind = PlaceKind::kState; },
      [](Place* place) { place->kind = PlaceKind::kRow; },
      [](Place* place) { place->kind = PlaceKind::kParked; },
      [](Place* place) { place->owner = "account"; },
      [](Place* place) { place->owner = ""; },
      [](Place* place) { place->key = "acct-2"; },
      [](Place* place) { place->key = "acct-1x"; },
      [](Place* place) { place->version ^= 1; },
      [](Place* place) { place->version ^= std::uint64_t{1} << 63; },
      [](Place* place) { place->id[0] ^= 1; },
      [](Place* place) { place->id[15] ^= 1; },
      [](Place* place) { place->schema ^= 1; },
      [](Place* place) { place->schema ^= std::uint64_t{1} << 63; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    SCOPED_TRACE(i);
    Place place = Event();
    changes[i](&place);
    ExpectForged(place, sealed);
  }
}

TEST_F(PlaceTest, LengthsTellOwnerFromKey) {
  Place place = Event();
  place.owner = "ab";
  place.key = "c";
  const Words sealed = SealOpened(place, KidOf("acct-1"));
  place.owner = "a";
  place.key = "bc";
  ExpectForged(place, sealed);
}

TEST_F(PlaceTest, AnotherStoreOpensNothing) {
  const Words sealed = SealOpened(Event(), KidOf("acct-1"));
  FakeKeyring other(2);
  ASSERT_THAT(other.KidFor({"accounts", "acct-1"}), IsOkAndHolds(KidOf("acct-1")));
  const auto opened = crypto::Sealer(other).Open(Event(), BytesOf(sealed));
  EXPECT_THAT(opened, StatusIs(absl::StatusCode::kDataLoss, kForged));
  other.Erase(KidOf("acct-1"));
  EXPECT_THAT(crypto::Sealer(other).Open(Event(), BytesOf(sealed)),
              StatusIs(absl::StatusCode::kDataLoss, kForged));
}

TEST_F(PlaceTest, ASegmentOfAnotherEventIsForged) {
  const crypto::Kid kid = KidOf("acct-1");
  const Words first = SealOpened(Event("acct-1", 1), kid);
  const Words second = SealOpened(Event("acct-1", 2), kid);
  ExpectForged(Event("acct-1", 1), second);
  ExpectForged(Event("acct-1", 1), WithSegmentOf(second, first));
  // Two aggregates of one subject.
  ExpectForged(Event("acct-2", 1), first);
  EXPECT_EQ(AnswerTo(Event("acct-1", 1), first), Answer::kOk);
}

TEST_F(PlaceTest, AnEventIsNoRow) {
  const Words event = SealOpened(Event(), KidOf("acct-1"));
  const Place row{PlaceKind::kRow, "balances@1", "acct-1", 0, {}, 0xF00D};
  const Words sealed_row = SealOpened(row, KidOf("acct-1"));
  ExpectForged(row, event);
  ExpectForged(Event(), sealed_row);
  EXPECT_EQ(AnswerTo(row, sealed_row), Answer::kOk);
}

TEST_F(PlaceTest, AKidOfAnotherSubjectIsForged) {
  const Words sealed = SealOpened(Event(), KidOf("acct-1"));
  ExpectForged(Event(), WithKid(sealed, KidOf("acct-2")));
}

// Else whoever can write to the log could make living data look lawfully erased.
TEST_F(PlaceTest, TheKidOfAnErasedSubjectInALivingRecordIsForged) {
  const Words sealed = SealOpened(Event(), KidOf("acct-1"));
  const Words of_erased = SealOpened(Event("acct-9"), KidOf("acct-9"));
  const crypto::Kid erased = KidOf("acct-9");
  keyring_.Erase(erased);
  ASSERT_EQ(AnswerTo(Event("acct-9"), of_erased), Answer::kErased);
  ExpectForged(Event(), WithKid(sealed, erased));
  ExpectForged(Event(), WithSegmentOf(of_erased, sealed));
  EXPECT_EQ(AnswerTo(Event(), sealed), Answer::kOk);
}

TEST_F(PlaceTest, AKidThatNobodyKnowsIsUnknown) {
  const Words sealed = SealOpened(Event(), KidOf("acct-1"));
  crypto::Kid kid;
  kid.bytes.fill(0x55);
  EXPECT_EQ(AnswerTo(Event(), WithKid(sealed, kid)), Answer::kKeyUnknown);
}

TEST_F(PlaceTest, ThePublicPartIsBound) {
  Words sealed = SealOpened(Event(), KidOf("acct-1"));
  sealed[3] ^= 1;  // cents
  ExpectForged(Event(), sealed);
}

}  // namespace
}  // namespace commander::test
