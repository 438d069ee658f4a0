#include "tools/demo/changelog_date.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <ctime>
#include <optional>
#include <random>
#include <string>

namespace commander::demo {
namespace {

struct Case {
  std::string date;
  std::optional<std::int64_t> seconds;  // as `date -u +%s -d` prints them, where it reads the date
};

TEST(ChangelogDateTest, ReadsDatesOfChangelogs) {
  const Case cases[] = {
      {"02 Jan 2023 13:06:21 +0100", 1672661181},  {"2 jan 2023 1:06:21 -0930", 1672655781},
      {"29  FEB\t2000 00:00:00 +0000", 951782400}, {"31 Dec 1969 23:59:59 +0000", -1},
      {"01 Jan 1900 00:00:00 +0100", -2208992400}, {"31 Dec 9999 23:59:59 +0000", 253402300799},
  };
  for (const Case& c : cases) EXPECT_EQ(ParseDate(c.date), c.seconds) << c.date;
}

TEST(ChangelogDateTest, TakesADayTooManyForTheNextMonth) {
  EXPECT_EQ(ParseDate("31 Feb 2023 00:00:00 +0000"), ParseDate("3 Mar 2023 00:00:00 +0000"));
  EXPECT_EQ(ParseDate("0 Mar 2024 00:00:00 +0000"), ParseDate("29 Feb 2024 00:00:00 +0000"));
  EXPECT_EQ(ParseDate("0 Jan 2024 00:00:00 +0000"), ParseDate("1 Jan 2024 00:00:00 +0000"));
}

TEST(ChangelogDateTest, RefusesWhatIsNoDate) {
  for (const std::string date :
       {"", "02", "02 January 2023 13:06:21 +0100", "02 Sept 2023 13:06:21 +0100",
        "32 Jan 2023 13:06:21 +0100", "02 Jan 1899 13:06:21 +0100", "02 Jan 2023 24:06:21 +0100",
        "02 Jan 2023 13:60:21 +0100", "02 Jan 2023 13:06:60 +0100", "02 Jan 2023 13:06:21 GMT",
        "02 Jan 2023 13:06 +0100", "02 Jan 2023 13:06:21", "02 01 2023 13:06:21 +0100"}) {
    EXPECT_EQ(ParseDate(date), std::nullopt) << date;
  }
}

TEST(ChangelogDateTest, NamesTheMonthOfASecond) {
  EXPECT_EQ(MonthOf(0), "1970-01");
  EXPECT_EQ(MonthOf(-1), "1969-12");
  EXPECT_EQ(MonthOf(951782400), "2000-02");
  EXPECT_EQ(MonthOf(951868800), "2000-03");
}

TEST(ChangelogDateTest, AgreesWithTheSystemOnEverySecond) {
  std::mt19937_64 random(31);
  std::uniform_int_distribution<std::int64_t> seconds(-2208988800, 253402300799);  // 1900 to 9999
  for (int i = 0; i < 20000; ++i) {
    const std::time_t time = seconds(random);
    std::tm date{};
    ASSERT_NE(gmtime_r(&time, &date), nullptr);
    char text[64];
    ASSERT_GT(std::strftime(text, sizeof text, "%d %b %Y %H:%M:%S +0000", &date), 0U);
    ASSERT_EQ(ParseDate(text), time) << text;
    ASSERT_GT(std::strftime(text, sizeof text, "%Y-%m", &date), 0U);
    ASSERT_EQ(MonthOf(time), text);
  }
}

}  // namespace
}  // namespace commander::demo
