// Commands sent again, and the outcomes of commands sent before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/engine/bank_fixture.h"
#include "tests/support/fake_environment.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class RepeatsTest : public BankTest {
 protected:
  RepeatsTest() {
    options_.clock = &clock_;
    Open();
  }
  ~RepeatsTest() override { Close(); }

  // A version 7 id made at that time.
  static std::string IdAt(std::int64_t now_ns) {
    FakeRandom random(static_cast<std::uint64_t>(now_ns));
    return IdSource(random).Next(now_ns).ToString();
  }
  // Ids are forgotten in blocks of so many; the next one begins a block.
  void FillABlockOfIds() {
    Answers answers;
    for (int i = 0; i < 4096; ++i) ASSERT_THAT(Send("acct-0", 1, answers), IsOk());
    answers.Await(4096);
  }
  absl::StatusOr<Outcome> Find(std::string_view key, std::string_view id) {
    return engine_->FindOutcome(*accounts_, key, id);
  }

  FakeClock clock_;
};

constexpr std::int64_t kMinute = 60 * std::int64_t{1'000'000'000};

// The same id is the same command, whatever version it expects.
TEST_F(RepeatsTest, AnIdIsDecidedOnceForEachAggregateWhateverVersionIsExpected) {
  ASSERT_THAT(Deposit("acct-1", 1), IsEvents(1));
  const auto deposit = [&](std::string_view key, std::int64_t cents, ExpectedVersion expected) {
    return Deposit(key, cents, {.id = "d-1", .expected = expected});
  };
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome first,
                                 deposit("acct-1", 500, ExpectedVersion::Exactly(1)));
  EXPECT_EQ(first.version(), 2u);
  EXPECT_FALSE(first.repeat());

  for (const char* life : {"the first", "after a restart", "after a rebuild"}) {
    SCOPED_TRACE(life);
    for (const ExpectedVersion expected : {ExpectedVersion::Exactly(1), ExpectedVersion::Exactly(2),
                                           ExpectedVersion::Any(), ExpectedVersion::Absent()}) {
      COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome again, deposit("acct-1", 500, expected));
      EXPECT_TRUE(again.repeat());
      ASSERT_EQ(again.events().size(), 1u);
      EXPECT_EQ(again.events()[0].metadata().id, first.events()[0].metadata().id);
      EXPECT_EQ(again.position(), first.position());
      EXPECT_EQ(again.id(), first.id());
    }
    EXPECT_THAT(deposit("acct-1", 501, ExpectedVersion::Any()), IsRejected("commander.id_reused"));
    for (int i = 0; i < 2; ++i) {
      EXPECT_THAT(deposit("acct-1", 500, ExpectedVersion::Any()), RepeatsEvents(2));
      EXPECT_THAT(deposit("acct-2", 500, ExpectedVersion::Any()), HasKind(OutcomeKind::kEvents));
    }
    EXPECT_EQ(BalanceOf("acct-1"), 501);
    EXPECT_EQ(BalanceOf("acct-2"), 500);
    life == std::string("the first") ? Restart() : Rebuild();
  }
}

TEST_F(RepeatsTest, AnIdBelongsToOneTypeAndPayload) {
  ASSERT_THAT(Deposit("acct-1", 500, {.id = "d-1"}), IsEvents(1));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome reused, Withdraw("acct-1", 500, {.id = "d-1"}));
  EXPECT_EQ(reused.rejection().code, "commander.id_reused");
  EXPECT_THAT(reused.rejection().message, HasSubstr(MessageId::FromText("d-1").ToString()));
  EXPECT_EQ(reused.version(), 1u);
  // It does not take the place of the first outcome.
  EXPECT_THAT(Find("acct-1", "d-1"), IsEvents(1));
  EXPECT_THAT(Deposit("acct-1", 500, {.id = "d-1"}), RepeatsEvents(1));
}

TEST_F(RepeatsTest, OtherHeadersOrAnotherActorMakeNoOtherCommand) {
  ASSERT_THAT(Deposit("acct-1", 500, {.id = "d-1", .actor = "ada"}), IsEvents(1));
  EXPECT_THAT(Deposit("acct-1", 500,
                      {.id = "d-1",
                       .correlation = MessageId::FromText("c"),
                       .actor = "bob",
                       .headers = {{"a", "b"}}}),
              RepeatsEvents(1));
}

