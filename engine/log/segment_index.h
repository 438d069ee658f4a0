// segment_index.h: where the runs of one segment stand.
//
// The active segment's grows with every frame and lives in memory; a sealed
// segment's is a file beside it (FORMAT.md), of which the head is always held and
// the places are read when somebody looks for an old offset.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/log/file_system.h"
#include "engine/log/format.h"

namespace commander::log {

// What a segment holds of one partition.
struct PartitionExtent {
  std::uint64_t base = 0;  // offset of the first entry in this segment
  std::uint64_t next = 0;  // offset behind the last entry in this or an earlier segment
  bool empty() const { return base == next; }
};

// What a segment's index begins with.
struct IndexHead {
  std::uint64_t last_sequence = 0;
  std::uint64_t last_checksum = 0;
  std::int64_t last_time_ns = 0;
  std::uint64_t end = sizeof(SegmentHeader);  // behind the last frame
  std::map<TopicPartition, PartitionExtent> partitions;

  // Of a segment in which no frame is yet, behind `before`.
  static IndexHead Following(const IndexHead& before);
};

// Not thread-safe.
class SegmentIndex {
 public:
  SegmentIndex() = default;
  explicit SegmentIndex(IndexHead head) : head_(std::move(head)) {}

  const IndexHead& head() const { return head_; }

  // Takes up the frame that begins at `head().end`.
  //   kDataLoss: its runs leave a gap or overlap with those before.
  absl::Status AddFrame(const FrameHeader& header, std::span<const RunHeader> runs);

  // Where the frame begins that holds the entry.
  std::optional<std::uint64_t> FindFrame(TopicPartition partition, std::uint64_t offset) const;

  std::string Encode(const SegmentHeader& segment) const;
  // Nothing where the bytes are damaged or belong to another segment.
  static std::optional<SegmentIndex> Decode(std::span<const std::byte> bytes,
                                            const SegmentHeader& segment);

 private:
  struct Place {
    std::uint32_t offset = 0;   // minus base
    std::uint32_t frame_8 = 0;  // place of the frame, divided by 8
  };

  IndexHead head_;
  std::map<TopicPartition, std::vector<Place>> places_;
};

// The head of the index at `path`, read without the places.  Nothing where it is
// missing, damaged or belongs to another segment: make it again.
absl::StatusOr<std::optional<IndexHead>> ReadIndexHead(FileSystem& files, const std::string& path,
                                                       const SegmentHeader& segment);
absl::StatusOr<std::optional<SegmentIndex>> ReadIndex(FileSystem& files, const std::string& path,
                                                      const SegmentHeader& segment);

}  // namespace commander::log
