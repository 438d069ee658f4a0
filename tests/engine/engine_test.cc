// The life of commands on the embedded log, through the public API.
#include "commander/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "commander/commander.h"
#include "tests/support/bank.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::test {
namespace {

using ::testing::HasSubstr;

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() { Reopen(); }

  // Closes what is open and opens it again, with groups of its own, as a new process would.
  void Reopen(EngineOptions options = {}) {
    engine_.reset();
    balances_.reset();
    accounts_ = std::make_unique<Group<Account>>("accounts");
    AddBankHandlers(*accounts_);
    balances_ = std::make_unique<Projection<Balance>>("balances", *accounts_);
    options.data_directory = (dir_.path() / "data").string();
    options.log_sink = [](const LogLine& line) {
      if (line.level >= LogLevel::kWarning)
        std::cerr << line.component << ": " << line.message << "\n";
    };
    auto engine = Engine::Open(options, {accounts_.get(), balances_.get()});
    ASSERT_THAT(engine, IsOk());
    engine_ = *std::move(engine);
  }

  absl::StatusOr<Outcome> Deposit(std::string_view key, std::int64_t cents,
                                  CommandOptions options = {}) {
    return engine_->SyncCommand<bank::Deposit>(
        *accounts_, key, [&](auto command) { command.setCents(cents); }, options);
  }
  absl::StatusOr<Outcome> Withdraw(std::string_view key, std::int64_t cents,
                                   CommandOptions options = {}) {
    return engine_->SyncCommand<bank::Withdraw>(
        *accounts_, key, [&](auto command) { command.setCents(cents); }, options);
  }

  const TempDir dir_;
  std::unique_ptr<Group<Account>> accounts_;
  std::unique_ptr<Projection<Balance>> balances_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, AnswersWithEventsOfDenseVersions) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome first, Deposit("acct-1", 500));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome second, Withdraw("acct-1", 200));
  EXPECT_EQ(first.kind(), OutcomeKind::kEvents);
  EXPECT_EQ(first.version(), 1u);
  EXPECT_EQ(second.version(), 2u);
  ASSERT_TRUE(second.event<bank::Withdrawn>().has_value());
  EXPECT_EQ(second.event<bank::Withdrawn>()->getCents(), 200);
  EXPECT_FALSE(second.event<bank::Deposited>().has_value());
  EXPECT_EQ(second.events()[0].metadata().key, "acct-1");
  EXPECT_EQ(second.events()[0].metadata().causation, second.id());
}

TEST_F(EngineTest, RecordsRefusals) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, Withdraw("acct-1", 1));
  EXPECT_TRUE(outcome.rejected());
  EXPECT_EQ(outcome.rejection().code, "overdrawn");
  EXPECT_EQ(outcome.version(), 0u);
}

TEST_F(EngineTest, ReadsItsOwnWrites) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, Deposit("acct-1", 500));
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const auto row, engine_->Get(*balances_, "acct-1", {.at_least = outcome.position()}));
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->cents, 500);
}

TEST_F(EngineTest, GoesOnAfterARestart) {
  ASSERT_THAT(Deposit("acct-1", 500), IsOk());
  Reopen();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, Withdraw("acct-1", 500));
  EXPECT_EQ(outcome.kind(), OutcomeKind::kEvents);
  EXPECT_EQ(outcome.version(), 2u);
}

TEST_F(EngineTest, RebuildsDeletedStoresFromTheLog) {
  ASSERT_THAT(Deposit("acct-1", 500), IsOk());
  ASSERT_THAT(engine_->Close(), IsOk());
  engine_.reset();
  std::filesystem::remove_all(dir_.path() / "data/store");
  std::filesystem::remove_all(dir_.path() / "data/projections");
  Reopen();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, Withdraw("acct-1", 500));
  EXPECT_EQ(outcome.version(), 2u);
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const auto row, engine_->Get(*balances_, "acct-1", {.at_least = outcome.position()}));
  EXPECT_EQ(row->events, 2u);
}

TEST_F(EngineTest, CallsBackOnce) {
  std::atomic<int> calls{0};
  std::atomic<int> deposited{0};
  for (int i = 0; i < 1000; ++i) {
    ASSERT_THAT(engine_->SendCommand<bank::Deposit>(
                    *accounts_, "acct-" + std::to_string(i % 10),
                    [&](auto command) { command.setCents(1); },
                    [&](absl::StatusOr<Outcome> outcome) {
                      if (outcome.ok() && outcome->kind() == OutcomeKind::kEvents) ++deposited;
                      ++calls;
                    }),
                IsOk());
  }
  ASSERT_THAT(engine_->Close(), IsOk());
  EXPECT_EQ(calls, 1000);
  EXPECT_EQ(deposited, 1000);
}

TEST_F(EngineTest, AcceptsDurableCommandsWithoutWaitingForTheirOutcome) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const MessageId id, engine_->AsyncCommand<bank::Deposit>(
                              *accounts_, "acct-1", [](auto command) { command.setCents(5); }));
  Reopen();
  ASSERT_THAT(engine_->AwaitReady(), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome again, Deposit("acct-1", 5, {.id = id.ToString()}));
  EXPECT_TRUE(again.repeat());
  EXPECT_EQ(again.version(), 1u);
}

}  // namespace
}  // namespace commander::test
