// Commands that fail: they park their aggregate, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/engine/bank_fixture.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kPoison = 13;

class ParkedTest : public BankTest {
 protected:
  ParkedTest() { Open(); }
  ~ParkedTest() override {
    Close();
    Account::poison = kPoison;
  }

  // The only parked aggregate.
  ParkedAggregate Parked() {
    const auto parked = engine_->Parked(*accounts_);
    EXPECT_THAT(parked, IsOk());
    if (!parked.ok() || parked->size() != 1) {
      ADD_FAILURE() << "there are " << (parked.ok() ? parked->size() : 0) << " parked aggregates";
      return {};
    }
    return parked->front();
  }
  std::size_t ParkedCount() {
    const auto parked = engine_->Parked(*accounts_);
    EXPECT_THAT(parked, IsOk());
    return parked.ok() ? parked->size() : ~std::size_t{0};
  }
  absl::StatusOr<Outcome> Skip(std::string_view key = "acct-1") {
    return engine_->Skip(*accounts_, key, Parked().source, "not worth it");
  }
  absl::StatusOr<Outcome> Retry(std::string_view key = "acct-1") {
    return engine_->Retry(*accounts_, key);
  }
};

// Events of a command that failed must not leave with the next one that succeeds.
TEST_F(ParkedTest, EventsOfAFailedCommandAreNeverCommitted) {
  ASSERT_THAT(engine_->SyncCommand<bank::Open>(*accounts_, "acct-1",
                                               [](auto command) { command.setOwner("Ada"); }),
              IsEvents(1));
  Answers held;
  HoldWorker("acct-3", held);
  Answers answers;
  ASSERT_THAT(Send("acct-1", 100, answers), IsOk());
  ASSERT_THAT(SendMisbehave("acct-1", How::EMIT_THEN_REJECT, 1, answers), IsOk());
  ASSERT_THAT(Send("acct-1", 7, answers), IsOk());
  ASSERT_THAT(SendMisbehave("acct-1", How::THROW_IN_FOLD, kPoison, answers), IsOk());
  ASSERT_THAT(Send("acct-1", 1, answers, {.id = "behind"}), IsOk());
  ASSERT_THAT(Send("acct-2", 9, answers), IsOk());
  gate_.Open();
  const auto all = answers.Await(6);
  EXPECT_THAT(all[0], IsEvents(2));
  EXPECT_THAT(all[1], IsRejected("changed_my_mind"));
  EXPECT_THAT(all[2], IsEvents(3));
  ASSERT_THAT(all[3], HasKind(OutcomeKind::kParked));
  EXPECT_EQ(all[3]->rejection().code, "failed");
  EXPECT_EQ(all[3]->rejection().message, "fold of bank.Poisoned: the fold met its poison");
  EXPECT_EQ(all[3]->version(), 3u);
  ASSERT_THAT(all[4], HasKind(OutcomeKind::kParked));
  EXPECT_EQ(all[4]->rejection().code, "behind");
  EXPECT_THAT(all[5], IsEvents(1));

  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome skipped, Skip());
  EXPECT_EQ(skipped.kind(), OutcomeKind::kNothing);
  for (int life = 0; life < 3; ++life) {
    SCOPED_TRACE(life);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome behind,
                                   engine_->FindOutcome(*accounts_, "acct-1", "behind"));
    EXPECT_EQ(behind.version(), 4u);
    EXPECT_EQ(BalanceOf("acct-1"), 108);
    EXPECT_EQ(BalanceOf("acct-2"), 9);
    EXPECT_EQ(ParkedCount(), 0u);
    life == 0 ? Restart() : Rebuild();
  }
  EXPECT_THAT(Withdraw("acct-1", 108), IsEvents(5));
}

