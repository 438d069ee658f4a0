// Commands that are meant for one version of their aggregate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/engine/bank_fixture.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto Exactly = &ExpectedVersion::Exactly;

class ExpectedVersionTest : public BankTest {
 protected:
  ExpectedVersionTest() { Open(); }

  absl::StatusOr<Outcome> DepositAt(std::string_view key, ExpectedVersion expected) {
    return Deposit(key, 1, {.expected = expected});
  }
};

// A recorded conflict, with both versions in its message and the aggregate's as its own.
MATCHER_P2(IsConflict, expected, version, "") {
  if (!arg.ok()) {
    *result_listener << arg.status();
    return false;
  }
  *result_listener << OutcomeKindName(arg->kind()) << " " << arg->rejection().code << ", "
                   << arg->rejection().message << ", version " << arg->version();
  return arg->rejected() && arg->rejection().code == "commander.version_conflict" &&
         arg->version() == static_cast<std::uint64_t>(version) &&
         arg->rejection().message == "expected " + std::string(expected) +
                                         ", the aggregate has version " + std::to_string(version);
}

TEST_F(ExpectedVersionTest, AnyFitsAlways) {
  EXPECT_THAT(DepositAt("acct-1", ExpectedVersion::Any()), IsEvents(1));
  EXPECT_THAT(DepositAt("acct-1", ExpectedVersion::Any()), IsEvents(2));
}

TEST_F(ExpectedVersionTest, AbsentFitsBeforeTheFirstEventOnly) {
  EXPECT_THAT(DepositAt("acct-1", ExpectedVersion::Absent()), IsEvents(1));
  EXPECT_THAT(DepositAt("acct-1", ExpectedVersion::Absent()), IsConflict("no event yet", 1));
  EXPECT_THAT(DepositAt("acct-2", ExpectedVersion::Absent()), IsEvents(1));
}

TEST_F(ExpectedVersionTest, ExactlyFitsOneVersion) {
  EXPECT_THAT(DepositAt("acct-1", Exactly(1)), IsConflict("version 1", 0));
  EXPECT_THAT(DepositAt("acct-1", Exactly(0)), IsEvents(1));
  EXPECT_THAT(DepositAt("acct-1", Exactly(0)), IsConflict("version 0", 1));  // stale
  EXPECT_THAT(DepositAt("acct-1", Exactly(2)), IsConflict("version 2", 1));  // of the future
  EXPECT_THAT(DepositAt("acct-1", Exactly(~std::uint64_t{0})),
              IsConflict("version 18446744073709551615", 1));
  EXPECT_THAT(DepositAt("acct-1", Exactly(1)), IsEvents(2));
  for (int life = 0; life < 2; ++life) {
    life == 0 ? Restart() : Rebuild();
    EXPECT_THAT(DepositAt("acct-1", Exactly(1)), IsConflict("version 1", 2 + life));
    EXPECT_THAT(DepositAt("acct-1", Exactly(2 + life)), IsEvents(3 + life));
  }
}

TEST_F(ExpectedVersionTest, RefusalsAndNothingLeaveTheVersion) {
  ASSERT_THAT(DepositAt("acct-1", Exactly(0)), IsEvents(1));
  ASSERT_THAT(Withdraw("acct-1", 500), IsRejected("overdrawn"));
  ASSERT_THAT(engine_->SyncCommand<bank::Open>(*accounts_, "acct-1", [](auto) {}),
              HasKind(OutcomeKind::kNothing));
  EXPECT_THAT(DepositAt("acct-1", Exactly(1)), IsEvents(2));
}

TEST_F(ExpectedVersionTest, SeveralEventsCountEach) {
  ASSERT_THAT(Misbehave("acct-1", How::MANY, 5), IsEvents(5));
  EXPECT_THAT(DepositAt("acct-1", Exactly(1)), IsConflict("version 1", 5));
  EXPECT_THAT(DepositAt("acct-1", Exactly(5)), IsEvents(6));
}

