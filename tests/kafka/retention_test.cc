// Offsets that a group has consumed expire on a broker; the events say what has run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "tests/kafka/bank_on_kafka.h"
#include "tests/kafka/own_broker.h"
#include "tests/kafka/plain_admin.h"
#include "tests/log/histories.h"

namespace commander::test {
namespace {

class KafkaRetentionTest : public KafkaBankTest {
 protected:
  void SetUp() override {
    KafkaBankTest::SetUp();
    if (!AsWritten()) return;
    broker_ = std::make_unique<OwnBroker>(OwnBroker::Options{
        .properties = {"offsets.retention.minutes=1", "offsets.retention.check.interval.ms=1000"}});
    ASSERT_THAT(broker_->Start(), IsOk());
    options_.brokers = broker_->address();
  }
  void TearDown() override { Close(); }

  // Deletes them, or waits until the broker has.
  void LoseConsumedOffsets() {
    if (AsWritten()) absl::SleepFor(absl::Minutes(3));
    const absl::Time late = absl::Now() + absl::Seconds(20);
    absl::StatusOr<bool> gone = false;
    while (gone.ok() && !*gone && absl::Now() < late) {
      // Refused as long as the broker takes the one that left for a member.
      if (!AsWritten()) DeleteGroup(options_.brokers, group_name_).IgnoreError();
      gone = HasNoOffset(options_.brokers, group_name_, commands(), 0);
    }
    ASSERT_THAT(gone, IsOkAndHolds(true));
  }

  std::unique_ptr<OwnBroker> broker_;
};

TEST_F(KafkaRetentionTest, RunsNothingAgainAndMissesNothingWhereConsumedOffsetsAreGone) {
  Open();
  for (int i = 0; i < 20; ++i) ASSERT_THAT(Deposit("acct-1", 1), IsOk());
  Close();
  EXPECT_THAT(HasNoOffset(options_.brokers, group_name_, commands(), 0), IsOkAndHolds(false));
  LoseConsumedOffsets();
  group_options_.handle_commands = false;
  Open();
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(engine_->AsyncCommand<bank::Deposit>(*accounts_, "acct-1",
                                                     [](auto command) { command.setCents(1); }),
                IsOk());
  }
  Close();
  EXPECT_THAT(HasNoOffset(options_.brokers, group_name_, commands(), 0), IsOkAndHolds(true));
  group_options_.handle_commands = true;
  Open();
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(26));
  EXPECT_EQ(BalanceOf("acct-1"), 26);
}

}  // namespace
}  // namespace commander::test
