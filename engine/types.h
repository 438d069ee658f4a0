// types.h: from the fingerprint in a record to what this program does with it.
#pragma once

#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "engine/schema.h"

namespace commander::internal {

// Stable names by fingerprint, without a lock once they are known.  Not thread-safe: each worker
// and projection has its own.
class TypeNames {
 public:
  explicit TypeNames(const SchemaSet& schemas) : schemas_(schemas) {}

  // Empty where nothing is known of it.
  std::string_view NameOf(std::uint64_t fingerprint) {
    const auto at = names_.find(fingerprint);
    if (at != names_.end()) return at->second;
    const std::string_view name = schemas_.NameOf(fingerprint);
    if (!name.empty()) names_.emplace(fingerprint, name);
    return name;
  }

 private:
  const SchemaSet& schemas_;
  absl::flat_hash_map<std::uint64_t, std::string_view> names_;
};

}  // namespace commander::internal
