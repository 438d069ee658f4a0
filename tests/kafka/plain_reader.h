// plain_reader.h: what a group's topics hold, as any consumer at read_committed reads them.
//
//     COMMANDER_ASSERT_OK_AND_ASSIGN(const auto log, PlainReader::Read(brokers, "shop", "orders"));
//     COMMANDER_ASSERT_OK_AND_ASSIGN(const GroupHistory history, ReadGroup(*log, "orders", false));
//
// Shares no code with the log on Kafka that it is to judge.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/log/log.h"

namespace commander::test {

// A copy of what was there when it was made: topics 1, commands, and 2, events, and the schemas.
class PlainReader final : public log::LogReader {
 public:
  // Blocks until it has read to the end of each partition.
  //   kNotFound: a topic is not there.  kUnavailable: no broker answers.
  static absl::StatusOr<std::unique_ptr<PlainReader>> Read(const std::string& brokers,
                                                           const std::string& application,
                                                           const std::string& group);

  log::LogId id() const override { return {}; }
  absl::StatusOr<std::vector<log::TopicInfo>> Topics() override { return topics_; }
  absl::StatusOr<std::vector<log::Schema>> Schemas() override { return schemas_; }
  absl::StatusOr<Offset> Begin(log::TopicPartition) override { return Offset{0}; }
  // Behind the last record.
  absl::StatusOr<Offset> End(log::TopicPartition partition) override;
  absl::StatusOr<Offset> Poll(log::TopicPartition partition, Offset from, std::size_t max_bytes,
                              std::vector<log::Record>* out) override;
  absl::StatusOr<log::Record> Read(log::TopicPartition partition, Offset offset) override;
  absl::StatusOr<std::optional<log::Record>> ReadLast(log::TopicPartition partition) override;

 private:
  using Records = std::vector<log::Record>;  // of a partition, in order

  PlainReader() = default;
  absl::Status AddTopic(const std::string& brokers, const std::string& name, log::TopicKind kind);
  absl::Status AddSchemas(const std::string& brokers, const std::string& topic);
  const Records& At(log::TopicPartition partition) const;

  std::vector<log::TopicInfo> topics_;
  std::vector<log::Schema> schemas_;
  std::array<std::vector<Records>, 2> records_;  // by topic and partition
};

}  // namespace commander::test
