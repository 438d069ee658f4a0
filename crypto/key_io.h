// key_io.h: files that are durable when a call returns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace commander::crypto {

// Owns a file descriptor.
class FileHandle {
 public:
  FileHandle() = default;
  explicit FileHandle(int descriptor) : descriptor_(descriptor) {}
  ~FileHandle();
  FileHandle(FileHandle&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileHandle& operator=(FileHandle&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_ = -1;
};

// "<what> <path>: <why>" of the error number `error`: kNotFound, kPermissionDenied, kAlreadyExists,
// kResourceExhausted (no space), kFailedPrecondition (a directory, or none) or kInternal.
absl::Status FileError(std::string_view what, const std::filesystem::path& path, int error);

// The whole file, of at most `limit` bytes (kDataLoss beyond).
absl::StatusOr<std::string> ReadWholeFile(const std::filesystem::path& path, std::size_t limit);

// A new file, written and synced; not its directory.
absl::Status WriteNewFile(const std::filesystem::path& path, std::string_view bytes);

// Overwrites in place, and syncs.
absl::Status OverwriteFile(const std::filesystem::path& path, std::size_t at,
                           std::string_view bytes);

// Of a file or a directory.
absl::Status SyncPath(const std::filesystem::path& path);

}  // namespace commander::crypto
