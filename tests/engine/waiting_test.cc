// How long callers wait, and what they are told when they wait no longer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "tests/engine/bank_fixture.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kShort = absl::Milliseconds(20);

class WaitingTest : public BankTest {
 protected:
  WaitingTest() { Open(); }
  ~WaitingTest() override {
    gate_.Open();
    Close();
  }

  // Nobody decides commands from now on.
  void StopDeciding() {
    Close();
    group_options_.handle_commands = false;
    Open();
    ASSERT_THAT(engine_->AwaitReady(), IsOk());
  }
  void DecideAgain() {
    Close();
    group_options_.handle_commands = true;
    Open();
    ASSERT_THAT(engine_->AwaitReady(), IsOk());
  }
  absl::StatusOr<MessageId> AsyncDeposit(std::string_view key, const CommandOptions& options) {
    return engine_->AsyncCommand<bank::Deposit>(
        *accounts_, key, [](auto command) { command.setCents(5); }, options);
  }
};

MATCHER_P2(IsErrorOf, id, code, "") {
  const absl::Status& status = StatusOf(arg);
  *result_listener << status;
  return CommandIdOf(status) == MessageId::FromText(id) && ErrorCodeOf(status) == code;
}

// ---- SyncCommand

TEST_F(WaitingTest, ASynchronousCallerIsToldAtTheDeadlineAndTheOutcomeStillComes) {
  StopDeciding();
  const auto late = Deposit("acct-1", 5, {.id = "d-1", .timeout = kShort});
  EXPECT_THAT(late, StatusIs(absl::StatusCode::kDeadlineExceeded,
                             AllOf(HasSubstr("no answer within 20ms"),
                                   HasSubstr(MessageId::FromText("d-1").ToString()))));
  EXPECT_THAT(late, IsErrorOf("d-1", "commander.timeout"));
  EXPECT_THAT(engine_->FindOutcome(*accounts_, "acct-1", "d-1"),
              StatusIs(absl::StatusCode::kNotFound));
  DecideAgain();
  EXPECT_THAT(Deposit("acct-1", 5, {.id = "d-1"}), RepeatsEvents(1));
  EXPECT_EQ(BalanceOf("acct-1"), 5);
}

TEST_F(WaitingTest, ASynchronousCallerMayBeStopped) {
  StopDeciding();
  std::stop_source before;
  before.request_stop();
  const auto stopped = Deposit("acct-1", 5, {.id = "d-1", .stop = before.get_token()});
  EXPECT_THAT(stopped, StatusIs(absl::StatusCode::kCancelled, HasSubstr("may still come")));
  EXPECT_THAT(stopped, IsErrorOf("d-1", "commander.cancelled"));

  std::stop_source while_waiting;
  std::thread stopper([&] {
    while (engine_->Status().outstanding < 2) std::this_thread::yield();
    while_waiting.request_stop();
  });
  EXPECT_THAT(
      Deposit(
          "acct-1", 5,
          {.id = "d-2", .timeout = absl::InfiniteDuration(), .stop = while_waiting.get_token()}),
      IsErrorOf("d-2", "commander.cancelled"));
  stopper.join();
  DecideAgain();
  EXPECT_EQ(BalanceOf("acct-1"), 10);
}

TEST_F(WaitingTest, AStopThatComesTooLateTakesNothingBack) {
  std::stop_source stop;
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome,
                                 Deposit("acct-1", 5, {.stop = stop.get_token()}));
  stop.request_stop();
  EXPECT_EQ(outcome.version(), 1u);
  EXPECT_THAT(Deposit("acct-1", 5, {.timeout = absl::InfiniteDuration()}), IsEvents(2));
}

// ---- AsyncCommand

TEST_F(WaitingTest, AnAsynchronousCallerDoesNotWaitForTheOutcome) {
  StopDeciding();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const MessageId id, AsyncDeposit("acct-1", {.id = "d-1"}));
  EXPECT_EQ(id, MessageId::FromText("d-1"));
  EXPECT_EQ(engine_->Status().outstanding, 1u);
  DecideAgain();
  EXPECT_THAT(Deposit("acct-1", 5, {.id = "d-1"}), RepeatsEvents(1));
}

