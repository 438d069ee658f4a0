// A device without space: what was sent waits, what is new is refused, nothing is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commander/commander.h"
#include "engine/core.h"
#include "engine/log/embedded_log.h"
#include "tests/support/bank.h"
#include "tests/support/fake_environment.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/memory_store.h"
#include "tests/support/status_matchers.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// An engine without threads, on devices that the test decides about.
class FullDiskTest : public ::testing::Test {
 protected:
  FullDiskTest() { Open(); }

  void Open() {
    core_.reset();
    accounts_ = std::make_unique<Group<Account>>("accounts", GroupOptions{.partitions = 1});
    AddBankHandlers(*accounts_);
    EngineOptions options;
    options.data_directory = "/data";
    COMMANDER_ASSERT_OK_AND_ASSIGN(internal::Wiring wiring,
                                   internal::CheckWiring(options, {accounts_.get()}));
    log::EmbeddedLogOptions log_options;
    log_options.directory = "/data/log";
    log_options.segment_bytes = 4096;
    log_options.zero_ahead_bytes = 0;
    log_options.clock = &clock_;
    log_options.random = &random_;
    log_options.files = &files_;
    internal::Environment environment;
    COMMANDER_ASSERT_OK_AND_ASSIGN(environment.log, log::OpenEmbeddedLog(log_options));
    environment.stores = std::make_unique<MemoryStoreFactory>();
    environment.clock = &clock_;
    environment.random = &random_;
    COMMANDER_ASSERT_OK_AND_ASSIGN(
        core_, internal::Core::Open(options, std::move(wiring), std::move(environment)));
    Run();
  }
  void Run() {
    while (core_->StepAll()) {
    }
  }
  // Sends; the answer comes to answers_[n] when it comes.
  absl::Status Deposit() {
    const std::size_t n = answers_.size();
    answers_.emplace_back();
    const auto sent = core_->Send(
        *accounts_, "acct-1",
        internal::MakeCommand<bank::Deposit>([](auto command) { command.setCents(1); }), {}, {},
        [this, n](absl::StatusOr<Outcome> answer) { answers_[n] = std::move(answer); });
    if (!sent.ok()) answers_.pop_back();
    return sent.status();
  }
  void ExpectAnswered(std::size_t count) {
    ASSERT_EQ(answers_.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_TRUE(answers_[i].has_value());
      ASSERT_THAT(*answers_[i], IsOk());
      EXPECT_EQ((*answers_[i])->version(), i + 1);
    }
  }

  FaultyFileSystem files_{1};
  FakeClock clock_;
  FakeRandom random_;
  std::unique_ptr<Group<Account>> accounts_;
  std::vector<std::optional<absl::StatusOr<Outcome>>> answers_;
  std::unique_ptr<internal::Core> core_;
};

TEST_F(FullDiskTest, WhatWasSentWaitsForSpaceAndWhatIsNewIsRefused) {
  ASSERT_THAT(Deposit(), IsOk());
  Run();
  ExpectAnswered(1);

  files_.SetFreeSectors(0);
  absl::Status refused;
  while (refused.ok() && answers_.size() < 1000) {
    refused = Deposit();
    Run();
  }
  EXPECT_THAT(refused,
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("/data/log"), HasSubstr("No space left on device"))));
  EXPECT_FALSE(answers_.back().has_value());  // it waits
  EXPECT_THAT(core_->Status().log, IsOk());   // and nothing has stopped
  EXPECT_THAT(core_->FindOutcome(*accounts_, "acct-1", (*answers_[0])->id().ToString()), IsOk());
  const std::size_t sent = answers_.size();

  files_.SetFreeSectors(std::nullopt);
  Run();
  ExpectAnswered(sent);
  ASSERT_THAT(Deposit(), IsOk());
  Run();
  ExpectAnswered(sent + 1);
  ASSERT_THAT(core_->Close(), IsOk());
  Open();
  ASSERT_THAT(Deposit(), IsOk());
  Run();
  ExpectAnswered(sent + 2);
}

// The process ends before there is space again: what was not answered may be gone, and no more.
TEST_F(FullDiskTest, WhatWasAnsweredIsThereAfterAnEndWithoutSpace) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(Deposit(), IsOk());
    Run();
  }
  files_.SetFreeSectors(0);
  while (answers_.size() < 1000 && Deposit().ok()) Run();
  std::size_t answered = 0;
  while (answered < answers_.size() && answers_[answered].has_value()) ++answered;
  EXPECT_LT(answered, answers_.size());  // the last one waits
  core_->Close().IgnoreError();          // it cannot write
  answers_.resize(answered);
  files_.Restart(Loss::kPower);
  files_.SetFreeSectors(std::nullopt);
  Open();
  ASSERT_THAT(Deposit(), IsOk());
  Run();
  ASSERT_THAT(*answers_.back(), IsOk());
  EXPECT_GT((*answers_.back())->version(), answered);
}

}  // namespace
}  // namespace commander::test
