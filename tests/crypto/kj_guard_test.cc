#include "crypto/kj_guard.h"

#include <gtest/gtest.h>
#include <kj/debug.h>

#include <stdexcept>

namespace commander::test {
namespace {

using crypto::KjAccepts;

// Answers what was written to standard error.
std::string ErrorsOf(absl::FunctionRef<void()> use) {
  ::testing::internal::CaptureStderr();
  use();
  return ::testing::internal::GetCapturedStderr();
}

// kj complains in a destructor, while an exception is on its way.
struct ComplainsAtTheEnd {
  ~ComplainsAtTheEnd() {
    KJ_FAIL_REQUIRE("canary-end") { break; };
  }
};

TEST(KjGuard, AcceptsWhatRunsThrough) {
  int runs = 0;
  EXPECT_TRUE(KjAccepts([&] { ++runs; }));
  EXPECT_EQ(runs, 1);
}

TEST(KjGuard, KeepsFaultsToItself) {
  EXPECT_EQ(ErrorsOf([] { EXPECT_FALSE(KjAccepts([] { KJ_FAIL_REQUIRE("canary-fatal"); })); }), "");
  EXPECT_EQ(ErrorsOf([] {
              EXPECT_FALSE(KjAccepts([] {
                KJ_FAIL_REQUIRE("canary-mild") { break; }
              }));
            }),
            "");
}

TEST(KjGuard, LogsNothing) {
  EXPECT_EQ(ErrorsOf([] { EXPECT_TRUE(KjAccepts([] { KJ_LOG(ERROR, "canary-log"); })); }), "");
  EXPECT_EQ(ErrorsOf([] {
              EXPECT_FALSE(KjAccepts([] {
                const ComplainsAtTheEnd last;
                KJ_FAIL_REQUIRE("canary-first");
              }));
            }),
            "");
}

// What is not kj's is none of its business.
TEST(KjGuard, LetsOtherExceptionsPass) {
  EXPECT_THROW(static_cast<void>(KjAccepts([] { throw std::runtime_error("other"); })),
               std::runtime_error);
}

}  // namespace
}  // namespace commander::test
