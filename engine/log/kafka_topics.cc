#include "engine/log/kafka_topics.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "commander/internal/status_macros.h"

namespace commander::log::kafka {
namespace {

// Whoever looks looks again.
constexpr absl::Duration kLookPatience = absl::Seconds(2);

using Settings = std::map<std::string, std::string>;

struct DestroyNewTopic {
  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
};
struct DestroyOptions {
  void operator()(rd_kafka_AdminOptions_t* options) const {
    rd_kafka_AdminOptions_destroy(options);
  }
};
struct DestroyResource {
  void operator()(rd_kafka_ConfigResource_t* resource) const {
    rd_kafka_ConfigResource_destroy(resource);
  }
};
struct DestroyMetadata {
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, DestroyMetadata>;

absl::StatusOr<Metadata> MetadataOf(rd_kafka_t* client, const std::string& topic,
                                    absl::Duration patience = kPatience) {
  const TopicHandle handle(rd_kafka_topic_new(client, topic.c_str(), nullptr));
  if (handle == nullptr) return StatusOf(rd_kafka_last_error(), absl::StrCat("topic ", topic));
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(client, 0, handle.get(), &metadata, Milliseconds(patience));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return StatusOf(error, absl::StrCat("asking for topic ", topic));
  }
  return Metadata(metadata);
}

bool IsMissing(const rd_kafka_metadata_topic_t& topic) {
  return topic.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
         topic.err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
}

Settings WantedSettings(const Cluster& cluster, Use use, int replicas) {
  Settings wanted = {{"max.message.bytes", absl::StrCat(cluster.max_message_bytes)}};
  switch (use) {
    case Use::kCommands:
      wanted["cleanup.policy"] = "delete";
      wanted["retention.ms"] = absl::StrCat(absl::ToInt64Milliseconds(absl::Hours(24 * 30)));
      wanted["retention.bytes"] = "-1";
      wanted["message.timestamp.type"] = "LogAppendTime";
      break;
    case Use::kEvents:
      wanted["cleanup.policy"] = "delete";
      wanted["retention.ms"] = "-1";
      wanted["retention.bytes"] = "-1";
      break;
    case Use::kSchemas:
      wanted["cleanup.policy"] = "compact";
      break;
  }
  if (replicas >= 3) wanted["min.insync.replicas"] = "2";
  return wanted;
}

absl::Status Create(rd_kafka_t* client, const Cluster& cluster, const std::string& name, Use use,
                    std::uint16_t partitions, int brokers) {
  const int replicas = std::clamp(brokers, 1, 3);
  char why[512] = {};
  const std::unique_ptr<rd_kafka_NewTopic_t, DestroyNewTopic> topic(
      rd_kafka_NewTopic_new(name.c_str(), partitions, replicas, why, sizeof why));
  if (topic == nullptr) return absl::InvalidArgumentError(absl::StrCat("topic ", name, ": ", why));
  for (const auto& [key, value] : WantedSettings(cluster, use, replicas)) {
    COMMANDER_RETURN_IF_ERROR(
        StatusOf(rd_kafka_NewTopic_set_config(topic.get(), key.c_str(), value.c_str()),
                 absl::StrCat("topic ", name, ", ", key)));
  }
  const std::unique_ptr<rd_kafka_AdminOptions_t, DestroyOptions> options(
      rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS));
  COMMANDER_RETURN_IF_ERROR(StatusOf(rd_kafka_AdminOptions_set_operation_timeout(
                                         options.get(), Milliseconds(kPatience), why, sizeof why),
                                     "creating a topic", why));
  const Queue queue(rd_kafka_queue_new(client));
  rd_kafka_NewTopic_t* topics[] = {topic.get()};
  rd_kafka_CreateTopics(client, topics, 1, options.get(), queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), Milliseconds(2 * kPatience)));
  const std::string what = absl::StrCat("creating topic ", name);
  if (event == nullptr) return StatusOf(RD_KAFKA_RESP_ERR__TIMED_OUT, what);
  if (const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
      error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return StatusOf(error, what, rd_kafka_event_error_string(event.get()));
  }
  std::size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
    if (error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;  // somebody else was faster
    const char* text = rd_kafka_topic_result_error_string(results[i]);
    COMMANDER_RETURN_IF_ERROR(StatusOf(error, what, text == nullptr ? "" : text));
  }
  return absl::OkStatus();
}

