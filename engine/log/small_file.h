// small_file.h: files that are there whole or not at all.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/log/file_system.h"

namespace commander::log {

inline constexpr std::string_view kTemporarySuffix = ".tmp";

// Writes all of `pieces` from `at` on.  `written` (may be null) tells how far it
// came, also when it fails.
absl::Status WriteAll(File& file, std::uint64_t at, std::span<const iovec> pieces,
                      std::uint64_t* written = nullptr);
absl::Status WriteAll(File& file, std::uint64_t at, std::string_view bytes);

enum class Durability {
  kSynced,        // contents and name are on the device when the call returns
  kSyncedIfThere  // a power loss may take the file away, but never leave a part of it
};

// How far PutFile() came when it failed.  Before the rename nothing happened that
// a later try does not undo.
struct PutResult {
  absl::Status status;
  bool renamed = false;
};

// Gives `directory`/`name` the contents `bytes`.  A failure before the rename leaves at most a
// temporary file, which it tries to remove.
PutResult PutFile(FileSystem& files, const std::string& directory, const std::string& name,
                  std::string_view bytes, Durability durability);

absl::StatusOr<std::string> ReadWholeFile(FileSystem& files, const std::string& path);

// The directory in which `directory` has its name.
std::string ParentDirectory(const std::string& directory);

// Deletes what a process that ended while writing left in `directory`.
absl::Status RemoveTemporaryFiles(FileSystem& files, const std::string& directory);

}  // namespace commander::log
