// plain_admin.h: what an operator, or another program, does to a cluster, by librdkafka alone.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/kafka/handles.h"

namespace commander::test {

absl::Status CreateTopic(const std::string& brokers, const std::string& topic, int partitions,
                         const std::vector<std::pair<std::string, std::string>>& settings = {});
// The topic has `partitions` then, more than before.
absl::Status CreatePartitions(const std::string& brokers, const std::string& topic,
                              std::size_t partitions);
absl::Status DeleteTopics(const std::string& brokers, const std::vector<std::string>& topics);
// Replaces all settings of the topic.
absl::Status AlterTopic(const std::string& brokers, const std::string& topic,
                        const std::vector<std::pair<std::string, std::string>>& settings);
absl::Status DeleteRecordsBelow(const std::string& brokers, const std::string& topic, int partition,
                                std::int64_t offset);

// The group's consumed offsets are gone; fails while it has members.
absl::Status DeleteGroup(const std::string& brokers, const std::string& group);

// Whether the broker knows nothing that the group has consumed of the partition.
absl::StatusOr<bool> HasNoOffset(const std::string& brokers, const std::string& group,
                                 const std::string& topic, int partition);

// A transaction of another program that has written one record, and goes on.  The destructor aborts
// it.
class OpenTransaction {
 public:
  static absl::StatusOr<std::unique_ptr<OpenTransaction>> Begin(const std::string& brokers,
                                                                const std::string& topic,
                                                                int partition);
  ~OpenTransaction();
  OpenTransaction(const OpenTransaction&) = delete;
  OpenTransaction& operator=(const OpenTransaction&) = delete;

 private:
  explicit OpenTransaction(Handle client) : client_(std::move(client)) {}
  const Handle client_;
};

// Returns when the broker has it.  RD_KAFKA_PARTITION_UA: where the key belongs, as Kafka's Java
// client has it, by the number of partitions that there are now.
absl::Status ProduceOne(const std::string& brokers, const std::string& topic, int partition,
                        std::string_view key, std::string_view value,
                        std::int64_t timestamp_ms = 0);

}  // namespace commander::test
