// seeds.h: which simulations to run: COMMANDER_SIM_SEED=n runs that one and tells its story,
// COMMANDER_SIM_SEED=n..m runs all of them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace commander::test {

// Returns how often each thing was done or seen; nothing where the seeds were asked for.
template <class System>
std::map<std::string, std::size_t> RunSeeds(std::uint64_t seeds) {
  const auto* const test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::uint64_t first = 1;
  std::uint64_t last = seeds;
  if (const char* text = std::getenv("COMMANDER_SIM_SEED"); text != nullptr) {
    char* end = nullptr;
    first = last = std::strtoull(text, &end, 10);
    if (std::string(end).starts_with("..")) last = std::strtoull(end + 2, nullptr, 10);
  }
  std::map<std::string, std::size_t> seen;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    System simulation(seed);
    const std::vector<std::string> broken = simulation.Run();
    if (first == last) {
      for (const std::string& line : simulation.story()) std::cerr << line << "\n";
    }
    for (const auto& [what, times] : simulation.seen()) seen[what] += times;
    EXPECT_THAT(broken, ::testing::IsEmpty())
        << "seed " << seed << "; again, with its story: COMMANDER_SIM_SEED=" << seed << " "
        << COMMANDER_BIN_DIR << "/simulation_test --gtest_filter=" << test->test_suite_name() << "."
        << test->name();
  }
  for (const auto& [what, times] : seen) std::cerr << what << ": " << times << "\n";
  return std::getenv("COMMANDER_SIM_SEED") == nullptr ? seen : std::map<std::string, std::size_t>();
}

}  // namespace commander::test
