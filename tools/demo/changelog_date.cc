#include "tools/demo/changelog_date.h"

#include <array>
#include <cstdio>

#include "tools/demo/text_scanner.h"

namespace commander::demo {
namespace {

constexpr std::int64_t kSecondsPerDay = 86'400;
constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};

// A number of one to `digits` digits.
std::optional<int> TakeNumber(TextScanner& scan, std::size_t digits) {
  const std::string_view text = scan.TakeWhile(IsDigit, digits);
  if (text.empty()) return std::nullopt;
  int number = 0;
  for (const char c : text) number = number * 10 + (c - '0');
  return number;
}

std::optional<int> TakeMonth(TextScanner& scan) {
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (scan.TakeFolded(kMonths[i])) return static_cast<int>(i) + 1;
  }
  return std::nullopt;
}

// Seconds east of Greenwich of "+0130" or "-0130".
std::optional<int> TakeZone(TextScanner& scan) {
  const bool west = scan.Take('-');
  if (!west && !scan.Take('+')) return std::nullopt;
  const std::optional<int> hours_and_minutes = TakeNumber(scan, 4);
  if (!hours_and_minutes) return std::nullopt;
  const int seconds = (*hours_and_minutes / 100 * 60 + *hours_and_minutes % 100) * 60;
  return west ? -seconds : seconds;
}

struct YearMonth {
  std::int64_t year;
  int month;
};

// The two conversions between days since 1970-01-01 and the Gregorian calendar, by counting in
// years that begin in March, so that the leap day is the last (Howard Hinnant, "chrono-Compatible
// Low-Level Date Algorithms").
std::int64_t DaysBefore(YearMonth date) {
  const std::int64_t year = date.year - (date.month <= 2 ? 1 : 0);
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5;
  const std::int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

YearMonth MonthOfDay(std::int64_t days) {
  const std::int64_t shifted = days + 719'468;
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - 146'096) / 146'097;
  const std::int64_t day_of_era = shifted - era * 146'097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int shifted_month = static_cast<int>((5 * day_of_year + 2) / 153);
  const int month = shifted_month + (shifted_month < 10 ? 3 : -9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month};
}

}  // namespace

std::optional<std::int64_t> ParseDate(std::string_view date) {
  TextScanner scan(date);
  std::optional<int> day = TakeNumber(scan, 2);
  scan.TakeSpaces();
  const std::optional<int> month = TakeMonth(scan);
  if (!scan.TakeSpaces()) return std::nullopt;  // a month's full name ends here
  const std::optional<int> year = TakeNumber(scan, 4);
  scan.TakeSpaces();
  const std::optional<int> hour = TakeNumber(scan, 2);
  if (!scan.Take(':')) return std::nullopt;
  const std::optional<int> minute = TakeNumber(scan, 2);
  if (!scan.Take(':')) return std::nullopt;
  const std::optional<int> second = TakeNumber(scan, 2);
  scan.TakeSpaces();
  const std::optional<int> zone = TakeZone(scan);
  if (!day || !month || !year || !hour || !minute || !second || !zone) return std::nullopt;
  if (*day > 31 || *year < 1900 || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;

  // Day 0 is the day before the first, except in January, where dpkg reads it as the first.
  if (*day == 0 && *month == 1) day = 1;
  const std::int64_t days = DaysBefore({*year, *month}) + *day - 1;
  return days * kSecondsPerDay + (*hour * 60 + *minute) * 60 + *second - *zone;
}

std::string MonthOf(std::int64_t seconds) {
  const std::int64_t days =
      seconds / kSecondsPerDay - (seconds % kSecondsPerDay < 0 ? 1 : 0);  // rounds down
  const YearMonth date = MonthOfDay(days);
  char text[32];
  std::snprintf(text, sizeof text, "%04lld-%02d", static_cast<long long>(date.year), date.month);
  return text;
}

}  // namespace commander::demo
