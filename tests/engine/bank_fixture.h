// bank_fixture.h: an engine on the bank of tests/support/bank.h, opened and opened again.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commander/commander.h"
#include "tests/support/bank.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::test {

using How = bank::Misbehave::How;

// What an engine had to say.  Thread-safe.
class LogLines {
 public:
  LogSink Sink() {
    return [this](const LogLine& line) {
      const std::lock_guard lock(mutex_);
      lines_.push_back(line);
    };
  }
  std::vector<LogLine> all() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  std::vector<std::string> Messages(LogLevel least) const {
    std::vector<std::string> messages;
    for (const LogLine& line : all()) {
      if (line.level >= least) messages.push_back(line.component + ": " + line.message);
    }
    return messages;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<LogLine> lines_;
};

// Holds whoever passes while it is shut; one that waits for that is told.
class Gate {
 public:
  void Shut() {
    const std::lock_guard lock(mutex_);
    shut_ = true;
  }
  void Open() {
    {
      const std::lock_guard lock(mutex_);
      shut_ = false;
    }
    changed_.notify_all();
  }
  void Pass() {
    std::unique_lock lock(mutex_);
    ++held_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !shut_; });
    --held_;
  }
  void AwaitSomebodyHeld() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return held_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool shut_ = false;
  int held_ = 0;
};

// Answers of SendCommand, in the order in which they came.  Thread-safe.
class Answers {
 public:
  Engine::Done Next() {
    return [this](absl::StatusOr<Outcome> answer) {
      const std::lock_guard lock(mutex_);
      answers_.push_back(std::move(answer));
      changed_.notify_all();
    };
  }
  // Waits until there are so many, and returns all.
  std::vector<absl::StatusOr<Outcome>> Await(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return answers_.size() >= count; });
    return answers_;
  }
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return answers_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<absl::StatusOr<Outcome>> answers_;
};

class BankTest : public ::testing::Test {
 protected:
  ~BankTest() override {
    gate_.Open();
    Close();
    if (!HasFailure()) return;
    for (const std::string& message : log_.Messages(LogLevel::kInfo)) std::cerr << message << "\n";
  }

  // As a new process would, with groups of its own.
  absl::Status TryOpen() {
    Close();
    balances_.reset();
    accounts_ = std::make_unique<Group<Account>>(group_name_, group_options_);
    AddBankHandlers(*accounts_, [this] { in_handler_(); });
    balances_ = std::make_unique<Projection<Balance>>("balances", *accounts_);
    options_.data_directory = data().string();
    options_.log_sink = log_.Sink();
    auto engine = Engine::Open(options_, {accounts_.get(), balances_.get()});
    if (!engine.ok()) return engine.status();
    engine_ = *std::move(engine);
    return absl::OkStatus();
  }
  void Open() { ASSERT_THAT(TryOpen(), IsOk()); }
  void Close() {
    if (engine_ == nullptr) return;
    // Where nobody handles commands, there is nothing to wait for.
    const absl::Duration drain =
        group_options_.handle_commands ? absl::Seconds(10) : absl::ZeroDuration();
    EXPECT_THAT(engine_->Close(drain), IsOk());
    engine_.reset();
  }
  void Restart() {
    Close();
    Open();
    EXPECT_THAT(engine_->AwaitReady(), IsOk());
  }
  // As an operator might.
  void DeleteStores() {
    Close();
    std::filesystem::remove_all(data() / "store");
    std::filesystem::remove_all(data() / "projections");
  }
  void Rebuild() {
    DeleteStores();
    Restart();
  }

