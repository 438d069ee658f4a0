// The broker is there and speaks with librdkafka; one that is killed keeps what it acknowledged.
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/kafka/handles.h"
#include "tests/kafka/own_broker.h"
#include "tests/kafka/plain_admin.h"
#include "tests/support/status_matchers.h"

namespace commander::test {
namespace {

constexpr int kPatienceMs = 30'000;

absl::Status AsStatus(rd_kafka_resp_err_t error) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  return absl::InternalError(rd_kafka_err2str(error));
}

void Delivered(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  *static_cast<rd_kafka_resp_err_t*>(message->_private) = message->err;
}

Handle Connect(rd_kafka_type_t type, const std::string& address) {
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  char why[512];
  EXPECT_EQ(rd_kafka_conf_set(conf, "bootstrap.servers", address.c_str(), why, sizeof why),
            RD_KAFKA_CONF_OK)
      << why;
  rd_kafka_conf_set_dr_msg_cb(conf, Delivered);
  Handle handle(rd_kafka_new(type, conf, why, sizeof why));
  EXPECT_NE(handle, nullptr) << why;
  return handle;
}

absl::StatusOr<int> BrokersOf(const std::string& address) {
  const Handle client = Connect(RD_KAFKA_PRODUCER, address);
  const struct rd_kafka_metadata* found = nullptr;
  const absl::Status status =
      AsStatus(rd_kafka_metadata(client.get(), 0, nullptr, &found, kPatienceMs));
  if (!status.ok()) return status;
  return Metadata(found)->broker_cnt;
}

// To partition 0; returns when the broker has acknowledged it.
absl::Status Produce(const std::string& address, const char* name, std::string value) {
  const Handle producer = Connect(RD_KAFKA_PRODUCER, address);
  const Topic topic(rd_kafka_topic_new(producer.get(), name, nullptr));
  auto result = RD_KAFKA_RESP_ERR__IN_PROGRESS;
  if (rd_kafka_produce(topic.get(), 0, RD_KAFKA_MSG_F_COPY, value.data(), value.size(), nullptr, 0,
                       &result) != 0) {
    return AsStatus(rd_kafka_last_error());
  }
  rd_kafka_flush(producer.get(), kPatienceMs);
  return AsStatus(result);
}

absl::StatusOr<std::string> FirstValue(const std::string& address, const char* name) {
  const Handle consumer = Connect(RD_KAFKA_CONSUMER, address);
  const Topic topic(rd_kafka_topic_new(consumer.get(), name, nullptr));
  if (rd_kafka_consume_start(topic.get(), 0, RD_KAFKA_OFFSET_BEGINNING) != 0) {
    return AsStatus(rd_kafka_last_error());
  }
  const Message message(rd_kafka_consume(topic.get(), 0, kPatienceMs));
  rd_kafka_consume_stop(topic.get(), 0);
  if (message == nullptr) return absl::DeadlineExceededError("no record arrived");
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return AsStatus(message->err);
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
  ASSERT_THAT(Produce(address, "kept", "acknowledged"), IsOk());

  ASSERT_THAT(broker.KillHard(), IsOk());
  ASSERT_THAT(broker.Start(), IsOk());
  EXPECT_EQ(broker.address(), address);
  EXPECT_THAT(FirstValue(address, "kept"), IsOkAndHolds("acknowledged"));
}

}  // namespace
}  // namespace commander::test
