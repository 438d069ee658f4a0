// names.h: which names stores have, and where they lie.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace commander::store {

// In the name of a store that was moved aside, before the time.
inline constexpr std::string_view kDamagedMark = ".damaged-";

// "store/<part>" or "projections/<part>", where the part has letters, digits and `.`, `_`, `-`,
// `@`, does not begin with a dot and does not hold kDamagedMark.
bool IsStoreName(std::string_view name);

// The last two parts of a store's directory.
std::string StoreNameOf(const std::filesystem::path& directory);

// Names of the stores below a data directory, in bytewise order; those that were moved aside are
// none.
absl::StatusOr<std::vector<std::string>> RocksStoreNames(
    const std::filesystem::path& data_directory);

}  // namespace commander::store
