#include "tools/commander/range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace commander::cli {
namespace {

using ::commander::test::IsOkAndHolds;
using ::commander::test::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Kind = Place::Kind;

constexpr std::int64_t kHour = 3'600'000'000'000;
constexpr std::int64_t kNow = 1'769'853'600'000'000'000;  // 2026-01-31T10:00:00Z

Place At(Kind kind, std::uint64_t number = 0) { return {.kind = kind, .number = number}; }
Place AtTime(std::int64_t time_ns) { return {.kind = Kind::kTime, .time_ns = time_ns}; }
absl::StatusOr<Range> Parse(const std::vector<std::string>& words) {
  return ParseRange(words, kNow);
}

TEST(RangeTest, OnePlaceMeansFromThereToTheEnd) {
  const Place end = At(Kind::kEnd);
  EXPECT_THAT(Parse({}), IsOkAndHolds(Range{At(Kind::kStart), end}));
  EXPECT_THAT(Parse({"start"}), IsOkAndHolds(Range{At(Kind::kStart), end}));
  EXPECT_THAT(Parse({"end"}), IsOkAndHolds(Range{end, end}));
  EXPECT_THAT(Parse({"+10"}), IsOkAndHolds(Range{At(Kind::kFromStart, 10), end}));
  EXPECT_THAT(Parse({"-10"}), IsOkAndHolds(Range{At(Kind::kFromEnd, 10), end}));
  EXPECT_THAT(Parse({"end-10"}), IsOkAndHolds(Range{At(Kind::kFromEnd, 10), end}));
  EXPECT_THAT(Parse({"812"}), IsOkAndHolds(Range{At(Kind::kOffset, 812), end}));
  EXPECT_THAT(Parse({"@2026-01-31T10:00:00Z"}), IsOkAndHolds(Range{AtTime(kNow), end}));
  EXPECT_THAT(Parse({"@-2h"}), IsOkAndHolds(Range{AtTime(kNow - 2 * kHour), end}));
}

TEST(RangeTest, TwoPlacesWithAColonOrAsTwoWords) {
  const Range offsets{At(Kind::kOffset, 5), At(Kind::kOffset, 9)};
  EXPECT_THAT(Parse({"5:9"}), IsOkAndHolds(offsets));
  EXPECT_THAT(Parse({"5", "9"}), IsOkAndHolds(offsets));
  EXPECT_THAT(Parse({"start", "end"}), IsOkAndHolds(Range{}));
  EXPECT_THAT(Parse({"start:-5"}), IsOkAndHolds(Range{At(Kind::kStart), At(Kind::kFromEnd, 5)}));
  const Range times{AtTime(kNow - 48 * kHour), AtTime(kNow - 24 * kHour)};
  EXPECT_THAT(Parse({"@-48h:-24h"}), IsOkAndHolds(times));
  EXPECT_THAT(Parse({"@-2d", "@-1d"}), IsOkAndHolds(times));
  EXPECT_THAT(Parse({"@2026-01-29T10:00:00Z:2026-01-30T10:00"}), IsOkAndHolds(times));
  EXPECT_THAT(Parse({"@-2h:end"}), IsOkAndHolds(Range{AtTime(kNow - 2 * kHour), At(Kind::kEnd)}));
}

TEST(RangeTest, TimesMayNameAZoneAndAreUtcOtherwise) {
  for (const std::string time :
       {"2026-01-31T10:00:00Z", "2026-01-31T10:00:00", "2026-01-31T10:00", "2026-01-31T15:30+05:30",
        "2026-01-31T09:30:00-00:30", "2026-01-31T10:00:00.000Z"}) {
    EXPECT_THAT(Parse({"@" + time}), IsOkAndHolds(Range{AtTime(kNow), At(Kind::kEnd)})) << time;
  }
  EXPECT_THAT(Parse({"@2026-01-31"}),
              IsOkAndHolds(Range{AtTime(kNow - 10 * kHour), At(Kind::kEnd)}));
  EXPECT_THAT(Parse({"@2026-01-31T10:00:00.000000001Z"}),
              IsOkAndHolds(Range{AtTime(kNow + 1), At(Kind::kEnd)}));
}

TEST(RangeTest, SaysWhatWasExpected) {
  for (const std::string wrong : {"",
                                  "x",
                                  "+",
                                  "-",
                                  "+-5",
                                  "5:",
                                  ":5",
                                  "5:9:10",
                                  "@",
                                  "@now",
                                  "@2026-02-30",
                                  "@2026-13-01",
                                  "@2026-01-31T24:00",
                                  "@-2",
                                  "@-h",
                                  "@-1h2d",
                                  "@2026-01-31T10:00:00+05",
                                  "-99999999999d",
                                  "18446744073709551616",
                                  "5 9",
                                  "start-5"}) {
    EXPECT_THAT(Parse({wrong}), StatusIs(absl::StatusCode::kInvalidArgument,
                                         AllOf(HasSubstr("is no range"), HasSubstr("812:900"))))
        << wrong;
  }
  EXPECT_THAT(Parse({"1", "2", "3"}), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(RangeTest, RefusesWhatEndsBeforeItBegins) {
  for (const std::vector<std::string>& reversed : std::vector<std::vector<std::string>>{
           {"9:5"}, {"end", "start"}, {"-5:-9"}, {"+9:+5"}, {"@-1h:-2h"}, {"end:5"}, {"5:start"}}) {
    EXPECT_THAT(Parse(reversed),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ends before it begins")));
  }
  EXPECT_THAT(Parse({"5:5"}), IsOkAndHolds(Range{At(Kind::kOffset, 5), At(Kind::kOffset, 5)}));
}

TEST(RangeTest, Versions) {
  EXPECT_THAT(ParseVersions(""), IsOkAndHolds(VersionRange{}));
  EXPECT_THAT(ParseVersions("v7"), IsOkAndHolds(VersionRange{.from = 7}));
  EXPECT_THAT(ParseVersions("v3:v9"), IsOkAndHolds(VersionRange{3, 9}));
  EXPECT_THAT(ParseVersions("v9:v3"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("before they begin")));
  for (const std::string wrong : {"7", "v", "v3:9", "v3:", ":v9", "v3:v9:v10", "v-1"}) {
    EXPECT_THAT(ParseVersions(wrong),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("v3:v9")))
        << wrong;
  }
}

// Whatever is asked for lies in the partition, and the halves at any place make the whole.
RC_GTEST_PROP(RangeTest, PlacesLieBetweenBeginAndEnd, ()) {
  const std::uint64_t begin = *rc::gen::inRange<std::uint64_t>(0, 100);
  const std::uint64_t end = begin + *rc::gen::inRange<std::uint64_t>(0, 100);
  const std::uint64_t number = *rc::gen::inRange<std::uint64_t>(0, 300);
  const auto no_times = [](std::int64_t) -> absl::StatusOr<std::uint64_t> {
    return absl::InternalError("no time was asked for");
  };
  const auto resolve = [&](Kind kind) { return *Resolve(At(kind, number), begin, end, no_times); };
  RC_ASSERT(resolve(Kind::kStart) == begin);
  RC_ASSERT(resolve(Kind::kEnd) == end);
  RC_ASSERT(resolve(Kind::kOffset) == std::clamp(number, begin, end));
  RC_ASSERT(resolve(Kind::kFromStart) - begin == std::min(number, end - begin));
  RC_ASSERT(end - resolve(Kind::kFromEnd) == std::min(number, end - begin));
}

RC_GTEST_PROP(RangeTest, ReadsTheOffsetsThatAreWritten, (std::uint64_t a, std::uint64_t b)) {
  const auto [from, to] = std::minmax(a, b);
  const auto parsed = ParseRange({absl::StrCat(from, ":", to)}, kNow);
  RC_ASSERT(parsed.ok());
  RC_ASSERT((*parsed == Range{At(Kind::kOffset, from), At(Kind::kOffset, to)}));
}

}  // namespace
}  // namespace commander::cli