TEST_F(RepeatsTest, RefusalsAndNothingAreRepeatedToo) {
  EXPECT_THAT(Withdraw("acct-1", 5, {.id = "w-1"}), IsRejected("overdrawn"));
  ASSERT_THAT(Deposit("acct-1", 500), IsEvents(1));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome again, Withdraw("acct-1", 5, {.id = "w-1"}));
  EXPECT_EQ(again.rejection().code, "overdrawn");
  EXPECT_TRUE(again.repeat());
  EXPECT_EQ(again.version(), 0u);

  const auto close = [&] {
    return engine_->SyncCommand<bank::Close>(*accounts_, "acct-2", [](auto) {}, {.id = "c-1"});
  };
  EXPECT_THAT(close(), HasKind(OutcomeKind::kNothing));
  ASSERT_THAT(Deposit("acct-2", 500), IsEvents(1));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome closed_again, close());
  EXPECT_EQ(closed_again.kind(), OutcomeKind::kNothing);
  EXPECT_TRUE(closed_again.repeat());
  EXPECT_EQ(BalanceOf("acct-2"), 500);
}

TEST_F(RepeatsTest, RepeatsWithinOneBatchAreFound) {
  Answers held;
  HoldWorker("acct-1", held);
  Answers answers;
  for (const std::int64_t cents : {500, 500, 501, 500}) {
    ASSERT_THAT(Send("acct-1", cents, answers, {.id = "d-1"}), IsOk());
  }
  gate_.Open();
  const auto all = answers.Await(4);
  EXPECT_THAT(all[0], IsEvents(2));
  EXPECT_THAT(all[1], RepeatsEvents(2));
  EXPECT_THAT(all[2], IsRejected("commander.id_reused"));
  EXPECT_THAT(all[3], RepeatsEvents(2));
  EXPECT_EQ(BalanceOf("acct-1"), 500);
}

TEST_F(RepeatsTest, IdsOutOfTheWindowDoNotRun) {
  const std::string old = IdAt(FakeClock::kStart - 61 * kMinute);
  const std::string young = IdAt(FakeClock::kStart - 59 * kMinute);
  const std::string early = IdAt(FakeClock::kStart + 6 * kMinute);
  EXPECT_THAT(Deposit("acct-1", 1, {.id = old}), IsRejected("commander.expired"));
  EXPECT_THAT(Deposit("acct-1", 1, {.id = early}), IsRejected("commander.clock"));
  EXPECT_THAT(Deposit("acct-1", 1, {.id = young}), IsEvents(1));
  // An id is remembered for as long as it may come again.
  clock_.Advance(kMinute / 2);
  EXPECT_THAT(Deposit("acct-1", 1, {.id = young}), RepeatsEvents(1));
  clock_.Advance(30 * kMinute);
  EXPECT_THAT(Deposit("acct-1", 1, {.id = young}), RepeatsEvents(1));
  Restart();
  EXPECT_THAT(Deposit("acct-1", 1, {.id = young}), RepeatsEvents(1));
  EXPECT_EQ(BalanceOf("acct-1"), 1);
}