TEST_F(ParkedTest, AHandlerThatThrowsParksItsAggregateOnly) {
  ASSERT_THAT(Deposit("acct-1", 5), IsEvents(1));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome failed,
                                 Misbehave("acct-1", How::THROW_IN_HANDLER, kPoison));
  EXPECT_TRUE(failed.parked());
  EXPECT_EQ(failed.rejection().message, "handler of bank.Misbehave: the handler met its poison");
  EXPECT_THAT(Deposit("acct-2", 5), IsEvents(1));
  EXPECT_THAT(Deposit("acct-1", 5), HasKind(OutcomeKind::kParked));
  EXPECT_THAT(Deposit("acct-1", 6), HasKind(OutcomeKind::kParked));

  for (int life = 0; life < 3; ++life) {
    SCOPED_TRACE(life);
    const ParkedAggregate parked = Parked();
    EXPECT_EQ(parked.key, "acct-1");
    EXPECT_EQ(parked.source, Offset{1});
    EXPECT_EQ(parked.length, 3u);
    EXPECT_EQ(parked.command, "bank.Misbehave");
    EXPECT_EQ(parked.id, failed.id());
    EXPECT_EQ(parked.code, "failed");
    EXPECT_EQ(parked.message, "handler of bank.Misbehave: the handler met its poison");
    life == 0 ? Restart() : Rebuild();
  }
}

TEST_F(ParkedTest, RetryRunsTheQueueInOrder) {
  ASSERT_THAT(Misbehave("acct-1", How::THROW_IN_HANDLER, kPoison, {.id = "m"}),
              HasKind(OutcomeKind::kParked));
  ASSERT_THAT(Deposit("acct-1", 5, {.id = "d"}), HasKind(OutcomeKind::kParked));
  ASSERT_THAT(Withdraw("acct-1", 6, {.id = "w"}), HasKind(OutcomeKind::kParked));
  Account::poison = -1;  // the handler is mended
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome retried, Retry());
  EXPECT_EQ(retried.kind(), OutcomeKind::kNothing);
  EXPECT_EQ(ParkedCount(), 0u);
  EXPECT_THAT(engine_->FindOutcome(*accounts_, "acct-1", "m"), IsEvents(1));
  EXPECT_THAT(engine_->FindOutcome(*accounts_, "acct-1", "d"), IsEvents(2));
  EXPECT_THAT(engine_->FindOutcome(*accounts_, "acct-1", "w"), IsRejected("overdrawn"));
  EXPECT_EQ(BalanceOf("acct-1"), 5);
  Rebuild();
  EXPECT_EQ(BalanceOf("acct-1"), 5);
  EXPECT_EQ(ParkedCount(), 0u);
}

TEST_F(ParkedTest, ACommandThatFailsAgainStaysFirst) {
  ASSERT_THAT(Misbehave("acct-1", How::THROW_IN_FOLD, kPoison), HasKind(OutcomeKind::kParked));
  ASSERT_THAT(Deposit("acct-1", 5), HasKind(OutcomeKind::kParked));
  const ParkedAggregate before = Parked();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome retried, Retry());
  EXPECT_EQ(retried.rejection().code, "commander.failed");
  EXPECT_THAT(retried.rejection().message,
              AllOf(HasSubstr("offset 0"), HasSubstr("the fold met its poison")));
  EXPECT_EQ(Parked().source, before.source);
  EXPECT_EQ(Parked().length, 2u);
  Restart();
  EXPECT_EQ(Parked().length, 2u);
}

TEST_F(ParkedTest, RetryStopsAtTheNextThatFails) {
  ASSERT_THAT(Misbehave("acct-1", How::THROW_IN_HANDLER, kPoison), HasKind(OutcomeKind::kParked));
  ASSERT_THAT(Misbehave("acct-1", How::THROW_IN_HANDLER, 14, {.id = "second"}),
              HasKind(OutcomeKind::kParked));
  Account::poison = 14;
  EXPECT_THAT(Retry(), IsRejected("commander.failed"));
  EXPECT_EQ(Parked().source, Offset{1});
  EXPECT_EQ(Parked().length, 1u);
  EXPECT_THAT(Skip(), HasKind(OutcomeKind::kNothing));
  EXPECT_THAT(engine_->FindOutcome(*accounts_, "acct-1", "second"),
              IsRejected("commander.skipped"));
}

