// measure.h: what all benchmarks measure with.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace commander::benchmarks {

// What `errno` says.
[[noreturn]] inline void Fail(const std::string& what) {
  std::perror(what.c_str());
  std::exit(1);
}

inline double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Of this process.
inline double CpuSeconds() {
  rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct LatencyUs {
  double p50 = 0;
  double p99 = 0;
};

// Sorts `us`, which must not be empty.
inline LatencyUs Percentiles(std::vector<double>* us) {
  std::sort(us->begin(), us->end());
  const auto at = [&](double share) {
    return (*us)[std::min(us->size() - 1,
                          static_cast<std::size_t>(share * static_cast<double>(us->size())))];
  };
  return {at(.5), at(.99)};
}

}  // namespace commander::benchmarks
