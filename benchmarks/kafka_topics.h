// kafka_topics.h: what a benchmark on a broker leaves behind, removed.
#pragma once

#include <string>
#include <vector>

namespace commander::benchmarks {

// Those of `names` that are there.  Says what went wrong, and goes on.
void DeleteKafkaTopics(const std::string& brokers, const std::vector<std::string>& names);

}  // namespace commander::benchmarks
