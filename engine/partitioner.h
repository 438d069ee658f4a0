// partitioner.h: which partition a key belongs to.
#pragma once

#include <cstdint>
#include <string_view>

namespace commander::internal {

// murmur2 over the key, as Kafka's Java client does it (org.apache.kafka.common.utils.Utils.murmur2
// and DefaultPartitioner), so that both put a key into the same partition.
std::uint32_t Murmur2(std::string_view key);
inline std::uint16_t PartitionOf(std::string_view key, std::uint16_t partitions) {
  return static_cast<std::uint16_t>((Murmur2(key) & 0x7fffffff) % partitions);
}

}  // namespace commander::internal
