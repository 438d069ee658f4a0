// aggregate_verbs.h: `commander aggregate list`, `show` and `history`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "tools/commander/context.h"
#include "tools/commander/exit.h"

namespace commander::cli {

struct AggregateOptions {
  std::filesystem::path data;
  std::string group;
  std::string topic;  // of its events; empty: "<group>-events"
  std::string key;    // show, history: as keys.h prints it

  std::string prefix;       // list
  std::string after;        // list
  std::uint64_t limit = 0;  // list, history; 0: none

  std::string versions;  // history: v3:v9
  bool all = false;      // history: refusals, too
};

// The stored states of a group, in order of their keys.
absl::StatusOr<Exit> AggregateList(const AggregateOptions& options, Context& context);
// One stored state, its version, and how many events of it the log holds behind.  kFound where
// there is neither.
absl::StatusOr<Exit> AggregateShow(const AggregateOptions& options, Context& context);
// The events of one aggregate.  kFound where there are none at all.
absl::StatusOr<Exit> AggregateHistory(const AggregateOptions& options, Context& context);

}  // namespace commander::cli
