// Rare orders of events in one partition, each by hand.
#include "engine/core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/core_fixture.h"

namespace commander::test {
namespace {

// A repeat of a parked command, and FindOutcome, failed while its retry was under way.
TEST_F(CoreTest, AnswersARepeatOfAParkedCommandWhoseRetryIsUnderWay) {
  Open();
  const std::size_t first = Fail("a", {.id = "one"});
  Rest();
  ASSERT_THAT(Answer(first), OfKind(OutcomeKind::kParked));

  Account::poison = -1;
  const std::size_t again = Fail("a", {.id = "one"});
  worker().Step();
  const std::size_t retry = Retry("a");
  worker().Step();
  EXPECT_THAT(core_->FindOutcome(*accounts_, "a", "one"), OfKind(OutcomeKind::kParked));
  StepLog();
  worker().Step();
  EXPECT_THAT(Answer(again), OfKind(OutcomeKind::kParked));
  EXPECT_FALSE(Answered(retry));
  EXPECT_THAT(core_->FindOutcome(*accounts_, "a", "one"), OfKind(OutcomeKind::kParked));

  Rest();
  EXPECT_THAT(Answer(retry), OfKind(OutcomeKind::kNothing));
  EXPECT_THAT(core_->FindOutcome(*accounts_, "a", "one"), OfKind(OutcomeKind::kEvents));
}

// A repeat was answered with an internal error where a command behind it, in the same batch, moved
// the window on so that the first one was forgotten.
TEST_F(CoreTest, AnswersARepeatWhoseFirstIsForgottenMeanwhile) {
  limits_.id_block = 1;
  Open();
  const std::size_t first = Deposit("a", 5, {.id = "one"});
  Rest();
  const std::size_t again = Deposit("a", 5, {.id = "one"});
  clock_.Advance(100 * kMinute);
  const std::size_t later = Deposit("b", 5, {.id = "two"});
  Rest();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, Answer(again));
  EXPECT_TRUE(outcome.repeat());
  EXPECT_EQ(outcome.position(), Answer(first)->position());
  EXPECT_THAT(Answer(later), OfKind(OutcomeKind::kEvents));
}

// The same where the first is still under way when its repeat is decided.
TEST_F(CoreTest, AnswersARepeatOfACommandUnderWayThatIsForgottenAtOnce) {
  limits_.id_block = 1;
  Open();
  const std::size_t first = Deposit("a", 5, {.id = "one"});
  clock_.Advance(100 * kMinute);
  Deposit("b", 5, {.id = "two"});
  worker().Step();
  const std::size_t again = Deposit("a", 5, {.id = "one"});
  Rest();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, Answer(again));
  EXPECT_TRUE(outcome.repeat());
  EXPECT_EQ(outcome.position(), Answer(first)->position());
}

// Nobody answered the senders of commands that were durable and not decided when the engine closed.
TEST_F(CoreTest, CloseAnswersWhoseCommandsAreDurableAndNotDecided) {
  Open();
  const std::size_t first = Deposit("a", 5, {.id = "one"});
  StepLog();
  EXPECT_THAT(Close(), IsOk());
  EXPECT_THAT(Answer(first), StatusIs(absl::StatusCode::kCancelled));

  Open();
  Rest();
  const std::size_t again = Deposit("a", 5, {.id = "one"});
  Rest();
  ASSERT_THAT(Answer(again), OfKind(OutcomeKind::kEvents));
  EXPECT_TRUE(Answer(again)->repeat());
}

class NotCommittedTest : public CoreTest,
                         public ::testing::WithParamInterface<log::CommitOutcome> {};

INSTANTIATE_TEST_SUITE_P(Core, NotCommittedTest,
                         ::testing::Values(log::CommitOutcome::kAborted,
                                           log::CommitOutcome::kRefused),
                         [](const auto& it) {
                           return it.param == log::CommitOutcome::kAborted ? "Aborted" : "Refused";
                         });

