// A projection of a process that is killed at any moment: it folds every event once, however slow
// the commit of some was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/process/deposits.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::test {
namespace {

using ::testing::IsEmpty;

TEST(VisibilityTest, AProjectionSeesEveryDepositOnce) {
  const TempDir dir;
  Deposits deposits({.data = dir / "data"});
  for (std::uint64_t left = DepositDeaths(); left > 0; --left) {
    ASSERT_THAT(deposits.LiveAndDie(left - 1), IsOk()) << "seed " << deposits.seed();
  }
  ASSERT_THAT(deposits.Live(), IsOk());
  EXPECT_THAT(deposits.WrongRows(), IsEmpty()) << "seed " << deposits.seed();

  ASSERT_THAT(deposits.Rebuild(), IsOk());
  EXPECT_THAT(deposits.WrongRows(), IsEmpty());
}

}  // namespace
}  // namespace commander::test
