// A process with clients on Kafka that is killed at any moment, again and again, and what any other
// consumer finds in its topics.  COMMANDER_KILL_SEED=n has it killed at other moments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/kafka/own_broker.h"
#include "tests/kafka/topics_check.h"
#include "tests/log/histories.h"
#include "tests/process/lives.h"
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
    Start({});
  }
  void Start(std::vector<std::string> properties) {
    lives_ = std::make_unique<Lives>(Lives::Options{.data = dir_ / "data",
                                                    .most_lines = kMostLines,
                                                    .brokers = brokers_,
                                                    .group = group_,
                                                    .kafka_properties = std::move(properties)});
  }

  void Check(bool complete) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(
        const std::vector<std::string> violations,
        CheckTopics(brokers_, group_, dir_ / "data", lives_->reports().sent(),
                    {.min_window_ns = kHour, .max_window_ns = kHour, .complete = complete}));
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

// A process that stands still for longer than its transactions and its session live, and then goes
// on where it stood: what it was about to commit may be refused, or be there.
TEST_F(KafkaKillTest, KeepsItsPromisesWhenItIsStoppedAndContinued) {
  if (!AsWritten()) Start({"transaction.timeout.ms=1000", "session.timeout.ms=3000"});
  const int times = AsWritten() ? 5 : 2;
  const absl::Duration pause = absl::Seconds(AsWritten() ? 10 + 15 : 1 + 4);
  ASSERT_THAT(lives_->PauseAndDie(times, pause), IsOk()) << "seed " << lives_->seed();
  Check(false);
  ASSERT_THAT(lives_->Live(40), IsOk());
  Check(true);
}

}  // namespace
}  // namespace commander::test
