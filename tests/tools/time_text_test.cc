#include "tools/commander/time_text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <limits>

namespace commander::cli {
namespace {

TEST(TimeTextTest, PrintsAsManyDecimalsAsAreNeeded) {
  EXPECT_EQ(PrintTime(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(PrintTime(1'769'853'600'250'000'000), "2026-01-31T10:00:00.25Z");
  EXPECT_EQ(PrintTime(1), "1970-01-01T00:00:00.000000001Z");
}

TEST(TimeTextTest, KnowsTheBoundsOfTime) {
  EXPECT_EQ(ParseTime("1970-01-01", 0), 0);
  EXPECT_FALSE(ParseTime("1969-12-31T23:59:59", 0).has_value());
  EXPECT_FALSE(ParseTime("1970-01-01T00:00+00:01", 0).has_value());
  EXPECT_FALSE(ParseTime("2263-01-01", 0).has_value());
  EXPECT_EQ(ParseTime("2024-02-29", 0), 1'709'164'800'000'000'000);
  EXPECT_FALSE(ParseTime("2023-02-29", 0).has_value());
  EXPECT_FALSE(ParseTime("-1s", 0).has_value()) << "before 1970";
  EXPECT_EQ(ParseTime("-1d2h3m4s", 100'000'000'000'000),
            (100'000 - 86400 - 7200 - 184) * 1'000'000'000LL);
}

RC_GTEST_PROP(TimeTextTest, ReadsWhatItPrints, ()) {
  const std::int64_t ns =
      *rc::gen::inRange<std::int64_t>(0, std::numeric_limits<std::int64_t>::max() - 2'000'000'000);
  RC_ASSERT(ParseTime(PrintTime(ns), 0) == ns);
}

}  // namespace
}  // namespace commander::cli
