#include "tests/support/simulated_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/support/fake_environment.h"
#include "tests/support/status_matchers.h"

namespace commander::test {
namespace {

using log::CommitOutcome;
using log::CommitResult;

class SimulatedLogTest : public ::testing::Test {
 protected:
  static constexpr log::TopicPartition kCommands = {1, 0};
  static constexpr log::TopicPartition kEvents = {2, 0};

  void SetUp() override { Open(); }
  void Open() {
    options_.clock = &clock_;
    auto opened = SimulatedLog::Open(disk_, options_);
    ASSERT_THAT(opened, IsOk());
    log_ = *std::move(opened);
    ASSERT_THAT(log_->OpenTopic({"c", log::TopicKind::kCommands, 2}), IsOkAndHolds(1));
    ASSERT_THAT(log_->OpenTopic({"e", log::TopicKind::kEvents, 2}), IsOkAndHolds(2));
  }
  void Append() {
    ASSERT_THAT(log_->Append(kCommands, std::vector<log::Word>{1}, nullptr, true), IsOk());
  }
  std::shared_ptr<std::optional<CommitResult>> Commit(std::uint64_t consumed,
                                                      std::uint16_t partition = 0) {
    log::CommitBatch batch;
    batch.commands = {1, partition};
    batch.events = {2, partition};
    batch.consumed = {consumed};
    batch.entries.Append(std::vector<log::Word>{consumed});
    auto result = std::make_shared<std::optional<CommitResult>>();
    batch.done = [result](const CommitResult& r) { *result = r; };
    log_->Commit(std::move(batch));
    return result;
  }
  void StepAll() {
    while (log_->Step(false)) {
    }
  }
  std::uint64_t End(log::TopicPartition partition) {
    const auto end = log_->End(partition);
    return end.ok() ? end->value : ~std::uint64_t{0};
  }