// Nobody answered the sender of a command whose commit was aborted, or refused, after its partition
// had stopped.
TEST_P(NotCommittedTest, AStoppedPartitionAnswersItsSender) {
  Open();
  const std::size_t first = Deposit("a", 5);
  worker().Step();
  log().AbortNext(GetParam());
  worker().Stop(absl::InternalError("broken"));
  EXPECT_FALSE(Answered(first));
  StepLog();
  worker().Step();
  EXPECT_THAT(Answer(first), StatusIs(absl::StatusCode::kUnavailable,
                                      ::testing::HasSubstr("may still come: broken")));
}

TEST_F(CoreTest, APartitionStopsWhoseCommitIsRefused) {
  Open();
  const std::size_t first = Deposit("a", 5);
  worker().Step();
  log().AbortNext(log::CommitOutcome::kRefused);
  StepLog();
  worker().Step();
  EXPECT_THAT(Answer(first),
              StatusIs(absl::StatusCode::kUnavailable, ::testing::HasSubstr("may still come")));
  EXPECT_TRUE(worker().stopped());
}

// Commands that had been sent and not been polled kept their share of max_outstanding.
TEST_F(CoreTest, APartitionThatStopsLeavesNothingOutstanding) {
  Open();
  const std::size_t first = Deposit("a", 5);
  worker().Step();
  const std::size_t second = Deposit("b", 5);
  log().AbortNext(log::CommitOutcome::kRefused);
  StepLog();
  worker().Step();
  ASSERT_TRUE(worker().stopped());
  for (const std::size_t number : {first, second}) {
    EXPECT_THAT(Answer(number),
                StatusIs(absl::StatusCode::kUnavailable, ::testing::HasSubstr("may still come")));
  }
  StepLog();
  EXPECT_EQ(core_->outstanding().count(), 0u);
}

// A repeat under way when the engine closed, in one batch with its first, was answered with another
// record of the log.
TEST_F(CoreTest, CloseAnswersARepeatThatIsUnderWay) {
  Open();
  Deposit("b", 5);
  Rest();
  const std::size_t first = Deposit("a", 5, {.id = "one"});
  const std::size_t again = Deposit("a", 5, {.id = "one"});
  worker().Step();
  EXPECT_THAT(Close(), IsOk());
  ASSERT_THAT(Answer(first), OfKind(OutcomeKind::kEvents));
  ASSERT_THAT(Answer(again), OfKind(OutcomeKind::kEvents));
  EXPECT_TRUE(Answer(again)->repeat());
  EXPECT_EQ(Answer(again)->position(), Answer(first)->position());
}

// After a write-back had failed, Close wrote another one back, without what the first had held: the
// store then lacked states of which it said that they were there, and their versions began anew.
TEST_F(CoreTest, WritesNothingBackAfterAWriteBackThatFailed) {
  options_.write_back_events = 1;
  Open();
  Deposit("a", 5);
  worker().Step();
  StepLog();
  worker().Step();  // applied, and on its way to the store
  Deposit("b", 5);
  worker().Step();
  stores_.FailWrites(1);
  core_->write_backs().Step();
  worker().Step();
  EXPECT_TRUE(worker().stopped());
  EXPECT_THAT(Close(), StatusIs(absl::StatusCode::kResourceExhausted));

  Open();
  const std::size_t second = Deposit("a", 5);
  Rest();
  ASSERT_THAT(Answer(second), OfKind(OutcomeKind::kEvents));
  EXPECT_EQ(Answer(second)->version(), 2u);
}

// A batch that was applied in part, because the store could not be read, was written back at Close:
// states ahead of the position, which no fold of the log would take any more.
TEST_F(CoreTest, WritesNothingBackOfABatchThatIsAppliedInPart) {
  options_.write_back_events = 1;
  limits_.id_block = 1;
  limits_.id_bytes = 1;
  Open();
  Fail("a");
  for (int i = 0; i < 20; ++i) {
    Deposit("b", 1);
    Rest();
  }
  core_.reset();
  options_.write_back_events = 1000;
  Open();
  Deposit("c", 1);
  Rest();
  Account::poison = -1;
  Retry("a");
  worker().Step();
  StepLog();
  stores_.FailGets(1);
  worker().Step();
  EXPECT_TRUE(worker().stopped());
  EXPECT_THAT(Close(), IsOk());

  Open();
  EXPECT_TRUE(worker().ready());
  const std::size_t next = Deposit("a", 5);
  Rest();
  ASSERT_THAT(Answer(next), OfKind(OutcomeKind::kEvents));
  EXPECT_EQ(Answer(next)->version(), 2u);
}

