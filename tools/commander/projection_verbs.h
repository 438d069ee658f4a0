// projection_verbs.h: `commander projection list` and `show`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "tools/commander/context.h"
#include "tools/commander/exit.h"

namespace commander::cli {

struct ProjectionOptions {
  std::filesystem::path data;
  std::string name;         // show: "balances" (its newest version) or "balances@1"
  std::string key;          // show: empty: all rows
  std::string prefix;       // show, of all rows
  std::string after;        // show, of all rows
  std::uint64_t limit = 0;  // show; 0: none
};

// What projections there are, and what the log holds behind them.
absl::StatusOr<Exit> ProjectionList(const ProjectionOptions& options, Context& context);
// One row, kFound where there is none; or all, in order of their keys.
absl::StatusOr<Exit> ProjectionShow(const ProjectionOptions& options, Context& context);

}  // namespace commander::cli
