// time_text.h: times as they are printed and as they are typed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace commander::cli {

// Nanoseconds since 1970: 2026-01-31T10:00:00.25Z, with as many decimals as are needed.
std::string PrintTime(std::int64_t ns);

// 2026-01-31, 2026-01-31T10:00, 2026-01-31T10:00:00.25 (UTC), with Z or +05:30 behind a time; or
// -90m, -1d12h: before `now_ns`, in d, h, m, s.  Nothing for other text, nor for a time before 1970
// or behind 2262.
std::optional<std::int64_t> ParseTime(std::string_view text, std::int64_t now_ns);

}  // namespace commander::cli
