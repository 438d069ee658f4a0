// Whole systems from seeds (seeds.h).
#include "tests/simulation/simulation.h"

#include "tests/simulation/personal_simulation.h"
#include "tests/simulation/seeds.h"

namespace commander::test {
namespace {

TEST(SimulationTest, KeepsItsPromisesWhateverHappens) { RunSeeds<Simulation>(200); }

TEST(SimulationTest, KeepsItsPromisesToPeopleWhateverHappens) { RunSeeds<PersonalSimulation>(200); }

}  // namespace
}  // namespace commander::test
