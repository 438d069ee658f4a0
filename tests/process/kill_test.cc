// A process with clients that is killed at any moment, again and again, on one data directory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <string>
#include <vector>

#include "tests/process/lives.h"
#include "tests/support/directory_check.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::test {
namespace {

using ::testing::IsEmpty;

constexpr std::uint64_t kLives = 20;
constexpr std::int64_t kHour = 3600 * std::int64_t{1'000'000'000};

class KillTest : public ::testing::Test {
 protected:
  void Check(bool complete) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(
        const std::vector<std::string> violations,
        CheckDirectory(dir_ / "data", lives_.reports().sent(),
                       {.min_window_ns = kHour, .max_window_ns = kHour, .complete = complete}));
    ASSERT_THAT(violations, IsEmpty());
  }

  const TempDir dir_;
  Lives lives_{{.data = dir_ / "data"}};
};

TEST_F(KillTest, KeepsItsPromisesThroughTwentyLives) {
  for (std::uint64_t life = 1; life <= kLives; ++life) {
    ASSERT_THAT(lives_.LiveAndDie(), IsOk()) << "seed " << lives_.seed();
    Check(false);
    if (HasFatalFailure()) FAIL() << "seed " << lives_.seed() << ", life " << life;
    if (life % 7 == 0) lives_.DeleteStores();
  }
  ASSERT_THAT(lives_.Live(40), IsOk());
  Check(true);
  for (const auto& [what, times] : lives_.reports().told()) {
    std::cerr << what << ": " << times << "\n";
  }
  EXPECT_THAT(lives_.Untold(), IsEmpty());

  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::string hash, lives_.HashOfStores());
  lives_.DeleteStores();
  ASSERT_THAT(lives_.Live(0), IsOk());
  Check(true);
  EXPECT_THAT(lives_.HashOfStores(), IsOkAndHolds(hash));
}

}  // namespace
}  // namespace commander::test
