// manifest.h: what a store's manifest says from the outside, without RocksDB.
//
// The manifest is the journal of which table files make up the store.  Every change
// of that set first makes it longer or names another one, before any file goes.  So
// whoever finds a file missing, and the manifest as it was, has found damage.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace commander::store {

struct ManifestState {
  std::string name;  // "MANIFEST-000005"
  std::uint64_t size = 0;

  friend bool operator==(const ManifestState&, const ManifestState&) = default;
};

// Of the store in `directory`.
//   kNotFound: there is no file CURRENT, hence no store.
//   kDataLoss: CURRENT names no manifest, or one that is missing.
//   Others as in files.h.
absl::StatusOr<ManifestState> ReadManifestState(const std::filesystem::path& directory);

// Where the records of the file at `path` end early: the offset of the first bytes that are not a
// whole record, or nothing.  RocksDB takes what lies there for the end, silently.
//   Errors as in files.h.
absl::StatusOr<std::optional<std::uint64_t>> FindBrokenManifestEnd(
    const std::filesystem::path& path);

}  // namespace commander::store
