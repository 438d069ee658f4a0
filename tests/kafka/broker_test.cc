// The broker is there and speaks with librdkafka; one that is killed keeps what it acknowledged.
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/internal/status_macros.h"
#include "tests/kafka/own_broker.h"
#include "tests/kafka/plain_admin.h"
#include "tests/kafka/plain_client.h"
#include "tests/support/status_matchers.h"

namespace commander::test {
namespace {

absl::StatusOr<int> BrokersOf(const std::string& address) {
  COMMANDER_ASSIGN_OR_RETURN(const Handle client, Connect(RD_KAFKA_PRODUCER, address));
  const struct rd_kafka_metadata* found = nullptr;
  COMMANDER_RETURN_IF_ERROR(
      AsStatus("metadata", rd_kafka_metadata(client.get(), 0, nullptr, &found, kPatienceMs)));
  return Metadata(found)->broker_cnt;
}

absl::StatusOr<std::string> FirstValue(const std::string& address, const char* name) {
  COMMANDER_ASSIGN_OR_RETURN(const Handle consumer, Connect(RD_KAFKA_CONSUMER, address));
  const Topic topic(rd_kafka_topic_new(consumer.get(), name, nullptr));
  if (rd_kafka_consume_start(topic.get(), 0, RD_KAFKA_OFFSET_BEGINNING) != 0) {
    return AsStatus(name, rd_kafka_last_error());
  }
  const Message message(rd_kafka_consume(topic.get(), 0, kPatienceMs));
  rd_kafka_consume_stop(topic.get(), 0);
  if (message == nullptr) return absl::DeadlineExceededError("no record arrived");
  COMMANDER_RETURN_IF_ERROR(AsStatus(name, message->err));
  return std::string(static_cast<const char*>(message->payload), message->len);
}

TEST(Broker, AnswersLibrdkafka) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::string address, SharedBroker());
  EXPECT_THAT(BrokersOf(address), IsOkAndHolds(testing::Ge(1)));
}

TEST(Broker, KeepsWhatItAcknowledgedWhenItIsKilled) {
  OwnBroker broker;
  ASSERT_THAT(broker.Start(), IsOk());
  const std::string address = broker.address();
  ASSERT_THAT(CreateTopic(address, "kept", 1), IsOk());
  ASSERT_THAT(ProduceOne(address, "kept", 0, "", "acknowledged"), IsOk());

  ASSERT_THAT(broker.KillHard(), IsOk());
  ASSERT_THAT(broker.Start(), IsOk());
  EXPECT_EQ(broker.address(), address);
  EXPECT_THAT(FirstValue(address, "kept"), IsOkAndHolds("acknowledged"));
}

}  // namespace
}  // namespace commander::test
