// types.h: from the fingerprint in a record to what this program does with it.
#pragma once

#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "engine/schema.h"

namespace commander::internal {

// Types by fingerprint, without a lock once they are known.  Not thread-safe: each worker and
// projection has its own.
class TypeNames {
 public:
  explicit TypeNames(const SchemaSet& schemas) : schemas_(schemas) {}

  // Nothing where nothing is known of it.
  KnownType Find(std::uint64_t fingerprint) {
    const auto at = types_.find(fingerprint);
    if (at != types_.end()) return at->second;
    const KnownType type = schemas_.Known(fingerprint);
    if (!type.name.empty()) types_.emplace(fingerprint, type);
    return type;
  }
  std::string_view NameOf(std::uint64_t fingerprint) { return Find(fingerprint).name; }

 private:
  const SchemaSet& schemas_;
  absl::flat_hash_map<std::uint64_t, KnownType> types_;
};

}  // namespace commander::internal
