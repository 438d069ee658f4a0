#include "engine/log/checksum.h"

#include <xxhash.h>

#include <new>

namespace commander::log {
namespace {

XXH3_state_t* StateIn(std::byte* bytes) {
  return std::launder(reinterpret_cast<XXH3_state_t*>(bytes));
}
const XXH3_state_t* StateIn(const std::byte* bytes) {
  return std::launder(reinterpret_cast<const XXH3_state_t*>(bytes));
}

}  // namespace

std::uint64_t ChecksumOf(const void* data, std::size_t bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(data, bytes, seed);
}

Checksum::Checksum(std::uint64_t seed) {
  static_assert(sizeof(XXH3_state_t) <= sizeof state_ && alignof(XXH3_state_t) <= 64);
  // Zeroed: a reset makes the secret of its seed only where the state holds another seed.
  XXH3_64bits_reset_withSeed(new (state_) XXH3_state_t{}, seed);
}

void Checksum::Add(const void* data, std::size_t bytes) {
  XXH3_64bits_update(StateIn(state_), data, bytes);
}

std::uint64_t Checksum::Get() const { return XXH3_64bits_digest(StateIn(state_)); }

}  // namespace commander::log