absl::StatusOr<Settings> SettingsOf(rd_kafka_t* client, const std::string& name) {
  const std::unique_ptr<rd_kafka_ConfigResource_t, DestroyResource> resource(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
  const Queue queue(rd_kafka_queue_new(client));
  rd_kafka_ConfigResource_t* resources[] = {resource.get()};
  rd_kafka_DescribeConfigs(client, resources, 1, nullptr, queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), Milliseconds(kPatience)));
  const std::string what = absl::StrCat("asking for the settings of topic ", name);
  if (event == nullptr) return StatusOf(RD_KAFKA_RESP_ERR__TIMED_OUT, what);
  if (const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
      error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return StatusOf(error, what, rd_kafka_event_error_string(event.get()));
  }
  std::size_t count = 0;
  const rd_kafka_ConfigResource_t** described = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  Settings settings;
  for (std::size_t i = 0; i < count; ++i) {
    const char* why = rd_kafka_ConfigResource_error_string(described[i]);
    COMMANDER_RETURN_IF_ERROR(
        StatusOf(rd_kafka_ConfigResource_error(described[i]), what, why == nullptr ? "" : why));
    std::size_t entries = 0;
    const rd_kafka_ConfigEntry_t** entry = rd_kafka_ConfigResource_configs(described[i], &entries);
    for (std::size_t k = 0; k < entries; ++k) {
      const char* value = rd_kafka_ConfigEntry_value(entry[k]);
      settings[rd_kafka_ConfigEntry_name(entry[k])] = value == nullptr ? "" : value;
    }
  }
  return settings;
}

struct WrongSettings {
  std::vector<std::string> told;   // "name=value (it is …)"
  std::vector<std::string> right;  // "name=value"
};

// What is there may keep more and larger records than asked, never fewer.
WrongSettings WhatIsWrong(const Cluster& cluster, Use use, const Settings& there) {
  const auto value = [&](const char* name) {
    const auto at = there.find(name);
    return at == there.end() ? std::string() : at->second;
  };
  WrongSettings wrong;
  const auto demand = [&](const char* name, bool fine, const std::string& wanted) {
    if (fine) return;
    wrong.right.push_back(absl::StrCat(name, "=", wanted));
    wrong.told.push_back(absl::StrCat(wrong.right.back(), " (it is ", value(name), ")"));
  };
  std::int64_t bytes = 0;
  demand("max.message.bytes",
         absl::SimpleAtoi(value("max.message.bytes"), &bytes) &&
             bytes >= static_cast<std::int64_t>(cluster.max_message_bytes),
         absl::StrCat(cluster.max_message_bytes));
  const bool compacted = absl::StrContains(value("cleanup.policy"), "compact");
  switch (use) {
    case Use::kCommands:
      demand("cleanup.policy", !compacted, "delete");
      demand("message.timestamp.type", value("message.timestamp.type") == "LogAppendTime",
             "LogAppendTime");
      break;
    case Use::kEvents:
      demand("cleanup.policy", !compacted, "delete");
      demand("retention.ms", value("retention.ms") == "-1", "-1");
      demand("retention.bytes", value("retention.bytes") == "-1", "-1");
      break;
    case Use::kSchemas:
      demand("cleanup.policy",
             value("cleanup.policy") == "compact" ||
                 (!compacted && value("retention.ms") == "-1" && value("retention.bytes") == "-1"),
             "compact");
      break;
  }
  return wrong;
}

}  // namespace

