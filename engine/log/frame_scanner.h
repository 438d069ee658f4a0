// frame_scanner.h: reads a segment from front to back, and finds frames behind damage.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/log/file_system.h"
#include "engine/log/format.h"

namespace commander::log {

// Reads in pieces of a megabyte or a frame, whichever is larger.  An error of the
// device is an error, never the end of the segment.  Not thread-safe.
class FrameScanner {
 public:
  // Looks at no more than the first `size` bytes of `file`, which must outlive it.
  FrameScanner(File& file, const SegmentHeader& header, std::uint64_t size)
      : file_(file), salt_(header.salt), size_(size) {}

  // The valid frame that begins at `at`, a multiple of 8; nothing where there is
  // none.  Its words are good until the next call.
  absl::StatusOr<std::optional<std::span<const Word>>> FrameAt(std::uint64_t at);

  struct Found {
    std::uint64_t at = 0;
    std::uint64_t sequence = 0;
  };
  // The first valid frame at `from` or behind it whose sequence is `sequence` or more.
  absl::StatusOr<std::optional<Found>> Search(std::uint64_t from, std::uint64_t sequence);

  // The end of the last byte that is not zero, at or behind `from`; `from` if there is none.
  absl::StatusOr<std::uint64_t> EndOfContents(std::uint64_t from);

 private:
  // The words from `at` on: at least `bytes` of them unless the segment ends before.
  absl::StatusOr<std::span<const Word>> Load(std::uint64_t at, std::uint64_t bytes);

  File& file_;
  const std::uint64_t salt_;
  const std::uint64_t size_;
  std::vector<Word> window_;
  std::uint64_t window_at_ = 0;
};

}  // namespace commander::log
