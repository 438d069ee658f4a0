// kafka_client.h: librdkafka as the benchmarks use it.  What fails ends the program.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace commander::benchmarks {

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* it) const {
    destroy(it);
  }
};
using KafkaHandle = std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>>;
using KafkaTopic = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using KafkaEvent = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;
using KafkaMessage = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;
using KafkaPartitions = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                        Destroy<rd_kafka_topic_partition_list_destroy>>;
using KafkaGroup = std::unique_ptr<rd_kafka_consumer_group_metadata_t,
                                   Destroy<rd_kafka_consumer_group_metadata_destroy>>;

using KafkaProperties = std::vector<std::pair<std::string, std::string>>;

[[noreturn]] void KafkaFail(const std::string& what, const std::string& why);
void KafkaCheck(const std::string& what, rd_kafka_resp_err_t error);
void KafkaCheck(const std::string& what, rd_kafka_error_t* error);  // destroys it

KafkaHandle ConnectKafka(rd_kafka_type_t type, const std::string& brokers,
                         const KafkaProperties& properties);

void CreateKafkaTopic(const std::string& brokers, const std::string& name, int partitions);

}  // namespace commander::benchmarks
