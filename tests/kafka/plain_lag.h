// plain_lag.h: how much of a topic a consumer group has left to consume, as an operator asks.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace commander::test {

// Over all `partitions`: the end of the topic less the offset that the group has committed; one
// without a committed offset has consumed nothing.
absl::StatusOr<std::int64_t> LagOf(const std::string& brokers, const std::string& group,
                                   const std::string& topic, int partitions);

}  // namespace commander::test
