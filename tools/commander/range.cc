#include "tools/commander/range.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "tools/commander/keys.h"
#include "tools/commander/time_text.h"

namespace commander::cli {
namespace {

using Kind = Place::Kind;

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || parsed != end || text.empty()) return std::nullopt;
  return number;
}

std::optional<Place> ParseTimePlace(std::string_view text, std::int64_t now_ns) {
  const std::optional<std::int64_t> time = ParseTime(text, now_ns);
  if (!time.has_value()) return std::nullopt;
  return Place{.kind = Kind::kTime, .time_ns = *time};
}

std::optional<Place> ParsePlace(std::string_view text, std::int64_t now_ns) {
  if (text == "start") return Place{.kind = Kind::kStart};
  if (text == "end") return Place{.kind = Kind::kEnd};
  if (text.starts_with('@')) return ParseTimePlace(text.substr(1), now_ns);
  if (text.starts_with("end-")) text.remove_prefix(3);
  const Kind kind = text.starts_with('+')   ? Kind::kFromStart
                    : text.starts_with('-') ? Kind::kFromEnd
                                            : Kind::kOffset;
  if (kind != Kind::kOffset) text.remove_prefix(1);
  const std::optional<std::uint64_t> number = ParseNumber(text);
  if (!number.has_value()) return std::nullopt;
  return Place{.kind = kind, .number = *number};
}

// `text` is one place, or two with a colon between them; times hold colons themselves, but no part
// of one is a place.
std::optional<Range> ParseWord(std::string_view text, std::int64_t now_ns) {
  if (const std::optional<Place> from = ParsePlace(text, now_ns)) return Range{.from = *from};
  for (std::size_t colon = text.find(':'); colon != text.npos; colon = text.find(':', colon + 1)) {
    const std::optional<Place> from = ParsePlace(text.substr(0, colon), now_ns);
    if (!from.has_value()) continue;
    const std::string_view second = text.substr(colon + 1);
    std::optional<Place> to;
    if (from->kind == Kind::kTime) to = ParseTimePlace(second, now_ns);
    if (!to.has_value()) to = ParsePlace(second, now_ns);
    if (to.has_value()) return Range{*from, *to};
  }
  return std::nullopt;
}

bool Reversed(const Range& range) {
  const auto& [from, to] = range;
  if (from.kind == Kind::kEnd) return to.kind != Kind::kEnd;
  if (to.kind == Kind::kStart) return from.kind != Kind::kStart;
  if (from.kind != to.kind) return false;
  switch (from.kind) {
    case Kind::kTime:
      return to.time_ns < from.time_ns;
    case Kind::kFromEnd:
      return to.number > from.number;
    default:
      return to.number < from.number;
  }
}

}  // namespace

absl::StatusOr<Range> ParseRange(const std::vector<std::string>& words, std::int64_t now_ns) {
  std::optional<Range> range;
  if (words.empty()) {
    range = Range();
  } else if (words.size() == 1) {
    range = ParseWord(words[0], now_ns);
  } else if (words.size() == 2) {
    const std::optional<Place> from = ParsePlace(words[0], now_ns);
    const std::optional<Place> to = ParsePlace(words[1], now_ns);
    if (from.has_value() && to.has_value()) range = Range{*from, *to};
  }
  const std::string text = PrintKey(internal::ToStd(absl::StrJoin(words, " ")));
  if (!range.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no range; a range is start, end, +10, -10, 812, 812:900, ",
                     "@2026-01-31T10:00:00Z or @-48h:-24h, or two of these places"));
  }
  if (Reversed(*range)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the range \"", text,
                     "\" ends before it begins; the earlier place comes first, as in 812:900"));
  }
  return *range;
}

absl::StatusOr<std::uint64_t> Resolve(
    const Place& place, std::uint64_t begin, std::uint64_t end,
    const std::function<absl::StatusOr<std::uint64_t>(std::int64_t time_ns)>& offset_at) {
  switch (place.kind) {
    case Kind::kStart:
      return begin;
    case Kind::kEnd:
      return end;
    case Kind::kOffset:
      return std::clamp(place.number, begin, end);
    case Kind::kFromStart:
      return begin + std::min(place.number, end - begin);
    case Kind::kFromEnd:
      return end - std::min(place.number, end - begin);
    case Kind::kTime:
      return offset_at(place.time_ns);
  }
  return end;
}

absl::StatusOr<VersionRange> ParseVersions(std::string_view text) {
  VersionRange range;
  if (text.empty()) return range;
  const auto version = [](std::string_view part) {
    return part.starts_with('v') ? ParseNumber(part.substr(1)) : std::nullopt;
  };
  const std::size_t colon = text.find(':');
  const std::optional<std::uint64_t> from = version(text.substr(0, colon));
  std::optional<std::uint64_t> to = range.to;
  if (colon != text.npos) to = version(text.substr(colon + 1));
  if (!from.has_value() || !to.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", PrintKey(text), "\" names no versions; write v7 for the 7th and those ",
                     "behind it, v3:v9 for the 3rd to the 8th"));
  }
  if (*to < *from) {
    return absl::InvalidArgumentError(
        absl::StrCat("the versions ", PrintKey(text),
                     " end before they begin; the earlier one comes first, as in v3:v9"));
  }
  return VersionRange{*from, *to};
}

}  // namespace commander::cli