TEST_F(ExpectedVersionTest, ARemovedAggregateKeepsItsVersion) {
  ASSERT_THAT(DepositAt("acct-1", Exactly(0)), IsEvents(1));
  const auto close = [&](ExpectedVersion expected) {
    return engine_->SyncCommand<bank::Close>(*accounts_, "acct-1", [](auto) {},
                                             {.expected = expected});
  };
  EXPECT_THAT(close(Exactly(1)), IsEvents(2));
  EXPECT_THAT(close(Exactly(2)), HasKind(OutcomeKind::kNothing));  // it does not exist
  for (int life = 0; life < 2; ++life) {
    life == 0 ? Restart() : Rebuild();
    EXPECT_THAT(DepositAt("acct-1", ExpectedVersion::Absent()), IsConflict("no event yet", 2));
    EXPECT_THAT(DepositAt("acct-1", Exactly(0)), IsConflict("version 0", 2));
    EXPECT_THAT(Withdraw("acct-1", 1), IsRejected("overdrawn"));
  }
  EXPECT_THAT(DepositAt("acct-1", Exactly(2)), IsEvents(3));
}

TEST_F(ExpectedVersionTest, IsComparedWithWhatIsDecidedBeforeInTheBatch) {
  Answers answers;
  HoldWorker("acct-2", answers);
  ASSERT_THAT(Send("acct-1", 1, answers, {.expected = ExpectedVersion::Absent()}), IsOk());
  ASSERT_THAT(Send("acct-1", 1, answers, {.expected = ExpectedVersion::Absent()}), IsOk());
  ASSERT_THAT(Send("acct-1", 1, answers, {.expected = Exactly(1)}), IsOk());
  gate_.Open();
  const auto all = answers.Await(4);
  EXPECT_THAT(all[1], IsEvents(1));
  EXPECT_THAT(all[2], IsConflict("no event yet", 1));
  EXPECT_THAT(all[3], IsEvents(2));
}

// A conflict is an outcome like others: the handler has not run, and the id is used up.
TEST_F(ExpectedVersionTest, AConflictIsFinal) {
  in_handler_ = [] { FAIL() << "the handler ran"; };
  const auto send = [&](ExpectedVersion expected) {
    return Misbehave("acct-1", How::CALL_ENGINE, 0, {.id = "m-1", .expected = expected});
  };
  EXPECT_THAT(send(Exactly(7)), IsConflict("version 7", 0));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome again, send(ExpectedVersion::Any()));
  EXPECT_EQ(again.rejection().code, "commander.version_conflict");
  EXPECT_TRUE(again.repeat());
  Rebuild();
  EXPECT_THAT(engine_->FindOutcome(*accounts_, "acct-1", "m-1"), IsConflict("version 7", 0));
}

TEST_F(ExpectedVersionTest, OfManyAtOnceOneWins) {
  constexpr int kClients = 16;
  for (int round = 0; round < 5; ++round) {
    std::vector<absl::StatusOr<Outcome>> outcomes(kClients, absl::UnknownError("none"));
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.emplace_back([&, i] {
        outcomes[i] = DepositAt("acct-1", Exactly(static_cast<std::uint64_t>(round)));
      });
    }
    for (std::thread& client : clients) client.join();
    int winners = 0;
    for (const auto& outcome : outcomes) {
      ASSERT_THAT(outcome, IsOk());
      if (outcome->kind() == OutcomeKind::kEvents) {
        ++winners;
        EXPECT_EQ(outcome->version(), round + 1u);
      } else {
        EXPECT_THAT(outcome, IsConflict("version " + std::to_string(round), round + 1));
      }
    }
    EXPECT_EQ(winners, 1);
  }
  EXPECT_EQ(BalanceOf("acct-1"), 5);
}

}  // namespace
}  // namespace commander::test