TEST_F(WaitingTest, CloseWaitsForNobodyWhoHasBeenToldOrHasLeft) {
  StopDeciding();
  ASSERT_THAT(AsyncDeposit("acct-1", {}), IsOk());
  ASSERT_THAT(Deposit("acct-1", 5, {.timeout = kShort}),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  Answers answers;
  ASSERT_THAT(Send("acct-1", 5, answers, {.timeout = kShort}), IsOk());
  answers.Await(1);
  EXPECT_EQ(engine_->Status().outstanding, 3u);
  // Were it to wait, this test would never end.
  EXPECT_THAT(engine_->Close(absl::InfiniteDuration()), IsOk());
}

// ---- SendCommand

TEST_F(WaitingTest, ACallbackIsCalledOnceAtItsDeadline) {
  StopDeciding();
  Answers answers;
  ASSERT_THAT(Send("acct-1", 5, answers, {.id = "d-1", .timeout = kShort}), IsOk());
  const auto all = answers.Await(1);
  EXPECT_THAT(all[0], StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(all[0], IsErrorOf("d-1", "commander.timeout"));
  DecideAgain();
  EXPECT_EQ(answers.count(), 1u);
  EXPECT_THAT(Deposit("acct-1", 5, {.id = "d-1"}), RepeatsEvents(1));
}

TEST_F(WaitingTest, ACallbackWhoseOutcomeComesAfterItsDeadlineIsNotCalledAgain) {
  Answers held;
  HoldWorker("acct-2", held);
  Answers answers;
  ASSERT_THAT(Send("acct-1", 5, answers, {.id = "d-1", .timeout = kShort}), IsOk());
  answers.Await(1);
  gate_.Open();
  held.Await(1);
  EXPECT_THAT(Deposit("acct-1", 5, {.id = "d-1"}), RepeatsEvents(1));
  Close();
  EXPECT_EQ(answers.count(), 1u);
}

TEST_F(WaitingTest, ACallbackIsCalledOnceAtClose) {
  StopDeciding();
  Answers answers;
  for (int i = 0; i < 100; ++i) ASSERT_THAT(Send("acct-1", 5, answers), IsOk());
  ASSERT_THAT(Send("acct-1", 5, answers, {.id = "d-1"}), IsOk());
  ASSERT_THAT(engine_->Close(kShort), IsOk());
  EXPECT_EQ(answers.count(), 101u);
  const auto all = answers.Await(101);
  for (const auto& answer : all) {
    EXPECT_THAT(answer, StatusIs(absl::StatusCode::kCancelled, HasSubstr("may still come")));
    EXPECT_EQ(ErrorCodeOf(answer.status()), "commander.closed");
  }
  DecideAgain();
  EXPECT_EQ(answers.count(), 101u);
  EXPECT_EQ(BalanceOf("acct-1"), 101 * 5);
}

TEST_F(WaitingTest, CloseLetsWhatWasSentBeAnswered) {
  Answers held;
  HoldWorker("acct-2", held);
  Answers answers;
  for (int i = 0; i < 100; ++i) ASSERT_THAT(Send("acct-1", 5, answers), IsOk());
  std::thread closing([&] { EXPECT_THAT(engine_->Close(absl::InfiniteDuration()), IsOk()); });
  // It takes no more from now on.
  while (Deposit("acct-3", 1, {.timeout = kShort}).status().code() !=
         absl::StatusCode::kUnavailable) {
    std::this_thread::yield();
  }
  gate_.Open();
  closing.join();
  EXPECT_EQ(answers.count(), 100u);
  for (const auto& answer : answers.Await(100)) EXPECT_THAT(answer, IsOk());
}

TEST_F(WaitingTest, ASynchronousCallerIsToldAtClose) {
  StopDeciding();
  std::thread closing([&] {
    while (engine_->Status().outstanding < 1) std::this_thread::yield();
    EXPECT_THAT(engine_->Close(absl::ZeroDuration()), IsOk());
  });
  const auto answer = Deposit("acct-1", 5, {.id = "d-1", .timeout = absl::InfiniteDuration()});
  closing.join();
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(answer, IsErrorOf("d-1", "commander.closed"));
}

TEST_F(WaitingTest, CallbacksRunOnThreadsOfTheEngineAlone) {
  std::mutex mutex;
  std::vector<std::thread::id> callers;
  const auto send = [&] {
    return engine_
        ->SendCommand<bank::Deposit>(
            *accounts_, "acct-1", [](auto) {},
            [&](const absl::StatusOr<Outcome>&) {
              const std::lock_guard lock(mutex);
              callers.push_back(std::this_thread::get_id());
            })
        .status();
  };
  for (int i = 0; i < 200; ++i) {
    ASSERT_THAT(send(), IsOk());
    // This thread may well decide both commands.
    ASSERT_THAT(Deposit("acct-1", 1), IsOk());
  }
  StopDeciding();
  ASSERT_THAT(send(), IsOk());
  ASSERT_THAT(engine_->Close(absl::ZeroDuration()), IsOk());
  EXPECT_EQ(callers.size(), 201u);
  EXPECT_THAT(callers, Not(Contains(std::this_thread::get_id())));
}

TEST_F(WaitingTest, CallbacksMaySendButNotWait) {
  Answers answers;
  std::vector<absl::Status> refused;
  const auto try_to_wait = [&](const absl::StatusOr<Outcome>&) {
    refused.push_back(Deposit("acct-1", 1).status());
    refused.push_back(AsyncDeposit("acct-1", {}).status());
    refused.push_back(engine_->AwaitReady());
    refused.push_back(engine_->Close());
    ASSERT_THAT(Send("acct-1", 7, answers), IsOk());
  };
  ASSERT_THAT(engine_->SendCommand<bank::Deposit>(
                  *accounts_, "acct-1", [](auto command) { command.setCents(5); }, try_to_wait),
              IsOk());
  EXPECT_THAT(answers.Await(1)[0], IsEvents(2));
  ASSERT_EQ(refused.size(), 4u);
  for (const absl::Status& status : refused) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                                 HasSubstr("called from a callback of SendCommand")));
    EXPECT_EQ(ErrorCodeOf(status), "commander.in_callback");
  }
  EXPECT_EQ(BalanceOf("acct-1"), 12);
}

