#include "crypto/sealer.h"

#include <commander/envelope.capnp.h>

#include <thread>

#include "tests/crypto/sealing_fixture.h"

namespace commander::test {
namespace {

using crypto::Answer;
using crypto::IfErased;
using crypto::Place;
using crypto::PlaceKind;
using ::testing::HasSubstr;
using ::testing::Not;

class SealerTest : public SealingFixture {
 protected:
  // A row of state: it is written again after its subject was erased.
  static Place State() { return {PlaceKind::kState, "accounts", "acct-1", 0, {}, 0xF00D}; }
};

TEST_F(SealerTest, OpensWhatItSealed) {
  const Words sealed = SealOpened(Event(), KidOf("acct-1"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const crypto::Opened opened,
                                 sealer_.Open(Event(), BytesOf(sealed)));
  EXPECT_FALSE(opened.erased());
  EXPECT_EQ(opened.kid(), KidOf("acct-1"));
  EXPECT_EQ(opened.segments().size(), 1u);
  FlatReader reader(opened.words());
  const auto event = reader.Root<sealing::Opened>();
  EXPECT_EQ(event.getOwner(), std::string(kOwner).c_str());
  EXPECT_EQ(event.getCents(), 1200);
  EXPECT_EQ(event.getNote(), "a public note");
}

TEST_F(SealerTest, ShowsThePublicPartToThoseWithoutKeys) {
  const Words sealed = SealOpened(Event(), KidOf("acct-1"));
  EXPECT_FALSE(Contains(BytesOf(sealed), kOwner));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto words, crypto::PublicPart(BytesOf(sealed)));
  FlatReader reader(words);
  const auto event = reader.Root<sealing::Opened>();
  EXPECT_FALSE(event.hasOwner());
  EXPECT_EQ(event.getCents(), 1200);
  EXPECT_EQ(event.getNote(), "a public note");
  EXPECT_THAT(crypto::KidOf(BytesOf(sealed)), IsOkAndHolds(KidOf("acct-1")));
}

TEST_F(SealerTest, NeverSealsAlikeTwice) {
  EXPECT_NE(SealOpened(Event(), KidOf("acct-1")), SealOpened(Event(), KidOf("acct-1")));
}

TEST_F(SealerTest, AnErasedSubjectsFieldsReadAsAbsent) {
  const Words sealed = SealOpened(Event(), KidOf("acct-1"));
  const crypto::Kid kid = KidOf("acct-1");
  const crypto::ErasureId erasure = keyring_.Erase(kid);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const crypto::Opened opened,
                                 sealer_.Open(Event(), BytesOf(sealed)));
  EXPECT_TRUE(opened.erased());
  EXPECT_EQ(opened.kid(), kid);
  EXPECT_EQ(opened.segments()[0].erasure, erasure);
  FlatReader reader(opened.words());
  EXPECT_FALSE(reader.Root<sealing::Opened>().hasOwner());
  EXPECT_EQ(reader.Root<sealing::Opened>().getCents(), 1200);
}

TEST_F(SealerTest, RefusesToSealForAnErasedSubject) {
  const crypto::Kid kid = KidOf("acct-1");
  keyring_.Erase(kid);
  capnp::MallocMessageBuilder message;
  auto event = message.initRoot<sealing::Opened>();
  Fill(event);
  const auto sealed = sealer_.Seal(plan_, Event(), kid, event.asReader());
  EXPECT_THAT(sealed, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("erased")));
  EXPECT_EQ(crypto::AnswerOf(sealed.status()), Answer::kErased);
  EXPECT_THAT(std::string(sealed.status().message()), Not(HasSubstr("canary")));
}

TEST_F(SealerTest, MarksTheStateOfAnErasedSubject) {
  const crypto::Kid kid = KidOf("acct-1");
  const crypto::ErasureId erasure = keyring_.Erase(kid);
  const Words sealed = SealOpened(State(), kid, IfErased::kMark);
  EXPECT_FALSE(Contains(BytesOf(sealed), kOwner));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const crypto::Opened opened,
                                 sealer_.Open(State(), BytesOf(sealed)));
  EXPECT_EQ(opened.segments()[0].erasure, erasure);
  EXPECT_EQ(opened.kid(), kid);
  FlatReader reader(opened.words());
  EXPECT_FALSE(reader.Root<sealing::Opened>().hasOwner());
  EXPECT_EQ(reader.Root<sealing::Opened>().getCents(), 1200);
}

// Who marks a living subject's data as erased lies.
TEST_F(SealerTest, AMarkOfASubjectWhoseKeyIsHeldIsForged) {
  const crypto::Kid kid = KidOf("acct-1");
  FakeKeyring erased;
  crypto::Sealer other(erased);
  ASSERT_THAT(erased.KidFor({"accounts", "acct-1"}), IsOkAndHolds(kid));
  erased.Erase(kid);
  capnp::MallocMessageBuilder message;
  auto event = message.initRoot<sealing::Opened>();
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const auto mark, other.Seal(plan_, State(), kid, event.asReader(), IfErased::kMark));
  EXPECT_EQ(AnswerTo(State(), mark.bytes()), Answer::kForged);
  keyring_.Lose(kid);
  EXPECT_EQ(AnswerTo(State(), mark.bytes()), Answer::kKeyUnknown);
  keyring_.Erase(kid);
  EXPECT_EQ(AnswerTo(State(), mark.bytes()), Answer::kErased);
}

