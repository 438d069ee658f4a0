// Writes the seeds of a fuzzer into the directory COMMANDER_FUZZ_SEEDS, before libFuzzer reads it.
#include <cstdlib>
#include <fstream>

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* const directory = std::getenv("COMMANDER_FUZZ_SEEDS");
  if (directory == nullptr) return 0;
  int number = 0;
  for (const std::string& seed : commander::test::FuzzSeeds()) {
    std::ofstream(std::string(directory) + "/seed-" + std::to_string(number++), std::ios::binary)
        << seed;
  }
  return 0;
}
