#include "tests/kafka/plain_consumer.h"

#include <cstdlib>
#include <memory>

#include "commander/internal/status_macros.h"
#include "tests/kafka/plain_client.h"

namespace commander::test {
namespace {

absl::StatusOr<Handle> Consumer(const std::string& brokers) {
  const char* const group = std::getenv("TEST_KAFKA_CONSUME_GROUP");  // has no member
  COMMANDER_ASSIGN_OR_RETURN(Handle consumer,
                             Connect(RD_KAFKA_CONSUMER, brokers,
                                     {{"group.id", group == nullptr ? "plain-reader" : group},
                                      {"isolation.level", "read_committed"},
                                      {"enable.auto.commit", "false"},
                                      {"enable.partition.eof", "true"},
                                      {"auto.offset.reset", "error"}}));
  rd_kafka_poll_set_consumer(consumer.get());
  return consumer;
}

absl::StatusOr<int> CountPartitions(rd_kafka_t* client, const std::string& name) {
  const Topic topic(rd_kafka_topic_new(client, name.c_str(), nullptr));
  const struct rd_kafka_metadata* found = nullptr;
  COMMANDER_RETURN_IF_ERROR(
      AsStatus(name, rd_kafka_metadata(client, 0, topic.get(), &found, kPatienceMs)));
  const Metadata metadata(found);
  COMMANDER_RETURN_IF_ERROR(AsStatus(name, metadata->topics[0].err));
  return metadata->topics[0].partition_cnt;
}

}  // namespace

absl::StatusOr<int> ReadTopic(const std::string& brokers, const std::string& topic,
                              const std::function<absl::Status(const rd_kafka_message_t&)>& use) {
  COMMANDER_ASSIGN_OR_RETURN(const Handle consumer, Consumer(brokers));
  COMMANDER_ASSIGN_OR_RETURN(const int count, CountPartitions(consumer.get(), topic));
  const Partitions all(rd_kafka_topic_partition_list_new(count));
  for (int p = 0; p < count; ++p) {
    rd_kafka_topic_partition_list_add(all.get(), topic.c_str(), p)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
  }
  COMMANDER_RETURN_IF_ERROR(AsStatus(topic, rd_kafka_assign(consumer.get(), all.get())));
  for (int left = count; left > 0;) {
    const Message message(rd_kafka_consumer_poll(consumer.get(), kPatienceMs));
    if (message == nullptr) return absl::UnavailableError(topic + ": nothing comes, not even ends");
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      --left;
      // Its end may be reached again.
      const Partitions ended(rd_kafka_topic_partition_list_new(1));
      rd_kafka_topic_partition_list_add(ended.get(), topic.c_str(), message->partition);
      COMMANDER_RETURN_IF_ERROR(
          AsStatus(topic, rd_kafka_pause_partitions(consumer.get(), ended.get())));
      continue;
    }
    COMMANDER_RETURN_IF_ERROR(AsStatus(topic, message->err));
    COMMANDER_RETURN_IF_ERROR(use(*message));
  }
  return count;
}

}  // namespace commander::test
