// store_conformance.h: what every Store does, as tests to run against each kind.
//
//     class RocksHarness : public StoreHarness { … };
//     INSTANTIATE_TEST_SUITE_P(Rocks, StoreConformanceTest, Values([] { return …; }));
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "store/store.h"

namespace commander::test {

// One "disk" with stores on it.
class StoreHarness {
 public:
  virtual ~StoreHarness() = default;
  // Valid until Crash().
  virtual store::StoreFactory& factory() = 0;
  // What a killed process leaves: stores opened before are of no use any more and must be
  // destroyed before the next is opened, from the new factory().
  virtual void Crash(std::uint64_t seed) = 0;
};

using StoreHarnessMaker = std::function<std::unique_ptr<StoreHarness>()>;

class StoreConformanceTest : public ::testing::TestWithParam<StoreHarnessMaker> {
 protected:
  const std::unique_ptr<StoreHarness> harness_ = GetParam()();
};

}  // namespace commander::test
