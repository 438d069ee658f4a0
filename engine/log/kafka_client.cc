#include "engine/log/kafka_client.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"

namespace commander::log::kafka {
namespace {

using internal::ToAbsl;

// Exactly once stands on these: the log sets them, or leaves them as they are, for a reason.
constexpr std::array kOurs = {"bootstrap.servers",
                              "metadata.broker.list",
                              "transactional.id",
                              "enable.idempotence",
                              "enable.gapless.guarantee",
                              "acks",
                              "request.required.acks",
                              "group.id",
                              "group.instance.id",
                              "partition.assignment.strategy",
                              "isolation.level",
                              "enable.auto.commit",
                              "enable.auto.offset.store",
                              "auto.offset.reset",
                              "enable.partition.eof",
                              "message.max.bytes",
                              "retry.backoff.ms",
                              "max.in.flight",
                              "max.in.flight.requests.per.connection",
                              "retries",
                              "message.send.max.retries",
                              "enabled_events"};

LogLevel LevelOf(int syslog_level) {
  if (syslog_level <= 3) return LogLevel::kError;
  if (syslog_level == 4) return LogLevel::kWarning;
  return syslog_level <= 6 ? LogLevel::kInfo : LogLevel::kDebug;
}

// What a client's callbacks find of ours.
struct Opaque {
  const Cluster* cluster;
  Callbacks callbacks;
};

void OnLine(const rd_kafka_t* client, int level, const char* facility, const char* text) {
  // A property that only producers or only consumers have is given to both.
  if (client == nullptr || std::string_view(facility) == "CONFWARN") return;
  const auto* opaque = static_cast<const Opaque*>(rd_kafka_opaque(client));
  opaque->cluster->Say(LevelOf(level), text,
                       {{"facility", facility}, {"client", rd_kafka_name(client)}});
}

int OnStatistics(rd_kafka_t* client, char* json, std::size_t length, void* opaque) {
  static_cast<const Opaque*>(opaque)->cluster->Say(
      LogLevel::kInfo, "statistics",
      {{"client", rd_kafka_name(client)}, {"json", std::string(json, length)}});
  return 0;  // librdkafka frees it
}

void OnDelivered(rd_kafka_t* /*client*/, const rd_kafka_message_t* message, void* opaque) {
  static_cast<const Opaque*>(opaque)->callbacks.delivered(*message);
}

void OnRebalance(rd_kafka_t* client, rd_kafka_resp_err_t event,
                 rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  static_cast<const Opaque*>(opaque)->callbacks.rebalance(client, event, partitions);
}

absl::Status Set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, 512> why{};
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why.data(), why.size()) ==
      RD_KAFKA_CONF_OK) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("Kafka property ", name, ": ", why.data()));
}

}  // namespace

absl::Status CheckProperties(const Properties& properties) {
  for (const auto& [name, value] : properties) {
    if (std::find(kOurs.begin(), kOurs.end(), name) == kOurs.end()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("Kafka property ", name,
                     " is the log's own: exactly-once delivery stands on it; leave it out"));
  }
  return absl::OkStatus();
}

std::string PropertyOr(const Properties& properties, std::string_view name,
                       std::string_view otherwise) {
  std::string found(otherwise);
  for (const auto& [each, value] : properties) {
    if (each == name) found = value;
  }
  return found;
}

void DestroyClient::operator()(rd_kafka_t* client) const {
  const std::unique_ptr<Opaque> opaque(static_cast<Opaque*>(rd_kafka_opaque(client)));
  rd_kafka_destroy(client);
}

