// durable_mark.h: the file `durable`, which tells other processes how far they may read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/log/file_system.h"

namespace commander::log {

std::string DurableMarkPath(const std::string& log_directory);

// Nothing where the file is missing or, read twice, not valid.
absl::StatusOr<std::optional<std::uint64_t>> ReadDurableMark(FileSystem& files,
                                                             const std::string& log_directory);

class DurableMark {
 public:
  // Opens the file, or makes it; writes nothing.
  static absl::StatusOr<DurableMark> Open(FileSystem& files, const std::string& log_directory);

  // Frames up to `sequence` are synced.  Only after they are.
  absl::Status Store(std::uint64_t sequence);
  absl::Status Sync() { return file_->Sync(); }

 private:
  explicit DurableMark(std::unique_ptr<File> file) : file_(std::move(file)) {}

  std::unique_ptr<File> file_;
};

}  // namespace commander::log
