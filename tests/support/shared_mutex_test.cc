#include "commander/internal/shared_mutex.h"

#include <gtest/gtest.h>

namespace commander::internal {
namespace {

TEST(SharedMutexDeathTest, NobodyGoesOnWithoutTheLock) {
  SharedMutex mutex;
  // The lock knows its writer by the thread, which is another one in the child.
  EXPECT_DEATH((mutex.lock(), mutex.lock()), "");
  EXPECT_DEATH((mutex.lock(), mutex.lock_shared()), "");
}

}  // namespace
}  // namespace commander::internal
