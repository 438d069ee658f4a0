// A stream on a partition, read more slowly than it is fetched.
#include "engine/log/kafka_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/log/kafka_client.h"
#include "tests/kafka/own_broker.h"
#include "tests/kafka/plain_admin.h"
#include "tests/support/status_matchers.h"

namespace commander::test {
namespace {

// Whoever read until the end missed what had been fetched together with it and was not handed out.
TEST(KafkaStreamTest, IsAtItsEndWhenEverythingIsHandedOut) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::string brokers, SharedBroker());
  const std::string topic = UniqueName("stream");
  ASSERT_THAT(CreateTopic(brokers, topic, 2, {}), IsOk());
  constexpr int kRecords = 10;
  for (int i = 0; i < kRecords; ++i) {
    ASSERT_THAT(ProduceOne(brokers, topic, 0, "", std::string(30'000, 'x')), IsOk());
  }
  const log::kafka::Cluster cluster{brokers, {}, std::size_t{1} << 20, nullptr};
  log::kafka::Reader reader;
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      reader.client,
      log::kafka::NewClient(RD_KAFKA_CONSUMER, cluster,
                            {{"enable.partition.eof", "true"}, {"fetch.wait.max.ms", "10"}}));
  COMMANDER_ASSERT_OK_AND_ASSIGN(rd_kafka_topic_t* const handle, reader.Topic(topic));
  // With another one on the client, it takes nothing when it starts.
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<log::kafka::Stream> other,
                                 log::kafka::Stream::Start(reader, handle, 1, Offset{0}, nullptr));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<log::kafka::Stream> stream,
                                 log::kafka::Stream::Start(reader, handle, 0, Offset{0}, nullptr));
  const absl::Time late = absl::Now() + absl::Seconds(20);
  // Until all is fetched, and the end behind it: that of the other one, which is empty, came first.
  while (stream->end() < Offset{kRecords} && absl::Now() < late) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  absl::SleepFor(absl::Milliseconds(200));
  std::vector<log::kafka::Message> all;
  while (!stream->at_end() && absl::Now() < late) {
    std::vector<log::kafka::Message> some;
    ASSERT_THAT(stream->Poll(std::size_t{1} << 16, absl::Milliseconds(20), &some), IsOk());
    for (log::kafka::Message& message : some) all.push_back(std::move(message));
  }
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kRecords));
  EXPECT_EQ(stream->next(), Offset{kRecords});
  EXPECT_EQ(stream->end(), Offset{kRecords});
}

}  // namespace
}  // namespace commander::test
