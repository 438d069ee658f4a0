#include "commander/position.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "commander/internal/strings.h"

namespace commander {
namespace {

// Before the base64: "1" and, for each record, "|log:topic:partition:offset".  Neither log nor
// topic may hold the two separators (log.h).
constexpr char kFormat[] = "1";

auto Place(const RecordPosition& record) {
  return std::tie(record.log, record.topic, record.partition);
}

std::optional<RecordPosition> ParseRecord(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  RecordPosition record;
  if (parts.size() != 4 || !absl::SimpleAtoi(parts[2], &record.partition) ||
      !absl::SimpleAtoi(parts[3], &record.offset.value) || parts[0].empty() || parts[1].empty()) {
    return std::nullopt;
  }
  record.log = parts[0];
  record.topic = parts[1];
  return record;
}

}  // namespace

void Position::Merge(const Position& other) {
  for (const RecordPosition& record : other.records_) {
    auto at = std::lower_bound(
        records_.begin(), records_.end(), record,
        [](const RecordPosition& a, const RecordPosition& b) { return Place(a) < Place(b); });
    if (at != records_.end() && Place(*at) == Place(record)) {
      at->offset = std::max(at->offset, record.offset);
    } else {
      records_.insert(at, record);
    }
  }
}

std::string Position::ToToken() const {
  std::string text = kFormat;
  for (const RecordPosition& record : records_) {
    absl::StrAppend(&text, "|", record.log, ":", record.topic, ":", record.partition, ":",
                    record.offset.value);
  }
  return absl::WebSafeBase64Escape(text);
}

absl::StatusOr<Position> Position::FromToken(std::string_view token) {
  std::string text;
  const auto invalid = [] {
    return absl::InvalidArgumentError(
        "not a position token: give what Position::ToToken() wrote, unchanged");
  };
  if (!absl::WebSafeBase64Unescape(internal::ToAbsl(token), &text)) return invalid();
  const std::vector<std::string> parts = absl::StrSplit(text, '|');
  if (parts[0] != kFormat) return invalid();
  Position position;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    std::optional<RecordPosition> record = ParseRecord(parts[i]);
    if (!record.has_value()) return invalid();
    position.Merge(*std::move(record));
  }
  return position;
}

}  // namespace commander
