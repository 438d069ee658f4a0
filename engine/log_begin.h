// log_begin.h: whether a log still has what a store needs next.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "engine/log/log.h"

namespace commander::internal {

// `who` has folded the records below `next`.
//   kFailedPrecondition: records from there on are gone.
inline absl::Status CheckLogBegin(log::LogReader& log, log::TopicPartition events,
                                  const std::string& topic, Offset next, const std::string& who) {
  COMMANDER_ASSIGN_OR_RETURN(const Offset begin, log.Begin(events));
  if (begin <= next) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      who, " needs offset ", next.value, " of topic ", topic, "[", events.partition,
      "], which begins at offset ", begin.value,
      ": events were deleted; put the records, or a newer store, back. Nothing was changed"));
}

}  // namespace commander::internal