// The time of an id far in the future, in nanoseconds, went around and looked like now.
TEST_F(CoreTest, RefusesIdsOfAFarFuture) {
  Open();
  const auto now_ms = static_cast<std::uint64_t>(clock_.NowNanos() / 1'000'000);
  const std::uint64_t around_ms = 18'446'744'073'710;  // 2^64 ns
  const MessageId id{(now_ms + around_ms) << 16 | 0x7000, 0x8000000000000001u};
  const std::size_t far = Deposit("a", 5, {.id = id.ToString()});
  Rest();
  ASSERT_THAT(Answer(far), OfKind(OutcomeKind::kRejected));
  EXPECT_EQ(Answer(far)->rejection().code, "commander.clock");
}

// A retry put its own outcome into a batch that was full, beyond what a commit may hold.
TEST_F(CoreTest, ARetryLeavesItsOutcomeToTheNextBatchWhereOneIsFull) {
  limits_.batch_outcomes = 1;
  Open();
  Fail("a");
  Rest();
  Account::poison = -1;
  const std::size_t retry = Retry("a");
  worker().Step();
  StepLog();
  const log::TopicPartition events{2, 0};
  EXPECT_THAT(log().End(events), IsOkAndHolds(Offset{2}));
  Rest();
  EXPECT_THAT(log().End(events), IsOkAndHolds(Offset{3}));
  EXPECT_THAT(Answer(retry), OfKind(OutcomeKind::kNothing));
}

// A command that was parked because it killed the process could never be retried: it counted as a
// killer for ever.
TEST_F(CoreTest, ACommandThatKilledTheProcessCanBeRetried) {
  Open();
  const std::size_t killer = Deposit("a", 5);
  slot_ = {.running = 0, .suspect = 1, .deaths = 3};
  Rest();
  ASSERT_THAT(Answer(killer), OfKind(OutcomeKind::kParked));
  const std::size_t retry = Retry("a");
  Rest();
  EXPECT_THAT(Answer(retry), OfKind(OutcomeKind::kNothing));

  // One that still kills is found out again, while it is retried.
  const std::size_t second = Fail("a", {.id = "two"});
  Rest();
  ASSERT_THAT(Answer(second), OfKind(OutcomeKind::kParked));
  Account::poison = -1;
  slot_ = {.running = 0, .suspect = 3, .deaths = 3};
  const std::size_t again = Retry("a");
  Rest();
  ASSERT_THAT(Answer(again), OfKind(OutcomeKind::kRejected));
  EXPECT_EQ(Answer(again)->rejection().code, "commander.failed");
}

// Else a second one that kills would make the count begin anew, and neither were ever parked.
TEST_F(CoreTest, NothingRunsBeforeACommandThatKillsIsParkedForGood) {
  Open();
  slot_ = {.running = 0, .suspect = 1, .deaths = 3};
  const std::size_t killer = Deposit("a", 5);
  const std::size_t other = Send<bank::Misbehave>(
      "b", [](auto command) { command.setHow(bank::Misbehave::How::CALL_ENGINE); });
  worker().Step();
  worker().Step();
  EXPECT_EQ(slot_.deaths, 3u);
  EXPECT_EQ(handler_calls_, 0u);
  StepLog();
  worker().Step();
  EXPECT_THAT(Answer(killer), OfKind(OutcomeKind::kParked));
  EXPECT_EQ(slot_.deaths, 0u);
  Rest();
  EXPECT_EQ(handler_calls_, 1u);
  EXPECT_THAT(Answer(other), OfKind(OutcomeKind::kEvents));
}

