// plain_producer.h: a producer of another program, by librdkafka alone.
//
//     COMMANDER_ASSERT_OK_AND_ASSIGN(auto producer, PlainProducer::Open(brokers));
//     COMMANDER_ASSERT_OK_AND_ASSIGN(const int partition, producer->Send(topic, "key", value));
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/kafka/handles.h"

namespace commander::test {

// One thread uses it.
class PlainProducer {
 public:
  // `properties`: as kcat's -X; without any, all is as librdkafka has it by default.
  static absl::StatusOr<std::unique_ptr<PlainProducer>> Open(
      const std::string& brokers,
      const std::vector<std::pair<std::string, std::string>>& properties = {});

  // The partition that its partitioner chose, when the broker has the record.  No key is not an
  // empty one.
  absl::StatusOr<int> Send(const std::string& topic, std::optional<std::string_view> key,
                           std::string_view value);

 private:
  explicit PlainProducer(Handle client) : client_(std::move(client)) {}
  const Handle client_;
};

}  // namespace commander::test
