// dense.h: what a log whose offsets have no gaps answers.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "commander/internal/status_macros.h"
#include "engine/log/log.h"

namespace commander::log {

// Where to poll next, once a poll from `from` has appended to `out`, which held `before` records.
inline Offset BehindPolled(Offset from, const std::vector<Record>& out, std::size_t before) {
  return out.size() == before ? from : out.back().offset + 1;
}

inline absl::StatusOr<std::optional<Record>> ReadLastOfDense(LogReader& log,
                                                             TopicPartition partition) {
  COMMANDER_ASSIGN_OR_RETURN(const Offset begin, log.Begin(partition));
  COMMANDER_ASSIGN_OR_RETURN(const Offset end, log.End(partition));
  if (begin == end) return std::optional<Record>();
  COMMANDER_ASSIGN_OR_RETURN(Record last, log.Read(partition, Offset{end.value - 1}));
  return std::optional<Record>(std::move(last));
}

}  // namespace commander::log
