// log_prefix.h: whether the log still begins with the bytes that it had.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "tools/demo/kafka_records.h"

namespace commander::demo {

// The segments of a log, as they were at one time; on Kafka, the records of its partitions.
struct LogBytes {
  struct Segment {
    std::uint64_t bytes = 0;  // without the zeros that are laid down for more
    std::uint64_t hash = 0;   // XXH3-64, of a record's place, too
  };
  std::map<std::string, Segment> segments;  // by file name, or partition
  std::uint64_t bytes = 0;                  // of all
};

// Of a data directory that no engine has open, or of the topics on Kafka.
absl::StatusOr<LogBytes> ReadLogBytes(const std::string& data);
absl::StatusOr<LogBytes> ReadLogBytes(const KafkaRecords& records);

// Whether every segment of `before` is there and begins with the same bytes.
absl::StatusOr<bool> BeginsWith(const std::string& data, const LogBytes& before);
absl::StatusOr<bool> BeginsWith(const KafkaRecords& records, const LogBytes& before);

}  // namespace commander::demo