  absl::StatusOr<Outcome> Deposit(std::string_view key, std::int64_t cents,
                                  const CommandOptions& options = {}) {
    return engine_->SyncCommand<bank::Deposit>(
        *accounts_, key, [&](auto command) { command.setCents(cents); }, options);
  }
  absl::StatusOr<Outcome> Withdraw(std::string_view key, std::int64_t cents,
                                   const CommandOptions& options = {}) {
    return engine_->SyncCommand<bank::Withdraw>(
        *accounts_, key, [&](auto command) { command.setCents(cents); }, options);
  }
  absl::StatusOr<Outcome> Misbehave(std::string_view key, How how, std::int64_t number = 0,
                                    const CommandOptions& options = {}) {
    return engine_->SyncCommand<bank::Misbehave>(
        *accounts_, key,
        [&](auto command) {
          command.setHow(how);
          command.setNumber(number);
        },
        options);
  }
  absl::Status Send(std::string_view key, std::int64_t cents, Answers& answers,
                    const CommandOptions& options = {}) {
    return engine_
        ->SendCommand<bank::Deposit>(
            *accounts_, key, [&](auto command) { command.setCents(cents); }, answers.Next(),
            options)
        .status();
  }
  absl::Status SendMisbehave(std::string_view key, How how, std::int64_t number, Answers& answers,
                             const CommandOptions& options = {}) {
    return engine_
        ->SendCommand<bank::Misbehave>(
            *accounts_, key,
            [&](auto command) {
              command.setHow(how);
              command.setNumber(number);
            },
            answers.Next(), options)
        .status();
  }

  // Holds the worker of `key` in a handler, until gate_ opens; what is sent meanwhile is one batch.
  void HoldWorker(std::string_view key, Answers& answers) {
    gate_.Shut();
    in_handler_ = [this] { gate_.Pass(); };
    ASSERT_THAT(SendMisbehave(key, How::CALL_ENGINE, 0, answers), IsOk());
    gate_.AwaitSomebodyHeld();
  }

  // The balance that the projection shows once all that is committed is folded, or nothing.
  std::optional<std::int64_t> BalanceOf(std::string_view key) {
    absl::StatusOr<Outcome> now = Misbehave(key, How::EMIT_THEN_REJECT);
    EXPECT_THAT(now, IsOk());
    if (!now.ok()) return std::nullopt;
    const auto row = engine_->Get(*balances_, key, {.at_least = now->position()});
    EXPECT_THAT(row, IsOk());
    if (!row.ok() || !row->has_value()) return std::nullopt;
    return (*row)->cents;
  }

  std::filesystem::path data() const { return dir_ / "data"; }

  const TempDir dir_{TempDir::kMemory};
  std::string group_name_ = "accounts";
  GroupOptions group_options_ = {.partitions = 1};
  EngineOptions options_;
  LogLines log_;
  Gate gate_;
  std::function<void()> in_handler_ = [] {};
  std::unique_ptr<Group<Account>> accounts_;
  std::unique_ptr<Projection<Balance>> balances_;
  std::unique_ptr<Engine> engine_;
};

// Of an answer that must be there.
MATCHER_P(HasKind, kind, "") {
  if (!arg.ok()) {
    *result_listener << arg.status();
    return false;
  }
  *result_listener << OutcomeKindName(arg->kind()) << " " << arg->rejection().code << ", "
                   << arg->rejection().message << ", version " << arg->version();
  return arg->kind() == kind;
}
MATCHER_P2(IsEventsTo, version, repeat, "") {
  if (!arg.ok()) {
    *result_listener << arg.status();
    return false;
  }
  *result_listener << OutcomeKindName(arg->kind()) << " " << arg->rejection().code << ", version "
                   << arg->version() << (arg->repeat() ? ", a repeat" : "");
  return arg->kind() == OutcomeKind::kEvents &&
         arg->version() == static_cast<std::uint64_t>(version) && arg->repeat() == repeat;
}
// Events, the last of which has that version.
inline auto IsEvents(std::uint64_t version) { return IsEventsTo(version, false); }
// The answer to a command that had its outcome before.
inline auto RepeatsEvents(std::uint64_t version) { return IsEventsTo(version, true); }
MATCHER_P(IsRejected, code, "") {
  if (!arg.ok()) {
    *result_listener << arg.status();
    return false;
  }
  *result_listener << OutcomeKindName(arg->kind()) << " " << arg->rejection().code << ", "
                   << arg->rejection().message;
  return arg->rejected() && arg->rejection().code == code;
}

}  // namespace commander::test
