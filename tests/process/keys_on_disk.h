// keys_on_disk.h: what became of keys and erasures, as a process that was killed left it: no store
// of keys is opened, which would go on with what it finds.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "absl/status/statusor.h"

namespace commander::test {

// Erasures that the ledger says are done.
absl::StatusOr<std::set<std::string>> CompletedErasures(const std::filesystem::path& data);

// Of all keys that there are.
absl::StatusOr<std::set<std::string>> PseudonymsOfKeys(const std::filesystem::path& data);

}  // namespace commander::test