// ---- Bounds

TEST_F(WaitingTest, SendersAreRefusedAtTheBoundAndOthersWaitForRoom) {
  options_.max_outstanding = 3;
  Restart();
  Answers answers;
  HoldWorker("acct-1", answers);
  ASSERT_THAT(Send("acct-1", 1, answers), IsOk());
  ASSERT_THAT(Send("acct-1", 1, answers), IsOk());
  const auto is_full = StatusIs(absl::StatusCode::kResourceExhausted,
                                AllOf(HasSubstr("max_outstanding 3"), HasSubstr("not sent")));
  const absl::Status refused = Send("acct-1", 1, answers);
  EXPECT_THAT(refused, is_full);
  EXPECT_EQ(ErrorCodeOf(refused), "commander.full");
  EXPECT_THAT(Deposit("acct-1", 1, {.timeout = kShort}), is_full);
  EXPECT_THAT(AsyncDeposit("acct-1", {.timeout = kShort}), is_full);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(Deposit("acct-1", 1, {.stop = stop.get_token()}),
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("not sent")));
  EXPECT_EQ(engine_->Status().outstanding, 3u);

  std::thread waiting([&] { EXPECT_THAT(Deposit("acct-1", 10), IsEvents(4)); });
  gate_.Open();
  waiting.join();
  EXPECT_EQ(answers.Await(3).size(), 3u);
  EXPECT_EQ(BalanceOf("acct-1"), 12);  // what was refused was not sent
}

TEST_F(WaitingTest, BytesAreBoundedToo) {
  options_.max_outstanding_bytes = options_.max_record_bytes = 4096;
  Restart();
  Answers answers;
  HoldWorker("acct-1", answers);
  std::size_t sent = 1;
  while (Send("acct-1", 1, answers).ok()) ++sent;
  EXPECT_GT(sent, 10u);
  EXPECT_LT(sent, 4096u / 80);
  EXPECT_THAT(Send("acct-1", 1, answers), StatusIs(absl::StatusCode::kResourceExhausted,
                                                   HasSubstr("max_outstanding_bytes 4096")));
  gate_.Open();
  answers.Await(sent);
  EXPECT_THAT(Deposit("acct-1", 1), IsOk());
}

// ---- Queries

TEST_F(WaitingTest, QueriesWaitForPositionsUntilTheirDeadline) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, Deposit("acct-1", 5));
  RecordPosition future = outcome.position();
  ++future.offset;
  const auto late = engine_->Get(*balances_, "acct-1", {.at_least = future, .timeout = kShort});
  EXPECT_THAT(late, StatusIs(absl::StatusCode::kDeadlineExceeded,
                             HasSubstr("has not folded offset 1 of accounts-events[0] yet")));
  EXPECT_EQ(ErrorCodeOf(late.status()), "commander.timeout");

  std::thread depositor([&] { EXPECT_THAT(Deposit("acct-1", 7), IsOk()); });
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const auto row, engine_->Get(*balances_, "acct-1",
                                   {.at_least = future, .timeout = absl::InfiniteDuration()}));
  depositor.join();
  EXPECT_EQ(row->cents, 12);
}