absl::Status EnsureTopic(rd_kafka_t* client, const Cluster& cluster, const std::string& name,
                         Use use, std::uint16_t partitions) {
  const absl::Time deadline = absl::Now() + 3 * kPatience;
  bool created = false;
  while (true) {
    COMMANDER_ASSIGN_OR_RETURN(const Metadata metadata, MetadataOf(client, name));
    const rd_kafka_metadata_topic_t& topic = metadata->topics[0];
    bool led = topic.err == RD_KAFKA_RESP_ERR_NO_ERROR && topic.partition_cnt > 0;
    for (int i = 0; led && i < topic.partition_cnt; ++i) led = topic.partitions[i].leader >= 0;
    if (led) {
      if (topic.partition_cnt != partitions) {
        return absl::FailedPreconditionError(absl::StrCat(
            "topic ", name, " has ", topic.partition_cnt, " partitions, this program asks for ",
            partitions,
            ": a key's partition depends on their number, which cannot change under a group; open "
            "with ",
            topic.partition_cnt,
            " partitions where the topic was made with them, else with topics of another name"));
      }
      break;
    }
    const bool missing = IsMissing(topic);
    if (missing && !created) {
      COMMANDER_RETURN_IF_ERROR(
          Create(client, cluster, name, use, partitions, metadata->broker_cnt));
      created = true;
      continue;
    }
    if (!missing && topic.err != RD_KAFKA_RESP_ERR_NO_ERROR && !IsTransient(topic.err)) {
      return StatusOf(topic.err, absl::StrCat("topic ", name));
    }
    if (absl::Now() > deadline) {
      return absl::UnavailableError(
          absl::StrCat("Kafka: topic ", name, " has partitions without a leader"));
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
  COMMANDER_ASSIGN_OR_RETURN(const Settings there, SettingsOf(client, name));
  const WrongSettings wrong = WhatIsWrong(cluster, use, there);
  if (wrong.told.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("topic ", name, " must have ", absl::StrJoin(wrong.told, ", "),
                   "; kafka-configs.sh --bootstrap-server ", cluster.brokers,
                   " --alter --entity-type topics --entity-name ", name, " --add-config ",
                   absl::StrJoin(wrong.right, ","),
                   " changes it (with --command-config where the cluster is secured)"));
}

absl::StatusOr<int> CountPartitions(rd_kafka_t* client, const std::string& name) {
  COMMANDER_ASSIGN_OR_RETURN(const Metadata metadata, MetadataOf(client, name, kLookPatience));
  const rd_kafka_metadata_topic_t& topic = metadata->topics[0];
  if (IsMissing(topic)) return 0;
  COMMANDER_RETURN_IF_ERROR(StatusOf(topic.err, absl::StrCat("topic ", name)));
  return topic.partition_cnt;
}

absl::StatusOr<std::string> ClusterId(rd_kafka_t* client) {
  struct Free {
    rd_kafka_t* client;
    void operator()(char* text) const { rd_kafka_mem_free(client, text); }
  };
  const std::unique_ptr<char, Free> id(rd_kafka_clusterid(client, Milliseconds(kPatience)),
                                       Free{client});
  if (id == nullptr) {
    return absl::UnavailableError(
        "Kafka: no broker answers, or the cluster has no id; check EngineOptions.brokers, and "
        "security.protocol, sasl.* and ssl.* of kafka_properties: what librdkafka says of it comes "
        "to EngineOptions.log_sink");
  }
  return std::string(id.get());
}

LogId IdOfCluster(const std::string& cluster_id) {
  LogId id;
  std::string bytes;
  if (absl::WebSafeBase64Unescape(cluster_id, &bytes) && bytes.size() == id.size()) {
    std::memcpy(id.data(), bytes.data(), id.size());
  } else {
    const XXH128_hash_t hash = XXH3_128bits(cluster_id.data(), cluster_id.size());
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    std::memcpy(id.data(), canonical.digest, id.size());
  }
  return id;
}

}  // namespace commander::log::kafka