absl::StatusOr<Client> NewClient(rd_kafka_type_t type, const Cluster& cluster,
                                 const Properties& properties, Callbacks callbacks) {
  struct DestroyConf {
    void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
  };
  const std::unique_ptr<rd_kafka_conf_t, DestroyConf> conf(rd_kafka_conf_new());
  Properties all = {
      {"client.id", "commander"},
      // The defaults stay away from a broker that is back for 10 s, and do not notice for 5 minutes
      // that a topic is gone.
      {"reconnect.backoff.max.ms", "500"},
      {"topic.metadata.refresh.interval.ms", absl::StrCat(kMetadataMilliseconds)},
      {"allow.auto.create.topics", "false"},
      {"log.connection.close", "false"},
  };
  if (type == RD_KAFKA_PRODUCER) {
    all.emplace_back("linger.ms", kLingerMilliseconds);
    all.emplace_back("compression.codec", "lz4");
  }
  all.insert(all.end(), cluster.properties.begin(), cluster.properties.end());
  all.insert(all.end(), properties.begin(), properties.end());
  all.emplace_back("bootstrap.servers", cluster.brokers);
  all.emplace_back("message.max.bytes", absl::StrCat(cluster.max_message_bytes));
  if (type == RD_KAFKA_CONSUMER) {
    // Since 2.2: what stops where its queue is full goes on a second later, if nothing is said.
    std::array<char, 512> unknown{};
    rd_kafka_conf_set(conf.get(), "fetch.queue.backoff.ms", "5", unknown.data(), unknown.size());
  }
  for (const auto& [name, value] : all) COMMANDER_RETURN_IF_ERROR(Set(conf.get(), name, value));
  auto opaque = std::make_unique<Opaque>(Opaque{&cluster, std::move(callbacks)});
  rd_kafka_conf_set_opaque(conf.get(), opaque.get());
  rd_kafka_conf_set_log_cb(conf.get(), OnLine);
  rd_kafka_conf_set_stats_cb(conf.get(), OnStatistics);
  if (opaque->callbacks.delivered) rd_kafka_conf_set_dr_msg_cb(conf.get(), OnDelivered);
  if (opaque->callbacks.rebalance) rd_kafka_conf_set_rebalance_cb(conf.get(), OnRebalance);
  rd_kafka_conf_t* const given = rd_kafka_conf_dup(conf.get());  // taken where it succeeds
  std::array<char, 512> why{};
  rd_kafka_t* const client = rd_kafka_new(type, given, why.data(), why.size());
  if (client == nullptr) {
    rd_kafka_conf_destroy(given);
    return absl::InvalidArgumentError(absl::StrCat("Kafka client: ", why.data()));
  }
  (void)opaque.release();  // DestroyClient's from now on
  return Client(client);
}

absl::StatusOr<TopicHandle> NewTopic(rd_kafka_t* client, const std::string& name) {
  rd_kafka_topic_t* const topic = rd_kafka_topic_new(client, name.c_str(), nullptr);
  if (topic == nullptr) return StatusOf(rd_kafka_last_error(), absl::StrCat("topic ", name));
  TopicHandle handle(topic);
  // Otherwise the client learns of the topic with its next timer, up to a second later.  Where this
  // fails the client goes on asking by itself.
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(client, 0, topic, &metadata, Milliseconds(kPatience)) ==
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_metadata_destroy(metadata);
  }
  return handle;
}

absl::StatusOr<rd_kafka_topic_t*> Reader::Topic(const std::string& name) {
  TopicHandle& topic = topics[name];
  if (topic == nullptr) {
    COMMANDER_ASSIGN_OR_RETURN(topic, NewTopic(client.get(), name));
  }
  return topic.get();
}

absl::Status StatusOf(rd_kafka_resp_err_t error, std::string_view what, std::string_view why) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  const std::string message =
      absl::StrCat("Kafka: ", ToAbsl(what), ": ",
                   why.empty() ? absl::string_view(rd_kafka_err2str(error)) : ToAbsl(why), " (",
                   rd_kafka_err2name(error), ")");
  const auto denied = [&](std::string_view rights) {
    return absl::PermissionDeniedError(absl::StrCat(message, "; needed are ", ToAbsl(rights)));
  };
  switch (error) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return denied(
          "READ, WRITE, DESCRIBE and DESCRIBE_CONFIGS on the topic, and CREATE where it is "
          "missing");
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return denied("READ and DESCRIBE on the consumer group, which has the name of the group");
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return denied("WRITE and DESCRIBE on the transactional ids <application>.<group>.0 and .1");
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return denied("IDEMPOTENT_WRITE on the cluster, by brokers before 2.8");
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
      return absl::PermissionDeniedError(message);
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return absl::FailedPreconditionError(
          absl::StrCat(message, "; was it deleted? Open the engine again once it is back"));
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      return absl::OutOfRangeError(message);
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
      return absl::InvalidArgumentError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::Status StatusOf(const rd_kafka_error_t* error, std::string_view what) {
  if (error == nullptr) return absl::OkStatus();
  return StatusOf(rd_kafka_error_code(error), what, rd_kafka_error_string(error));
}

bool IsTransient(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
      return true;
    default:
      return false;
  }
}

}  // namespace commander::log::kafka
