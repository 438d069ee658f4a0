// kafka_records.h: what the demo has on Apache Kafka: how its topics are named, and all that stands
// in them, as anybody reads it who may read the topics.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/position.h"
#include "engine/log/log.h"

namespace commander::demo {

// The application of a data directory: written into it by the first call, so that another data
// directory has other topics.
absl::StatusOr<std::string> KafkaApplication(const std::string& data);
// Its group.
std::string KafkaGroup(const std::string& application);

struct KafkaRecords {
  std::string brokers;
  std::string application;
  bool ledger = true;  // it has one, too
};

// Every record from the beginning to the end that is there now: those of a partition, "topic[0]",
// in their order.  The words are valid within the call.
using UseRecord =
    std::function<void(const std::string& partition, Offset, std::span<const log::Word>)>;
absl::Status ForEachRecord(const KafkaRecords& records, const UseRecord& use);

}  // namespace commander::demo
