// kafka_topics.h: topics of a cluster: made where they are missing, checked where they are there.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/log/kafka_client.h"
#include "engine/log/log.h"

namespace commander::log::kafka {

enum class Use {
  kCommands,  // 30 days, LogAppendTime: the time a command arrived is the broker's
  kEvents,    // kept for ever, and ledgers
  kSchemas,   // compacted
};

// Creates the topic, or checks the one that is there, and waits until its partitions have leaders.
// Blocks on the cluster.
//   kFailedPrecondition: it is there with other partitions, or with settings that would lose
//                        records; they are named, with the command that changes them.
absl::Status EnsureTopic(rd_kafka_t* client, const Cluster& cluster, const std::string& name,
                         Use use, std::uint16_t partitions);

// How many the topic has now; 0: there is none of this name.  Blocks on the cluster, for 2 s at
// most.
absl::StatusOr<int> CountPartitions(rd_kafka_t* client, const std::string& name);

// The cluster's id, as Kafka writes it.
absl::StatusOr<std::string> ClusterId(rd_kafka_t* client);
// As 16 bytes: those of the UUID that Kafka makes, else a hash.
LogId IdOfCluster(const std::string& cluster_id);

}  // namespace commander::log::kafka