TEST_F(WaitingTest, QueriesRefusePositionsOfElsewhere) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, Deposit("acct-1", 5));
  RecordPosition other_log = outcome.position();
  other_log.log = std::string(32, '0');
  EXPECT_THAT(
      engine_->Get(*balances_, "acct-1", {.at_least = other_log}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("log " + other_log.log), HasSubstr(outcome.position().log))));
  RecordPosition other_topic = outcome.position();
  other_topic.topic = "letters-events";
  EXPECT_THAT(engine_->Scan(*balances_, {.at_least = other_topic}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("does not fold topic letters-events[0]")));
  RecordPosition other_partition = outcome.position();
  other_partition.partition = 7;
  EXPECT_THAT(engine_->Get(*balances_, "acct-1", {.at_least = other_partition}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  const Projection<Balance> other("other", *accounts_);
  EXPECT_THAT(engine_->Get(other, "acct-1"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("projection other was not given to Engine::Open")));
}

// ---- A closed engine

TEST_F(WaitingTest, AClosedEngineRefusesEverythingAtOnce) {
  ASSERT_THAT(engine_->Close(), IsOk());
  Answers answers;
  const std::vector<absl::Status> refused = {
      Deposit("acct-1", 5).status(),
      AsyncDeposit("acct-1", {}).status(),
      Send("acct-1", 5, answers),
      engine_->FindOutcome(*accounts_, "acct-1", "d-1").status(),
      engine_->Get(*balances_, "acct-1").status(),
      engine_->Scan(*balances_).status(),
      engine_->Parked(*accounts_).status(),
      engine_->Retry(*accounts_, "acct-1").status(),
      engine_->Skip(*accounts_, "acct-1", Offset{}, "").status(),
      engine_->AwaitReady(),
  };
  for (const absl::Status& status : refused) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, "the engine is closed"));
    EXPECT_EQ(ErrorCodeOf(status), "commander.closed");
  }
  EXPECT_EQ(answers.count(), 0u);
  EXPECT_THAT(engine_->Close(), IsOk());
  // Its directory is free, though the object is there.
  const std::unique_ptr<Engine> closed = std::move(engine_);
  Open();
  EXPECT_THAT(Deposit("acct-1", 5), IsEvents(1));
}

TEST_F(WaitingTest, WhoeverAwaitsReadinessIsToldAtClose) {
  Answers answers;
  for (int i = 0; i < 5000; ++i) ASSERT_THAT(Send("acct-1", 1, answers), IsOk());
  answers.Await(5000);
  DeleteStores();
  Open();
  std::thread waiting([&] {
    const absl::Status status = engine_->AwaitReady();
    EXPECT_TRUE(status.ok() || absl::IsUnavailable(status)) << status;
  });
  EXPECT_THAT(engine_->Close(), IsOk());
  waiting.join();
}

// ---- Handlers

TEST_F(WaitingTest, HandlersMustNotCallTheEngine) {
  std::vector<absl::Status> refused;
  Answers never;
  in_handler_ = [&] {
    refused = {
        Deposit("acct-2", 5).status(),
        AsyncDeposit("acct-2", {}).status(),
        Send("acct-2", 5, never),
        engine_->FindOutcome(*accounts_, "acct-1", "d-1").status(),
        engine_->Get(*balances_, "acct-1").status(),
        engine_->Scan(*balances_).status(),
        engine_->Parked(*accounts_).status(),
        engine_->Retry(*accounts_, "acct-1").status(),
        engine_->Skip(*accounts_, "acct-1", Offset{}, "").status(),
        engine_->AwaitReady(),
        engine_->Close(),
        engine_->Status().log,
        Engine::Open({.data_directory = data().string()}, {}).status(),
    };
  };
  for (const bool on_engine_thread : {false, true}) {
    SCOPED_TRACE(on_engine_thread);
    refused.clear();
    if (on_engine_thread) {
      Answers answers;
      ASSERT_THAT(SendMisbehave("acct-1", How::CALL_ENGINE, 0, answers), IsOk());
      EXPECT_THAT(answers.Await(1)[0], IsOk());
    } else {
      EXPECT_THAT(Misbehave("acct-1", How::CALL_ENGINE), IsOk());
    }
    ASSERT_EQ(refused.size(), 13u);
    for (const absl::Status& status : refused) {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                                   HasSubstr("called from a handler or fold")));
      EXPECT_EQ(ErrorCodeOf(status), "commander.in_handler");
    }
  }
  in_handler_ = [] {};
  EXPECT_EQ(never.count(), 0u);
  EXPECT_THAT(Deposit("acct-2", 1), IsEvents(1));  // nothing of it was sent
}

}  // namespace
}  // namespace commander::test
