// histories.h: how much of what could be tried is tried.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace commander::test {

// `n` in a plain build, a tenth of it where a sanitizer makes everything slower; times
// the environment variable COMMANDER_TEST_SCALE.
inline std::uint64_t Histories(std::uint64_t n) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  n /= 10;
#endif
  if (const char* scale = std::getenv("COMMANDER_TEST_SCALE")) {
    n = static_cast<std::uint64_t>(static_cast<double>(n) * std::strtod(scale, nullptr));
  }
  return n;
}

// Whether times and numbers that a test shortens are to be those of its case: from
// COMMANDER_TEST_SCALE=10 on.
inline bool AsWritten() { return Histories(100) >= 1000; }

}  // namespace commander::test