TEST_F(SealerTest, AnUnknownKeyIsNotAnErasedOne) {
  const crypto::Kid kid = KidOf("acct-1");
  const Words sealed = SealOpened(Event(), kid);
  keyring_.Lose(kid);
  const auto opened = sealer_.Open(Event(), BytesOf(sealed));
  EXPECT_THAT(opened, StatusIs(absl::StatusCode::kDataLoss, HasSubstr(kid.Short())));
  EXPECT_EQ(crypto::AnswerOf(opened.status()), Answer::kKeyUnknown);
  capnp::MallocMessageBuilder message;
  const auto again =
      sealer_.Seal(plan_, Event(), kid, message.initRoot<sealing::Opened>().asReader());
  EXPECT_EQ(crypto::AnswerOf(again.status()), Answer::kKeyUnknown);
}

TEST_F(SealerTest, AnotherKeyUnderTheSameKidOpensNothing) {
  const crypto::Kid kid = KidOf("acct-1");
  const Words sealed = SealOpened(Event(), kid);
  keyring_.Misfile(kid, {"accounts", "acct-2"});
  EXPECT_EQ(AnswerTo(Event(), sealed), Answer::kForged);
}

TEST_F(SealerTest, HandsOnTheErrorsOfTheKeyring) {
  const crypto::Kid kid = KidOf("acct-1");
  const Words sealed = SealOpened(Event(), kid);
  keyring_.Fail(absl::UnavailableError("the ledger is not read yet"));
  const auto opened = sealer_.Open(Event(), BytesOf(sealed));
  EXPECT_THAT(opened, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("ledger")));
  capnp::MallocMessageBuilder message;
  EXPECT_THAT(sealer_.Seal(plan_, Event(), kid, message.initRoot<sealing::Opened>().asReader()),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(SealerTest, RefusesATypeWithoutPersonalFields) {
  const crypto::Plan plan = PlanOf<sealing::Card>("sealing.Card");
  capnp::MallocMessageBuilder message;
  EXPECT_THAT(
      sealer_.Seal(plan, Event(), KidOf("acct-1"), message.initRoot<sealing::Card>().asReader()),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("sealing.Card")));
}

TEST_F(SealerTest, RefusesBytesThatAreNotAligned) {
  const Words sealed = SealOpened(Event(), KidOf("acct-1"));
  EXPECT_THAT(sealer_.Open(Event(), BytesOf(sealed).subspan(1)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("multiple of 8")));
  EXPECT_THAT(crypto::PublicPart(BytesOf(sealed).subspan(4)),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

// What kj says quotes its input.
TEST_F(SealerTest, ABrokenStructIsAnErrorThatQuotesNothing) {
  capnp::MallocMessageBuilder message;
  auto event = message.initRoot<sealing::Opened>();
  Fill(event);
  Words words(message.getSegmentsForOutput()[0].size());
  std::memcpy(words.data(), message.getSegmentsForOutput()[0].begin(), words.size() * 8);
  words[2] = 0x7FFFFFFF00000001 | (std::uint64_t{0x7FFFFFFF} << 2);  // owner, far away
  FlatReader reader(words);
  ::testing::internal::CaptureStderr();
  const auto sealed = sealer_.Seal(plan_, Event(), KidOf("acct-1"), reader.Any());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_THAT(sealed, StatusIs(absl::StatusCode::kDataLoss,
                               "a sealing.Opened cannot be sealed: its structure is broken"));
}

TEST_F(SealerTest, SealsTheMessagesOfTheEnginesOwnStructs) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const crypto::Plan plan,
      crypto::Plan::ForFields("commander.Parked", capnp::Schema::from<wire::Parked>(),
                              {"message"}));
  const Place place{PlaceKind::kParked, "accounts", "acct-1", 3, {}, 0xF00D};
  capnp::MallocMessageBuilder message;
  auto parked = message.initRoot<wire::Parked>();
  parked.setCode("failed");
  parked.setMessage("owner is canary-bob");
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto sealed,
                                 sealer_.Seal(plan, place, KidOf("acct-1"), parked.asReader()));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto shown, crypto::PublicPart(sealed.bytes()));
  FlatReader public_reader(shown);
  EXPECT_EQ(public_reader.Root<wire::Parked>().getCode(), "failed");
  EXPECT_FALSE(public_reader.Root<wire::Parked>().hasMessage());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto opened, sealer_.Open(place, sealed.bytes()));
  FlatReader reader(opened.words());
  EXPECT_EQ(reader.Root<wire::Parked>().getMessage(), "owner is canary-bob");
}

TEST_F(SealerTest, ThreadsShareASealer) {
  const crypto::Kid kid = KidOf("acct-1");
  std::vector<std::thread> threads;
  for (std::uint64_t version = 1; version <= 4; ++version) {
    threads.emplace_back([this, kid, version] {
      for (int i = 0; i < 50; ++i) {
        const Words sealed = SealOpened(Event("acct-1", version), kid);
        EXPECT_EQ(AnswerTo(Event("acct-1", version), sealed), Answer::kOk);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace commander::test
