#include "engine/log/embedded_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/fake_environment.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::log {
namespace {

using test::FakeClock;
using test::FakeRandom;
using test::IsOk;
using test::IsOkAndHolds;
using test::TempDir;

class EmbeddedLogTest : public ::testing::Test {
 protected:
  EmbeddedLogOptions Options() {
    EmbeddedLogOptions options;
    options.directory = dir_ / "log";
    options.clock = &clock_;
    options.random = &random_;
    options.sink = [this](const LogLine& line) { lines_.push_back(line.message); };
    return options;
  }

  std::unique_ptr<Log> Open() {
    auto log = OpenEmbeddedLog(Options());
    EXPECT_THAT(log, IsOk());
    return log.ok() ? *std::move(log) : nullptr;
  }

  TempDir dir_;
  FakeClock clock_;
  FakeRandom random_;
  std::vector<std::string> lines_;
};

TEST_F(EmbeddedLogTest, ACommandAndItsOutcomeAreThereAfterReopening) {
  {
    auto log = Open();
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto commands,
                                   log->OpenTopic({"c", TopicKind::kCommands, 2}));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto events, log->OpenTopic({"e", TopicKind::kEvents, 2}));
    const std::vector<Word> command = {1, 2, 3};
    EXPECT_THAT(log->Append({commands, 1}, command, nullptr, true), IsOk());
    CommitBatch batch;
    batch.commands = {commands, 1};
    batch.events = {events, 1};
    batch.consumed = {1};
    batch.entries.Append(std::vector<Word>{4, 5});
    CommitResult result;
    batch.done = [&](const CommitResult& r) { result = r; };
    log->Commit(std::move(batch));
    EXPECT_TRUE(log->Step());
    EXPECT_FALSE(log->Step());
    EXPECT_EQ(result.outcome, CommitOutcome::kCommitted);
    EXPECT_THAT(log->Close(), IsOk());
  }
  auto log = Open();
  EXPECT_THAT(lines_, ::testing::IsEmpty());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Record record, log->Read({2, 1}, {0}));
  EXPECT_THAT(record.message, ::testing::ElementsAre(4, 5));
  std::vector<Record> records;
  EXPECT_THAT(log->Poll({1, 1}, {0}, 100, &records), IsOkAndHolds(Offset{1}));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].offset, Offset{0});
  EXPECT_THAT(records[0].message, ::testing::ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace commander::log
