// little_endian.h: numbers as the stored formats hold them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace commander::crypto {

template <typename Number>
void StoreLittle(Number value, std::uint8_t* out) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    out[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
}

template <typename Number>
Number LoadLittle(const std::uint8_t* in) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) value |= std::uint64_t{in[i]} << (8 * i);
  return static_cast<Number>(value);
}

}  // namespace commander::crypto
