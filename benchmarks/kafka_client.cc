#include "benchmarks/kafka_client.h"

#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "benchmarks/kafka_topics.h"

namespace commander::benchmarks {
namespace {

constexpr int kPatienceMs = 30'000;

void Delivered(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  KafkaCheck("delivery", message->err);
}

}  // namespace

void KafkaFail(const std::string& what, const std::string& why) {
  std::fprintf(stderr, "kafka: %s: %s\n", what.c_str(), why.c_str());
  std::exit(1);
}

void KafkaCheck(const std::string& what, rd_kafka_resp_err_t error) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) KafkaFail(what, rd_kafka_err2str(error));
}

void KafkaCheck(const std::string& what, rd_kafka_error_t* error) {
  if (error != nullptr) KafkaFail(what, rd_kafka_error_string(error));
}

KafkaHandle ConnectKafka(rd_kafka_type_t type, const std::string& brokers,
                         const KafkaProperties& properties) {
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  char why[512];
  const auto set = [&](const std::string& name, const std::string& value) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK) {
      KafkaFail(name, why);
    }
  };
  set("bootstrap.servers", brokers);
  for (const auto& [name, value] : properties) set(name, value);
  // Without one, a commit waits in steps of 10 ms.
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf, Delivered);
  KafkaHandle handle(rd_kafka_new(type, conf, why, sizeof why));
  if (handle == nullptr) KafkaFail("client", why);
  return handle;
}

void CreateKafkaTopic(const std::string& brokers, const std::string& name, int partitions) {
  const KafkaHandle client = ConnectKafka(RD_KAFKA_PRODUCER, brokers, {});
  const KafkaQueue queue(rd_kafka_queue_new(client.get()));
  rd_kafka_NewTopic_t* topic = rd_kafka_NewTopic_new(name.c_str(), partitions, 1, nullptr, 0);
  rd_kafka_CreateTopics(client.get(), &topic, 1, nullptr, queue.get());
  rd_kafka_NewTopic_destroy(topic);
  const KafkaEvent event(rd_kafka_queue_poll(queue.get(), kPatienceMs));
  if (event == nullptr) KafkaFail("topic " + name, "no answer from " + brokers);
  KafkaCheck("topic " + name, rd_kafka_event_error(event.get()));
  std::size_t count = 0;
  const auto* const topics =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    KafkaCheck("topic " + name, rd_kafka_topic_result_error(topics[i]));
  }
}

void DeleteKafkaTopics(const std::string& brokers, const std::vector<std::string>& names) {
  const KafkaHandle client = ConnectKafka(RD_KAFKA_PRODUCER, brokers, {});
  const KafkaQueue queue(rd_kafka_queue_new(client.get()));
  std::vector<rd_kafka_DeleteTopic_t*> topics;
  for (const std::string& name : names) topics.push_back(rd_kafka_DeleteTopic_new(name.c_str()));
  rd_kafka_DeleteTopics(client.get(), topics.data(), topics.size(), nullptr, queue.get());
  rd_kafka_DeleteTopic_destroy_array(topics.data(), topics.size());
  const KafkaEvent event(rd_kafka_queue_poll(queue.get(), kPatienceMs));
  if (event == nullptr || rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    std::fprintf(stderr, "kafka: topics of the benchmark stay on %s: %s\n", brokers.c_str(),
                 event == nullptr ? "no answer" : rd_kafka_event_error_string(event.get()));
    return;
  }
  std::size_t count = 0;
  const auto* const deleted =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(deleted[i]);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
      continue;
    }
    std::fprintf(stderr, "kafka: topic %s stays: %s\n", rd_kafka_topic_result_name(deleted[i]),
                 rd_kafka_err2str(error));
  }
}

}  // namespace commander::benchmarks
