// plain_consumer.h: all records of a topic, by librdkafka at read_committed.
#pragma once

#include <librdkafka/rdkafka.h>

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace commander::test {

// Calls `use` for every record from the beginning to the end that is there now, those of a
// partition in order; returns the number of partitions.
//   kNotFound: there is no such topic.  kUnavailable: no broker answers.  And what `use` returns.
absl::StatusOr<int> ReadTopic(const std::string& brokers, const std::string& topic,
                              const std::function<absl::Status(const rd_kafka_message_t&)>& use);

}  // namespace commander::test
