// store_verbs.h: `commander store verify` and `hash`.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "tools/commander/context.h"
#include "tools/commander/exit.h"

namespace commander::cli {

struct StoreOptions {
  std::filesystem::path data;
  std::string store;  // one only: "store/accounts", "projections/balances@1"; verify: or "log"
};

// Reads everything and names every damage: kFound where there is one.
absl::StatusOr<Exit> StoreVerify(const StoreOptions& options, Context& context);
// What the stores hold, as one number a partition or projection.
absl::StatusOr<Exit> StoreHash(const StoreOptions& options, Context& context);

}  // namespace commander::cli