TEST_F(CoreTest, IsRestoredOnceItHasPolledToTheEndWhateverGapIsThere) {
  log_options_.gaps = true;
  for (const bool with_store : {true, false}) {
    Open();
    const std::size_t last = Deposit("a", 5);
    log().AbortNext();  // leaves a gap, too
    Rest();
    ASSERT_THAT(Answer(last), OfKind(OutcomeKind::kEvents));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Offset end, log().End({2, 0}));
    EXPECT_LT(Answer(last)->position().offset + 1, end);
    ASSERT_THAT(Close(), IsOk());
    if (!with_store) {
      ASSERT_TRUE(stores_.Remove("store/accounts"));
    }
    Open();
    EXPECT_TRUE(worker().ready());
    EXPECT_THAT(worker().error(), IsOk());
    const std::size_t next = Deposit("a", 5);
    Rest();
    ASSERT_THAT(Answer(next), OfKind(OutcomeKind::kEvents));
    EXPECT_EQ(Answer(next)->version(), Answer(last)->version() + 1);
    EXPECT_GE(Answer(next)->position().offset, end);
    ASSERT_THAT(Close(), IsOk());
  }
}

// Where another process owns the group, the log may end within an outcome that it is just writing.
TEST_F(CoreTest, IsRestoredWhereTheLogEndedWithinAnOutcome) {
  Open();
  // Of 5,000 bytes each: the second lies in the second of two polls.
  for (const std::int64_t events : {800, 100}) {
    const std::size_t many = Send<bank::Misbehave>("a", [&](auto command) {
      command.setHow(bank::Misbehave::How::MANY);
      command.setNumber(events);
    });
    Rest();
    ASSERT_THAT(Answer(many), OfKind(OutcomeKind::kEvents));
  }
  Crash();
  group_options_.handle_commands = false;
  for (const std::uint64_t end : {1u, 799u, 801u, 870u, 899u}) {
    log_options_.early_ends = {{{2, 0}, Offset{end}}};
    Open();
    EXPECT_TRUE(worker().ready());
    EXPECT_THAT(worker().error(), IsOk());
    Crash();
  }
  group_options_.handle_commands = true;
  Open();
  const std::size_t next = Deposit("a", 5);
  Rest();
  ASSERT_THAT(Answer(next), OfKind(OutcomeKind::kEvents));
  EXPECT_EQ(Answer(next)->version(), 901u);
}

TEST_F(CoreTest, WaitsToBeWokenForWhatIsNotThereYetToBeRestored) {
  Open();
  Deposit("a", 5);
  Rest();
  Crash();
  log_options_.late_polls = .9;
  Open(/*rest=*/false);
  std::size_t waits = 0;
  for (int i = 0; i < 1000 && !worker().ready(); ++i) {
    if (worker().Step()) continue;
    ++waits;
    const std::size_t before = wake_ups_;
    StepLog();
    EXPECT_EQ(wake_ups_, before + 1);
  }
  EXPECT_GT(waits, 0u) << "no poll was late";
  EXPECT_TRUE(worker().ready());
}

// As where brokers are away when the answer to a commit is lost.
TEST_F(CoreTest, WaitsForALogThatCannotSayWhereItEnds) {
  Open();
  const std::size_t first = Deposit("a", 5);
  worker().Step();
  log().AbortNext(log::CommitOutcome::kUnknown);
  StepLog();
  constexpr log::TopicPartition kCommands = {1, 0};
  constexpr log::TopicPartition kEvents = {2, 0};
  for (const log::TopicPartition place : {kEvents, kCommands}) {
    log().FailReads(place, absl::AbortedError("no broker answers"));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(worker().Step());
    EXPECT_FALSE(worker().ready());
    EXPECT_THAT(worker().error(), IsOk());
    log().FailReads(place, absl::OkStatus());
  }
  Rest();
  EXPECT_THAT(Answer(first), OfKind(OutcomeKind::kEvents));
}

}  // namespace
}  // namespace commander::test
