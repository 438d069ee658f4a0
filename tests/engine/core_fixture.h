// core_fixture.h: an engine without threads on a simulated log, stepped by hand.
//
//     TEST_F(CoreTest, …) {
//       Open();
//       const std::size_t first = Send<bank::Deposit>("a", [](auto c) { c.setCents(5); });
//       worker().Step();                      // decides
//       StepLog();                            // commits
//       Rest();                               // everything, until nothing is left
//       EXPECT_THAT(Answer(first), IsOk());
//     }
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "commander/commander.h"
#include "engine/core.h"
#include "engine/wiring.h"
#include "tests/support/bank.h"
#include "tests/support/fake_environment.h"
#include "tests/support/memory_store.h"
#include "tests/support/simulated_log.h"
#include "tests/support/status_matchers.h"

namespace commander::test {

class CoreTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kMinute = 60 * std::int64_t{1'000'000'000};

  CoreTest() { options_.data_directory = "in memory"; }
  ~CoreTest() override { Account::poison = 13; }

  // One partition, so that workers()[0] is the one.
  void Open(bool rest = true) {
    accounts_ = std::make_unique<Group<Account>>("accounts", group_options_);
    AddBankHandlers(*accounts_, [this] { ++handler_calls_; });
    auto wiring = internal::CheckWiring(options_, {accounts_.get()});
    ASSERT_THAT(wiring, IsOk());
    internal::Environment environment;
    SimulatedLogOptions log_options = log_options_;
    log_options.clock = &clock_;
    log_options.partial_steps = 0;
    auto log = SimulatedLog::Open(disk_, log_options);
    ASSERT_THAT(log, IsOk());
    log_ = log->get();
    environment.log = *std::move(log);
    environment.stores = std::make_unique<BorrowedStores>(stores_);
    environment.clock = &clock_;
    environment.random = &random_;
    environment.limits = limits_;
    environment.crash_slot = [this](const std::string&, std::uint16_t) { return &slot_; };
    environment.wake_worker = [this](std::size_t) { ++wake_ups_; };
    auto core = internal::Core::Open(options_, *std::move(wiring), std::move(environment));
    ASSERT_THAT(core, IsOk());
    core_ = *std::move(core);
    if (rest) Rest();  // restored
  }
  absl::Status Close() {
    absl::Status status = core_->Close();
    core_.reset();
    return status;
  }
  void Crash() {
    log_->Crash();
    stores_.Crash(1);
    core_.reset();
  }

  internal::Worker& worker() { return *core_->workers()[0]; }
  SimulatedLog& log() { return *log_; }
  void StepLog() { log_->Step(false); }
  // Steps everything until nothing is left to do.
  void Rest() {
    for (int i = 0; i < 10'000; ++i) {
      if (!core_->StepAll()) return;
    }
    FAIL() << "the engine never comes to rest";
  }

  // Gives a number for Answer().
  template <class T, class F>
  std::size_t Send(std::string_view key, F&& fill, const CommandOptions& options = {}) {
    const std::size_t number = answers_.size();
    answers_.emplace_back();
    const auto sent = core_->Send(*accounts_, key, internal::MakeCommand<T>(std::forward<F>(fill)),
                                  options, {}, [this, number](absl::StatusOr<Outcome> answer) {
                                    EXPECT_FALSE(answers_[number].has_value()) << "answered twice";
                                    answers_[number] = std::move(answer);
                                  });
    EXPECT_THAT(sent, IsOk());
    return number;
  }
  std::size_t Deposit(std::string_view key, std::int64_t cents,
                      const CommandOptions& options = {}) {
    return Send<bank::Deposit>(
        key, [&](auto c) { c.setCents(cents); }, options);
  }
  // Fails while Account::poison is 13.
  std::size_t Fail(std::string_view key, const CommandOptions& options = {}) {
    return Send<bank::Misbehave>(
        key,
        [](auto c) {
          c.setHow(bank::Misbehave::How::THROW_IN_HANDLER);
          c.setNumber(13);
        },
        options);
  }
  std::size_t Retry(std::string_view key, const CommandOptions& options = {}) {
    return Send<wire::Retry>(
        key, [](auto) {}, options);
  }
  std::size_t Skip(std::string_view key, std::uint64_t source) {
    return Send<wire::Skip>(key, [&](auto c) { c.setSource(source); });
  }
  bool Answered(std::size_t number) const { return answers_[number].has_value(); }
  absl::StatusOr<Outcome> Answer(std::size_t number) const {
    if (!Answered(number)) return absl::NotFoundError("not answered");
    return *answers_[number];
  }

  EngineOptions options_;
  GroupOptions group_options_ = {.partitions = 1};
  internal::Limits limits_;
  SimulatedLogOptions log_options_;
  std::size_t wake_ups_ = 0;       // of the worker
  std::size_t handler_calls_ = 0;  // of Misbehave{callEngine}
  FakeClock clock_;
  FakeRandom random_;
  std::shared_ptr<SimulatedDisk> disk_ = std::make_shared<SimulatedDisk>();
  MemoryStoreFactory stores_;
  internal::CrashSlot slot_;
  std::unique_ptr<Group<Account>> accounts_;
  SimulatedLog* log_ = nullptr;  // the core's
  std::deque<std::optional<absl::StatusOr<Outcome>>> answers_;
  std::unique_ptr<internal::Core> core_;
};

MATCHER_P(OfKind, kind, std::string("is an outcome ") + std::string(OutcomeKindName(kind))) {
  if (!arg.ok()) {
    *result_listener << "is " << arg.status();
    return false;
  }
  *result_listener << "is " << OutcomeKindName(arg->kind()) << " " << arg->rejection().code;
  return arg->kind() == kind;
}

}  // namespace commander::test
