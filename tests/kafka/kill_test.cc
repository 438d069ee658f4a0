// A process with clients on Kafka that is killed at any moment, again and again, and what any other
// consumer finds in its topics.  COMMANDER_KILL_SEED=n has it killed at other moments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "commander/internal/status_macros.h"
#include "tests/kafka/own_broker.h"
#include "tests/kafka/plain_reader.h"
#include "tests/process/lives.h"
#include "tests/support/directory_check.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::test {
namespace {

using ::testing::IsEmpty;

constexpr std::uint64_t kLives = 20;
constexpr std::uint64_t kMostLines = 200;
constexpr std::int64_t kHour = 3600 * std::int64_t{1'000'000'000};

class KafkaKillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    COMMANDER_ASSERT_OK_AND_ASSIGN(brokers_, SharedBroker());
    lives_ = std::make_unique<Lives>(Lives::Options{
        .data = dir_ / "data", .most_lines = kMostLines, .brokers = brokers_, .group = group_});
  }

  // Nothing where the process did not live to make the topics.
  absl::StatusOr<GroupHistory> History() const {
    const auto log = PlainReader::Read(brokers_, group_, group_);
    if (absl::IsNotFound(log.status())) return GroupHistory{.group = group_, .partitions = {}};
    if (!log.ok()) return log.status();
    return ReadGroup(**log, group_, false);
  }
  // A client is told of a transaction when it is decided, which is before the broker has written
  // so into all partitions: until then others do not read it.
  void Check(bool complete) {
    std::vector<std::string> violations;
    const absl::Time late = absl::Now() + absl::Seconds(20);
    do {
      COMMANDER_ASSERT_OK_AND_ASSIGN(const GroupHistory history, History());
      COMMANDER_ASSERT_OK_AND_ASSIGN(
          violations,
          CheckStores(dir_ / "data", history, lives_->reports().sent(),
                      {.min_window_ns = kHour, .max_window_ns = kHour, .complete = complete}));
    } while (!violations.empty() && absl::Now() < late);
    ASSERT_THAT(violations, IsEmpty());
  }

  const TempDir dir_;
  const std::string group_ = UniqueName("kill");
  std::string brokers_;
  std::unique_ptr<Lives> lives_;
};

TEST_F(KafkaKillTest, KeepsItsPromisesThroughTwentyLives) {
  for (std::uint64_t life = 1; life <= kLives; ++life) {
    ASSERT_THAT(lives_->LiveAndDie(), IsOk()) << "seed " << lives_->seed();
    Check(false);
    if (HasFatalFailure()) FAIL() << "seed " << lives_->seed() << ", life " << life;
    if (life % 7 == 0) lives_->DeleteStores();
  }
  ASSERT_THAT(lives_->Live(40), IsOk());
  Check(true);
  for (const auto& [what, times] : lives_->reports().told()) {
    std::cerr << what << ": " << times << "\n";
  }
  EXPECT_THAT(lives_->Untold(), IsEmpty());

  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::string hash, lives_->HashOfStores());
  lives_->DeleteStores();
  ASSERT_THAT(lives_->Live(0), IsOk());
  Check(true);
  EXPECT_THAT(lives_->HashOfStores(), IsOkAndHolds(hash));
}

}  // namespace
}  // namespace commander::test