  FakeClock clock_;
  SimulatedLogOptions options_;
  std::shared_ptr<SimulatedDisk> disk_ = std::make_shared<SimulatedDisk>();
  std::unique_ptr<SimulatedLog> log_;
};

TEST_F(SimulatedLogTest, AnAbortedBatchAndThoseBehindItInThePartitionNeverCount) {
  Append();
  Append();
  const auto first = Commit(1);
  const auto second = Commit(2);
  ASSERT_THAT(log_->Append({1, 1}, std::vector<log::Word>{1}, nullptr, true), IsOk());
  const auto elsewhere = Commit(1, 1);
  log_->AbortNext();
  StepAll();
  EXPECT_EQ((*first)->outcome, CommitOutcome::kAborted);
  EXPECT_EQ((*second)->outcome, CommitOutcome::kAborted);
  EXPECT_EQ((*elsewhere)->outcome, CommitOutcome::kCommitted);
  EXPECT_EQ(End(kCommands), 2u);
  EXPECT_EQ(End(kEvents), 0u);
  EXPECT_THAT(log_->health(), IsOk());
  const auto again = Commit(1);
  StepAll();
  EXPECT_EQ((*again)->outcome, CommitOutcome::kCommitted);
  EXPECT_EQ((*again)->first, Offset{0});
}

TEST_F(SimulatedLogTest, AnUnknownEndStopsTheLogAndTheNextOneKnows) {
  for (const bool durable : {true, false}) {
    const std::uint64_t before = End(kEvents);
    Append();
    StepAll();
    const auto result = Commit(1);
    log_->EndNextUnknown(durable);
    options_.partial_steps = 0;
    StepAll();
    ASSERT_TRUE(result->has_value());
    EXPECT_EQ((*result)->outcome, CommitOutcome::kUnknown);
    EXPECT_FALSE(log_->health().ok());
    EXPECT_THAT(log_->Append(kCommands, std::vector<log::Word>{1}, nullptr, true),
                StatusIs(absl::StatusCode::kUnavailable));
    log_->Close().IgnoreError();
    Open();
    EXPECT_EQ(End(kEvents), before + (durable ? 1 : 0));
  }
}

TEST_F(SimulatedLogTest, AFullDeviceDelaysAndResumes) {
  Append();
  const auto result = Commit(1);
  log_->SetFull(true);
  EXPECT_FALSE(log_->Step(false));
  EXPECT_THAT(log_->Append(kCommands, std::vector<log::Word>{1}, nullptr, true),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_FALSE(result->has_value());
  log_->SetFull(false);
  StepAll();
  EXPECT_EQ((*result)->outcome, CommitOutcome::kCommitted);
}

TEST_F(SimulatedLogTest, ReadsFailWhileTheyAreToldTo) {
  Append();
  std::vector<log::Record> records;
  log_->FailReads(kCommands, absl::DataLossError("broken"));
  EXPECT_THAT(log_->Poll(kCommands, {0}, 100, &records), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(log_->Read(kCommands, {0}), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(log_->End(kCommands), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(log_->End(kEvents), IsOk());
  log_->FailReads(kCommands, absl::OkStatus());
  EXPECT_THAT(log_->Poll(kCommands, {0}, 100, &records), IsOk());
}

TEST_F(SimulatedLogTest, ACrashTellsNobodyAndKeepsAPrefix) {
  bool kept_some = false;
  bool lost_some = false;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    disk_ = std::make_shared<SimulatedDisk>(seed);
    log_.reset();
    options_.seed = seed;
    Open();
    std::vector<std::shared_ptr<std::optional<CommitResult>>> results;
    for (std::uint64_t i = 1; i <= 4; ++i) {
      Append();
      results.push_back(Commit(i));
    }
    log_->Crash();
    EXPECT_FALSE(log_->Step(false));
    std::vector<log::Record> records;
    EXPECT_FALSE(log_->Poll(kCommands, {0}, 100, &records).ok());
    for (const auto& result : results) EXPECT_FALSE(result->has_value());
    Open();
    EXPECT_LE(End(kEvents), End(kCommands));
    EXPECT_LE(End(kCommands), End(kEvents) + 1);
    kept_some = kept_some || End(kCommands) > 0;
    lost_some = lost_some || End(kCommands) < 4;
  }
  EXPECT_TRUE(kept_some);
  EXPECT_TRUE(lost_some);
}

TEST_F(SimulatedLogTest, TheSameSeedDoesTheSame) {
  const auto run = [&](std::uint64_t seed) {
    disk_ = std::make_shared<SimulatedDisk>(seed);
    log_.reset();
    options_ = {.clock = &clock_, .seed = seed, .partial_steps = .5, .aborts = .2, .unknowns = .02};
    Open();
    std::string story;
    for (std::uint64_t i = 0; i < 50; ++i) {
      Append();
      const auto result = Commit(1);
      log_->Step(false);
      story += result->has_value() ? std::to_string(static_cast<int>((*result)->outcome)) : "-";
      story += std::to_string(End(kEvents)) + " ";
      if (!log_->health().ok()) break;
    }
    return story;
  };
  EXPECT_EQ(run(3), run(3));
  EXPECT_NE(run(3), run(4));
}

// What a batch leaves behind it is no record, but polling on comes past it.
TEST_F(SimulatedLogTest, EventsMayHaveGapsBetweenThem) {
  log_.reset();
  options_.gaps = true;
  Open();
  Append();
  Append();
  log_->AbortNext();
  Commit(1);
  StepAll();
  EXPECT_EQ(End(kEvents), 2u);
  std::vector<log::Record> records;
  EXPECT_THAT(log_->Poll(kEvents, {0}, 100, &records), IsOkAndHolds(Offset{2}));
  EXPECT_THAT(records, ::testing::IsEmpty());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto none, log_->ReadLast(kEvents));
  EXPECT_FALSE(none.has_value());

  const auto result = Commit(1);
  StepAll();
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->first, Offset{2});
  EXPECT_THAT(log_->Poll(kEvents, {1}, 100, &records), IsOkAndHolds(Offset{4}));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].offset, Offset{2});
  EXPECT_THAT(log_->Read(kEvents, {3}), StatusIs(absl::StatusCode::kOutOfRange));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto last, log_->ReadLast(kEvents));
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->offset, Offset{2});
}

TEST_F(SimulatedLogTest, APollMayFindNothingYetAndCallsTheListener) {
  Append();
  StepAll();
  log_.reset();
  options_.late_polls = 1;
  Open();
  int called = 0;
  log_->SetListener(kCommands, [&] { ++called; });
  std::vector<log::Record> records;
  EXPECT_THAT(log_->Poll(kCommands, {0}, 100, &records), IsOkAndHolds(Offset{0}));
  EXPECT_THAT(records, ::testing::IsEmpty());
  EXPECT_TRUE(log_->Step(false));
  EXPECT_EQ(called, 1);
  EXPECT_FALSE(log_->Step(false));
  EXPECT_THAT(log_->Poll(kCommands, {1}, 100, &records), IsOkAndHolds(Offset{1}));
}

}  // namespace
}  // namespace commander::test
