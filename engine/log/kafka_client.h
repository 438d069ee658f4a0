// kafka_client.h: librdkafka's clients, their settings, errors and messages.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "commander/log_sink.h"

namespace commander::log::kafka {

using Properties = std::vector<std::pair<std::string, std::string>>;

// What all clients of a log have in common.  Must outlive them.
struct Cluster {
  std::string brokers;
  Properties properties;  // the user's
  std::size_t max_message_bytes = 0;
  LogSink sink;

  void Say(LogLevel level, std::string message, Properties fields = {}) const {
    if (sink) sink({level, "kafka", std::move(message), std::move(fields)});
  }
};

// How long an answer of the cluster is waited for.
inline constexpr absl::Duration kPatience = absl::Seconds(10);
// linger.ms, unless the user says otherwise.
inline constexpr char kLingerMilliseconds[] = "1";
// topic.metadata.refresh.interval.ms, unless the user says otherwise.
inline constexpr int kMetadataMilliseconds = 10'000;

// kInvalidArgument: the user may not set one of them, since the protocol stands on it.
absl::Status CheckProperties(const Properties& properties);
// The value that the user gave, or `otherwise`.
std::string PropertyOr(const Properties& properties, std::string_view name,
                       std::string_view otherwise);

// Of a client whose statistics nobody takes: they would pile up.
inline const Properties kUnserved = {{"statistics.interval.ms", "0"}};

struct DestroyClient {
  void operator()(rd_kafka_t* client) const;
};
using Client = std::unique_ptr<rd_kafka_t, DestroyClient>;
struct DestroyTopic {
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
using TopicHandle = std::unique_ptr<rd_kafka_topic_t, DestroyTopic>;
struct DestroyQueue {
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};
using Queue = std::unique_ptr<rd_kafka_queue_t, DestroyQueue>;
struct DestroyEvent {
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};
using Event = std::unique_ptr<rd_kafka_event_t, DestroyEvent>;
struct DestroyMessage {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using Message = std::unique_ptr<rd_kafka_message_t, DestroyMessage>;
struct DestroyList {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t, DestroyList>;
struct DestroyError {
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
};
using Error = std::unique_ptr<rd_kafka_error_t, DestroyError>;

// Called by whoever polls the client.
struct Callbacks {
  std::function<void(const rd_kafka_message_t&)> delivered;
  std::function<void(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*)> rebalance;
};

// The user's properties, then ours: `properties` and those that every client has.
//   kInvalidArgument: librdkafka refuses one; the message names it.
absl::StatusOr<Client> NewClient(rd_kafka_type_t type, const Cluster& cluster,
                                 const Properties& properties, Callbacks callbacks = {});
// A client, and the topics that it has been asked for.  Not thread-safe.
struct Reader {
  Client client;
  std::map<std::string, TopicHandle> topics;
  // Streams that are open, each of which has a request under way most of the time.
  std::atomic<int> streams{0};

  // Asks a broker for the topic the first time.
  absl::StatusOr<rd_kafka_topic_t*> Topic(const std::string& name);
};

// The client knows the topic's partitions when it returns, if a broker answers in time.
absl::StatusOr<TopicHandle> NewTopic(rd_kafka_t* client, const std::string& name);

// What an error of librdkafka or of a broker means to us; `what` says what was tried.
absl::Status StatusOf(rd_kafka_resp_err_t error, std::string_view what, std::string_view why = {});
absl::Status StatusOf(const rd_kafka_error_t* error, std::string_view what);
// It may pass: to be tried again.
bool IsTransient(rd_kafka_resp_err_t error);

inline int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

}  // namespace commander::log::kafka
