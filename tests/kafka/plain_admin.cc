#include "tests/kafka/plain_admin.h"

#include <librdkafka/rdkafka.h>

#include <memory>

namespace commander::test {
namespace {

constexpr int kPatienceMs = 20'000;

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* it) const {
    destroy(it);
  }
};
using Handle = std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;
using Topic = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, Destroy<rd_kafka_NewTopic_destroy>>;
using OldTopic = std::unique_ptr<rd_kafka_DeleteTopic_t, Destroy<rd_kafka_DeleteTopic_destroy>>;

void OnDelivered(rd_kafka_t* /*client*/, const rd_kafka_message_t* message, void* /*opaque*/) {
  *static_cast<rd_kafka_resp_err_t*>(message->_private) = message->err;
}

Handle Client(const std::string& brokers) {
  char why[512];
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), why, sizeof why);
  rd_kafka_conf_set_dr_msg_cb(conf, OnDelivered);
  return Handle(rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why));
}

absl::Status Failed(std::string_view what, rd_kafka_resp_err_t error) {
  return absl::InternalError(std::string(what).append(": ").append(rd_kafka_err2str(error)));
}

absl::Status ResultOf(rd_kafka_event_t* event, const rd_kafka_topic_result_t** results,
                      std::size_t count, std::string_view what) {
  if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Failed(what, rd_kafka_event_error(event));
  }
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed(what, error);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CreateTopic(const std::string& brokers, const std::string& topic, int partitions,
                         const std::vector<std::pair<std::string, std::string>>& settings) {
  const Handle client = Client(brokers);
  char why[512];
  const NewTopic wanted(rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, why, sizeof why));
  for (const auto& [name, value] : settings) {
    rd_kafka_NewTopic_set_config(wanted.get(), name.c_str(), value.c_str());
  }
  const Queue queue(rd_kafka_queue_new(client.get()));
  rd_kafka_NewTopic_t* topics[] = {wanted.get()};
  rd_kafka_CreateTopics(client.get(), topics, 1, nullptr, queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), kPatienceMs));
  if (event == nullptr) return Failed("creating a topic", RD_KAFKA_RESP_ERR__TIMED_OUT);
  std::size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  return ResultOf(event.get(), results, count, "creating a topic");
}

absl::Status DeleteTopics(const std::string& brokers, const std::vector<std::string>& topics) {
  const Handle client = Client(brokers);
  std::vector<OldTopic> old;
  std::vector<rd_kafka_DeleteTopic_t*> each;
  for (const std::string& topic : topics) {
    each.push_back(old.emplace_back(rd_kafka_DeleteTopic_new(topic.c_str())).get());
  }
  const Queue queue(rd_kafka_queue_new(client.get()));
  rd_kafka_DeleteTopics(client.get(), each.data(), each.size(), nullptr, queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), kPatienceMs));
  if (event == nullptr) return Failed("deleting topics", RD_KAFKA_RESP_ERR__TIMED_OUT);
  std::size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
  return ResultOf(event.get(), results, count, "deleting topics");
}

absl::Status ProduceOne(const std::string& brokers, const std::string& topic, int partition,
                        std::string_view key, std::string_view value) {
  const Handle client = Client(brokers);
  const Topic to(rd_kafka_topic_new(client.get(), topic.c_str(), nullptr));
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (rd_kafka_produce(to.get(), partition, RD_KAFKA_MSG_F_COPY, const_cast<char*>(value.data()),
                       value.size(), key.data(), key.size(), &error) != 0) {
    return Failed("producing", rd_kafka_last_error());
  }
  rd_kafka_flush(client.get(), kPatienceMs);
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? absl::OkStatus() : Failed("producing", error);
}

}  // namespace commander::test
