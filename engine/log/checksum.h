// checksum.h: XXH3-64 (libxxhash), the checksum of everything that the log stores.
#pragma once

#include <cstddef>
#include <cstdint>

namespace commander::log {

std::uint64_t ChecksumOf(const void* data, std::size_t bytes, std::uint64_t seed = 0);

// The same of bytes that come in pieces.
class Checksum {
 public:
  explicit Checksum(std::uint64_t seed);
  Checksum(const Checksum&) = delete;
  Checksum& operator=(const Checksum&) = delete;

  void Add(const void* data, std::size_t bytes);
  std::uint64_t Get() const;

 private:
  // Holds an XXH3_state_t, so that xxhash.h stays out of headers.
  alignas(64) std::byte state_[576];
};

}  // namespace commander::log
