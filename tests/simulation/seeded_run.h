// seeded_run.h: what every simulation has: choices that its seed makes, and what is told of it.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace commander::test {

class SeededRun {
 public:
  // What happened, a line each, for people who look for the reason.
  const std::vector<std::string>& story() const { return story_; }
  // How often each thing was done or seen.
  const std::map<std::string, std::size_t>& seen() const { return seen_; }

 protected:
  explicit SeededRun(std::uint64_t seed) : random_(seed) {}
  ~SeededRun() = default;

  std::uint64_t Below(std::uint64_t n) { return random_() % n; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }
  void Count(const std::string& what) { ++seen_[what]; }

  std::mt19937_64 random_;
  std::vector<std::string> broken_;  // a sentence each
  std::vector<std::string> story_;
  std::map<std::string, std::size_t> seen_;
};

}  // namespace commander::test