TEST_F(ParkedTest, SkipMeansTheFirstCommandAndNoOther) {
  ASSERT_THAT(Misbehave("acct-1", How::THROW_IN_HANDLER, kPoison, {.id = "m"}),
              HasKind(OutcomeKind::kParked));
  ASSERT_THAT(Deposit("acct-1", 5, {.id = "d"}), HasKind(OutcomeKind::kParked));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome other,
                                 engine_->Skip(*accounts_, "acct-1", Offset{1}, "by mistake"));
  EXPECT_EQ(other.rejection().code, "commander.other_head");
  EXPECT_THAT(other.rejection().message, HasSubstr("offset 0"));
  EXPECT_EQ(Parked().length, 2u);

  EXPECT_THAT(Skip(), HasKind(OutcomeKind::kNothing));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome skipped,
                                 engine_->FindOutcome(*accounts_, "acct-1", "m"));
  EXPECT_EQ(skipped.rejection().code, "commander.skipped");
  EXPECT_THAT(skipped.rejection().message, HasSubstr("not worth it"));
  EXPECT_THAT(engine_->FindOutcome(*accounts_, "acct-1", "d"), IsEvents(1));
}

TEST_F(ParkedTest, RetryAndSkipOfWhatIsNotParkedDoNothing) {
  ASSERT_THAT(Deposit("acct-1", 5), IsEvents(1));
  EXPECT_THAT(Retry(), HasKind(OutcomeKind::kNothing));
  EXPECT_THAT(engine_->Skip(*accounts_, "acct-1", Offset{0}, ""), HasKind(OutcomeKind::kNothing));
  EXPECT_THAT(Retry("never-heard-of"), HasKind(OutcomeKind::kNothing));
  EXPECT_THAT(Retry(""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Withdraw("acct-1", 5), IsEvents(2));
}

TEST_F(ParkedTest, AParkedCommandSentAgainIsARepeat) {
  const auto send = [&] {
    return Misbehave("acct-1", How::THROW_IN_HANDLER, kPoison, {.id = "m"});
  };
  ASSERT_THAT(send(), HasKind(OutcomeKind::kParked));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome again, send());
  EXPECT_TRUE(again.parked());
  EXPECT_TRUE(again.repeat());
  EXPECT_EQ(Parked().length, 1u);
  Account::poison = -1;
  ASSERT_THAT(Retry(), HasKind(OutcomeKind::kNothing));
  EXPECT_THAT(send(), RepeatsEvents(1));
}

TEST_F(ParkedTest, ManyCommandsBehindRunInPieces) {
  // More than one batch may hold.
  constexpr int kCommands = 5000;
  ASSERT_THAT(Misbehave("acct-1", How::THROW_IN_HANDLER, kPoison), HasKind(OutcomeKind::kParked));
  Answers answers;
  for (int i = 0; i < kCommands; ++i) ASSERT_THAT(Send("acct-1", 1, answers), IsOk());
  answers.Await(kCommands);
  EXPECT_EQ(Parked().length, kCommands + 1u);
  Restart();
  EXPECT_THAT(Skip(), HasKind(OutcomeKind::kNothing));
  EXPECT_EQ(BalanceOf("acct-1"), kCommands);
  EXPECT_EQ(ParkedCount(), 0u);
  EXPECT_THAT(Withdraw("acct-1", kCommands), IsEvents(kCommands + 1));
}

TEST_F(ParkedTest, AggregatesParkEachForItself) {
  ASSERT_THAT(Misbehave("b", How::THROW_IN_HANDLER, kPoison), HasKind(OutcomeKind::kParked));
  ASSERT_THAT(Misbehave("a", How::THROW_IN_FOLD, kPoison), HasKind(OutcomeKind::kParked));
  ASSERT_THAT(Misbehave(std::string_view("a\0", 2), How::THROW_IN_FOLD, kPoison),
              HasKind(OutcomeKind::kParked));
  Restart();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto parked, engine_->Parked(*accounts_));
  std::vector<std::string> keys;
  for (const ParkedAggregate& each : parked) keys.push_back(each.key);
  EXPECT_THAT(keys, ElementsAre("a", std::string("a\0", 2), "b"));
  EXPECT_THAT(engine_->Skip(*accounts_, "a", parked[0].source, ""), HasKind(OutcomeKind::kNothing));
  EXPECT_THAT(Deposit("a", 1), IsEvents(1));
  EXPECT_THAT(Deposit(std::string_view("a\0", 2), 1), HasKind(OutcomeKind::kParked));
}

