#include "tools/commander/time_text.h"

#include <charconv>
#include <limits>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace commander::cli {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kLatestSecond = std::numeric_limits<std::int64_t>::max() / kSecond - 1;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes what it understands from the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool done() const { return text_.empty(); }
  bool Take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  // Exactly `digits` of them, at most `max`.
  bool Number(std::size_t digits, int max, int* number) {
    if (text_.size() < digits) return false;
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (!IsDigit(text_[i])) return false;
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(digits);
    *number = value;
    return value <= max;
  }
  // 1 to 9 digits behind a decimal point, in nanoseconds.
  bool Fraction(std::int64_t* ns) {
    std::size_t digits = 0;
    std::int64_t value = 0;
    for (; digits < text_.size() && IsDigit(text_[digits]); ++digits) {
      value = value * 10 + (text_[digits] - '0');
      if (digits == 9) return false;
    }
    if (digits == 0) return false;
    text_.remove_prefix(digits);
    for (; digits < 9; ++digits) value *= 10;
    *ns = value;
    return true;
  }
  // As many digits as there are.
  bool Count(std::int64_t* number) {
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), *number);
    if (error != std::errc() || text_.empty() || !IsDigit(text_[0])) return false;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return true;
  }

 private:
  std::string_view text_;
};

std::optional<std::int64_t> ParseAgo(std::string_view text, std::int64_t now_ns) {
  Scanner scanner(text);
  std::int64_t seconds = 0;
  int last_unit = 0;
  while (!scanner.done()) {
    std::int64_t count = 0;
    if (!scanner.Count(&count) || count > kLatestSecond) return std::nullopt;
    const int unit = scanner.Take('d')   ? 1
                     : scanner.Take('h') ? 2
                     : scanner.Take('m') ? 3
                     : scanner.Take('s') ? 4
                                         : 0;
    if (unit <= last_unit) return std::nullopt;
    last_unit = unit;
    constexpr std::int64_t kSeconds[] = {0, 86400, 3600, 60, 1};
    if (count > (kLatestSecond - seconds) / kSeconds[unit]) return std::nullopt;
    seconds += count * kSeconds[unit];
  }
  if (last_unit == 0 || seconds > now_ns / kSecond) return std::nullopt;
  return now_ns - seconds * kSecond;
}

}  // namespace

std::string PrintTime(std::int64_t ns) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", absl::FromUnixNanos(ns), absl::UTCTimeZone());
}

std::optional<std::int64_t> ParseTime(std::string_view text, std::int64_t now_ns) {
  if (text.starts_with('-')) return ParseAgo(text.substr(1), now_ns);
  Scanner scanner(text);
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::int64_t fraction = 0;
  if (!scanner.Number(4, 9999, &year) || !scanner.Take('-') || !scanner.Number(2, 12, &month) ||
      !scanner.Take('-') || !scanner.Number(2, 31, &day)) {
    return std::nullopt;
  }
  int zone_minutes = 0;
  if (scanner.Take('T')) {
    if (!scanner.Number(2, 23, &hour) || !scanner.Take(':') || !scanner.Number(2, 59, &minute)) {
      return std::nullopt;
    }
    if (scanner.Take(':') &&
        (!scanner.Number(2, 59, &second) || (scanner.Take('.') && !scanner.Fraction(&fraction)))) {
      return std::nullopt;
    }
    const int sign = scanner.Take('+') ? 1 : scanner.Take('-') ? -1 : 0;
    if (sign != 0) {
      int zone_hour = 0, zone_minute = 0;
      if (!scanner.Number(2, 23, &zone_hour) || !scanner.Take(':') ||
          !scanner.Number(2, 59, &zone_minute)) {
        return std::nullopt;
      }
      zone_minutes = sign * (zone_hour * 60 + zone_minute);
    } else {
      scanner.Take('Z');
    }
  }
  // An absl::CivilDay puts what is no date, the 30th of February, elsewhere.
  const absl::CivilDay date(year, month, day);
  if (!scanner.done() || date.month() != month || date.day() != day) return std::nullopt;
  const std::int64_t seconds = (date - absl::CivilDay(1970, 1, 1)) * std::int64_t{86400} +
                               hour * 3600 + (minute - zone_minutes) * 60 + second;
  if (seconds < 0 || seconds > kLatestSecond) return std::nullopt;
  return seconds * kSecond + fraction;
}

}  // namespace commander::cli
