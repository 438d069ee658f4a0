// Whole systems from seeds.  COMMANDER_SIM_SEED=n runs that one and tells its story,
// COMMANDER_SIM_SEED=n..m runs all of them.
#include "tests/simulation/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

namespace commander::test {
namespace {

using ::testing::IsEmpty;

constexpr std::uint64_t kSeeds = 200;

struct Seeds {
  std::uint64_t first = 1;
  std::uint64_t last = kSeeds;
};

Seeds WantedSeeds() {
  const char* text = std::getenv("COMMANDER_SIM_SEED");
  if (text == nullptr) return {};
  char* end = nullptr;
  Seeds seeds;
  seeds.first = seeds.last = std::strtoull(text, &end, 10);
  if (std::string(end).starts_with("..")) seeds.last = std::strtoull(end + 2, nullptr, 10);
  return seeds;
}

TEST(SimulationTest, KeepsItsPromisesWhateverHappens) {
  const Seeds seeds = WantedSeeds();
  std::map<std::string, std::size_t> seen;
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    Simulation simulation(seed);
    const std::vector<std::string> broken = simulation.Run();
    if (seeds.first == seeds.last) {
      for (const std::string& line : simulation.story()) std::cerr << line << "\n";
    }
    for (const auto& [what, times] : simulation.seen()) seen[what] += times;
    EXPECT_THAT(broken, IsEmpty())
        << "seed " << seed << "; again, with its story: COMMANDER_SIM_SEED=" << seed << " "
        << COMMANDER_BIN_DIR << "/simulation_test --gtest_filter=SimulationTest.Keeps*";
  }
  for (const auto& [what, times] : seen) std::cerr << what << ": " << times << "\n";
}

}  // namespace
}  // namespace commander::test