TEST_F(ParkedTest, AFoldThatFailsOnCommittedEventsStopsItsPartition) {
  ASSERT_THAT(Misbehave("acct-1", How::THROW_IN_FOLD, 14), IsEvents(2));
  Account::poison = 14;  // the fold is another, and nobody raised kVersion
  EXPECT_THAT(Deposit("acct-1", 5), IsEvents(3));
  DeleteStores();
  Open();
  EXPECT_THAT(engine_->AwaitReady(), StatusIs(absl::StatusCode::kInternal,
                                              AllOf(HasSubstr("topic accounts-events[0] offset 1"),
                                                    HasSubstr("the fold met its poison"))));
  const EngineStatus status = engine_->Status();
  ASSERT_EQ(status.partitions.size(), 1u);
  EXPECT_EQ(status.partitions[0].phase, PartitionPhase::kStopped);
  const absl::StatusOr<Outcome> refused = Deposit("acct-1", 5);
  EXPECT_THAT(refused,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("group accounts, partition 0")));
  EXPECT_EQ(ErrorCodeOf(refused.status()), "commander.stopped");
  const auto is_stopped =
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("the fold met its poison"));
  EXPECT_THAT(engine_->FindOutcome(*accounts_, "acct-1", "d"), is_stopped);
  EXPECT_THAT(engine_->Parked(*accounts_), is_stopped);
  EXPECT_THAT(log_.Messages(LogLevel::kError), Contains(HasSubstr("the partition stopped")));

  Account::poison = kPoison;
  Restart();
  EXPECT_THAT(Deposit("acct-1", 5), IsEvents(4));
}

// ---- Projections.

// Fails on deposits of 13.
struct Superstitious : Balance {
  using Balance::Apply;
  void Apply(bank::Deposited::Reader event, const EventMetadata& metadata) {
    if (event.getCents() == Account::poison) throw std::runtime_error("an unlucky number");
    Balance::Apply(event, metadata);
  }
};

TEST_F(ParkedTest, AProjectionThatFailsStopsAndTheGroupGoesOn) {
  Close();
  Projection<Superstitious> superstitious("superstitious", *accounts_);
  const auto open = [&] {
    auto engine = Engine::Open(options_, {accounts_.get(), &superstitious});
    ASSERT_THAT(engine, IsOk());
    engine_ = *std::move(engine);
  };
  open();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome good, Deposit("acct-1", 5));
  EXPECT_THAT(engine_->Get(superstitious, "acct-1", {.at_least = good.position()}), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome bad, Deposit("acct-1", kPoison));
  EXPECT_EQ(bad.version(), 2u);
  const auto row = engine_->Get(superstitious, "acct-1", {.at_least = bad.position()});
  const auto is_stopped = StatusIs(
      absl::StatusCode::kFailedPrecondition,
      AllOf(HasSubstr("projection superstitious stopped"),
            HasSubstr("topic accounts-events[0] offset 1"), HasSubstr("an unlucky number")));
  EXPECT_THAT(row, is_stopped);
  EXPECT_THAT(engine_->Get(superstitious, "acct-1"), is_stopped);
  EXPECT_THAT(engine_->Scan(superstitious), is_stopped);
  EXPECT_THAT(Deposit("acct-1", 7), IsEvents(3));
  const EngineStatus status = engine_->Status();
  ASSERT_EQ(status.projections.size(), 1u);
  EXPECT_EQ(status.projections[0].group, "superstitious");
  EXPECT_EQ(status.projections[0].phase, PartitionPhase::kStopped);
  EXPECT_EQ(status.projections[0].folded, Offset{1});
  EXPECT_THAT(log_.Messages(LogLevel::kError), Contains(HasSubstr("an unlucky number")));

  Account::poison = -1;
  ASSERT_THAT(engine_->Close(), IsOk());
  open();
  ASSERT_THAT(engine_->AwaitReady(), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto mended, engine_->Get(superstitious, "acct-1"));
  EXPECT_EQ(mended->cents, 5 + kPoison + 7);
  ASSERT_THAT(engine_->Close(), IsOk());
  engine_.reset();
}

}  // namespace
}  // namespace commander::test
