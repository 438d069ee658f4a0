// The same as tests/process/visibility_test.cc on Kafka, where offsets have gaps, and a transaction
// that is open hides what others committed behind it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <optional>
#include <string>

#include "tests/kafka/aborted_transactions.h"
#include "tests/kafka/own_broker.h"
#include "tests/kafka/plain_consumer.h"
#include "tests/process/deposits.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::test {
namespace {

using ::testing::IsEmpty;

TEST(KafkaVisibilityTest, AProjectionSeesEveryDepositOnce) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::string brokers, SharedBroker());
  const TempDir dir;
  const std::string group = UniqueName("visibility");
  const std::string events = group + "-events";
  Deposits deposits({.data = dir / "data", .brokers = brokers, .group = group});
  std::optional<AbortedTransactions> aborted;
  for (std::uint64_t left = DepositDeaths(); left > 0; --left) {
    ASSERT_THAT(deposits.LiveAndDie(left - 1), IsOk()) << "seed " << deposits.seed();
    if (!aborted.has_value()) aborted.emplace(brokers, events, kDepositPartitions);
  }
  ASSERT_THAT(deposits.Live(), IsOk());
  EXPECT_THAT(deposits.WrongRows(), IsEmpty()) << "seed " << deposits.seed();
  ASSERT_THAT(aborted->Stop(), IsOk());

  std::map<int, std::int64_t> ends;
  std::int64_t seen = 0;
  ASSERT_THAT(ReadTopic(brokers, events,
                        [&](const rd_kafka_message_t& message) {
                          ends[message.partition] = message.offset + 1;
                          ++seen;
                          return absl::OkStatus();
                        }),
              IsOk());
  std::int64_t offsets = 0;
  for (const auto& [partition, end] : ends) offsets += end;
  std::cerr << offsets << " offsets with " << seen << " outcomes, " << aborted->count()
            << " transactions aborted\n";
  // A record and a marker in each partition.
  EXPECT_GT(offsets - seen, 2 * kDepositPartitions * static_cast<std::int64_t>(aborted->count()));

  ASSERT_THAT(deposits.Rebuild(), IsOk());
  EXPECT_THAT(deposits.WrongRows(), IsEmpty());
}

}  // namespace
}  // namespace commander::test
