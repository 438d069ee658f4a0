// range.h: which part of a log, or of a history, is meant.
//
//     start  end  +10  -10  812          places in each partition: the first record, behind the
//                                        last, so many behind the first, before the end (also
//                                        end-10), an offset
//     812:900                            two places: from the first, up to the second without it
//     @2026-01-31T10:00:00Z  @-48h:-24h  by the time at which the log took the record
//     v7  v3:v9                          by version, in the history of an aggregate
//
// One place alone means: from there to the end.  Two places may also be two words: `start end`.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace commander::cli {

struct Place {
  enum class Kind { kStart, kEnd, kOffset, kFromStart, kFromEnd, kTime };
  Kind kind = Kind::kStart;
  std::uint64_t number = 0;  // kOffset, kFromStart, kFromEnd
  std::int64_t time_ns = 0;  // kTime

  friend bool operator==(const Place&, const Place&) = default;
};

struct Range {
  Place from = {.kind = Place::Kind::kStart};
  Place to = {.kind = Place::Kind::kEnd};

  friend bool operator==(const Range&, const Range&) = default;
};

// Without words: all.
//   kInvalidArgument: malformed, or the second place certainly lies before the first.
absl::StatusOr<Range> ParseRange(const std::vector<std::string>& words, std::int64_t now_ns);

// Where a place lies in a partition that holds the offsets from `begin` up to `end`, between these
// two.  `offset_at` finds the first record of a time or later.
absl::StatusOr<std::uint64_t> Resolve(
    const Place& place, std::uint64_t begin, std::uint64_t end,
    const std::function<absl::StatusOr<std::uint64_t>(std::int64_t time_ns)>& offset_at);

struct VersionRange {
  std::uint64_t from = 1;
  std::uint64_t to = std::numeric_limits<std::uint64_t>::max();  // not included

  friend bool operator==(const VersionRange&, const VersionRange&) = default;
};

// `v7`: from version 7 on; `v3:v9`: 3 to 8.  Empty text: all.
//   kInvalidArgument: malformed or reversed.
absl::StatusOr<VersionRange> ParseVersions(std::string_view text);

}  // namespace commander::cli