TEST_F(RepeatsTest, ATextIdMayRunAgainAfterTheWindow) {
  EXPECT_THAT(Deposit("acct-1", 1, {.id = "d-1"}), IsEvents(1));
  FillABlockOfIds();
  clock_.Advance(64 * kMinute);
  ASSERT_THAT(Deposit("acct-2", 1), IsOk());  // time passes with commands that arrive
  EXPECT_THAT(Find("acct-1", "d-1"), IsEvents(1));
  clock_.Advance(2 * kMinute);
  ASSERT_THAT(Deposit("acct-2", 1), IsOk());
  EXPECT_THAT(Find("acct-1", "d-1"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Deposit("acct-1", 1, {.id = "d-1"}), IsEvents(2));
}

TEST_F(RepeatsTest, ALongerWindowRemembersWhatAShorterOneForgot) {
  EXPECT_THAT(Deposit("acct-1", 1, {.id = "d-1"}), IsEvents(1));
  FillABlockOfIds();
  clock_.Advance(66 * kMinute);
  ASSERT_THAT(Deposit("acct-2", 1), IsOk());
  ASSERT_THAT(Find("acct-1", "d-1"), StatusIs(absl::StatusCode::kNotFound));
  options_.dedup_window = absl::Hours(2);
  Restart();
  EXPECT_THAT(Deposit("acct-1", 1, {.id = "d-1"}), RepeatsEvents(1));
  EXPECT_THAT(log_.Messages(LogLevel::kInfo),
              ::testing::Contains(HasSubstr("dedup_window was raised")));
}

// ---- FindOutcome

TEST_F(RepeatsTest, FindsOutcomesOfEveryKind) {
  ASSERT_THAT(Deposit("acct-1", 500, {.id = "d-1"}), IsOk());
  ASSERT_THAT(Withdraw("acct-1", 501, {.id = "w-1"}), IsOk());
  ASSERT_THAT(engine_->SyncCommand<bank::Open>(*accounts_, "acct-1", [](auto) {}, {.id = "o-1"}),
              IsOk());
  ASSERT_THAT(Misbehave("acct-2", How::THROW_IN_HANDLER, 13, {.id = "m-1"}), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome natural, Deposit("acct-1", 1));
  for (int life = 0; life < 3; ++life) {
    SCOPED_TRACE(life);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome events, Find("acct-1", "d-1"));
    EXPECT_EQ(events.event<bank::Deposited>()->getCents(), 500);
    EXPECT_EQ(events.version(), 1u);
    EXPECT_FALSE(events.repeat());
    EXPECT_EQ(events.id(), MessageId::FromText("d-1"));
    EXPECT_THAT(Find("acct-1", "w-1"), IsRejected("overdrawn"));
    EXPECT_THAT(Find("acct-1", "o-1"), HasKind(OutcomeKind::kNothing));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome parked, Find("acct-2", "m-1"));
    EXPECT_TRUE(parked.parked());
    EXPECT_EQ(parked.rejection().code, "failed");
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome again, Find("acct-1", natural.id().ToString()));
    EXPECT_EQ(again.position(), natural.position());
    EXPECT_EQ(again.time(), natural.time());
    life == 0 ? Restart() : Rebuild();
  }
}

TEST_F(RepeatsTest, FindsTheFinalOutcomeOfAParkedCommand) {
  ASSERT_THAT(Misbehave("acct-1", How::THROW_IN_HANDLER, 13, {.id = "m-1"}), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto parked, engine_->Parked(*accounts_));
  ASSERT_EQ(parked.size(), 1u);
  ASSERT_THAT(engine_->Skip(*accounts_, "acct-1", parked[0].source, "broken"), IsOk());
  for (int life = 0; life < 3; ++life) {
    SCOPED_TRACE(life);
    EXPECT_THAT(Find("acct-1", "m-1"), IsRejected("commander.skipped"));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome again,
                                   Misbehave("acct-1", How::THROW_IN_HANDLER, 13, {.id = "m-1"}));
    EXPECT_EQ(again.rejection().code, "commander.skipped");
    EXPECT_TRUE(again.repeat());
    life == 0 ? Restart() : Rebuild();
  }
}

TEST_F(RepeatsTest, SaysUpToWhereAnOutcomeIsNotKnown) {
  ASSERT_THAT(Deposit("acct-1", 500, {.id = "d-1"}), IsOk());
  const auto is_unknown =
      StatusIs(absl::StatusCode::kNotFound,
               AllOf(HasSubstr("up to offset 1 of accounts-events[0]"), HasSubstr("pending")));
  EXPECT_THAT(Find("acct-1", "d-2"), is_unknown);  // never sent
  EXPECT_THAT(Find("acct-2", "d-1"), is_unknown);  // to another aggregate
  EXPECT_THAT(Find("acct-1", ""), StatusIs(absl::StatusCode::kNotFound));

  Close();
  group_options_.handle_commands = false;
  Open();
  const auto sent = engine_->AsyncCommand<bank::Deposit>(
      *accounts_, "acct-1", [](auto command) { command.setCents(7); }, {.id = "d-3"});
  ASSERT_THAT(sent, IsOk());
  ASSERT_THAT(engine_->AwaitReady(), IsOk());
  EXPECT_THAT(Find("acct-1", "d-3"), is_unknown);  // pending
  EXPECT_THAT(Find("acct-1", "d-1"), IsEvents(1));
}

TEST_F(RepeatsTest, FindsNothingInAGroupThatWasNotOpened) {
  Group<Account> other("other");
  EXPECT_THAT(engine_->FindOutcome(other, "acct-1", "d-1"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("group other was not given to Engine::Open")));
}

}  // namespace
}  // namespace commander::test
