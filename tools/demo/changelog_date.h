// changelog_date.h: the dates of changelog trailers ("02 Jan 2023 13:06:21 +0100", RFC 2822).
//
//     ParseDate("02 Jan 2023 13:06:21 +0100");   // 1672661181
//     MonthOf(1672661181);                       // "2023-01"
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace commander::demo {

// Seconds since 1970 in UTC of a date without its day of the week, or nothing where dpkg reads no
// date either: a month that is not one of the twelve abbreviations (in any case), a year before
// 1900, hour 24, second 60.  As dpkg does, it takes the 31st of a shorter month for a day of the
// next one.
std::optional<std::int64_t> ParseDate(std::string_view date);

// Year and month of that second in UTC, as "2023-01".
std::string MonthOf(std::int64_t seconds);

}  // namespace commander::demo
