// segment_set.h: the segments of a log and their indexes, and reading old records by offset.
//
// A record is found by two binary searches, over the segments and within the index
// of one; its whole frame is read, so that its checksum is compared.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/log/file_system.h"
#include "engine/log/format.h"
#include "engine/log/log.h"
#include "engine/log/segment_index.h"
#include "engine/log/stored_frame.h"

namespace commander::log {

// Thread-safe.
class SegmentSet {
 public:
  // Frames read from files are kept up to `cache_bytes`.
  SegmentSet(FileSystem& files, std::string directory, std::size_t cache_bytes);

  // In order.
  void AddSealed(const SegmentHeader& header, IndexHead head);
  // `file` is the segment that grows; its index holds what is readable of it.
  void SetActive(const SegmentHeader& header, std::shared_ptr<File> file, SegmentIndex index);
  // The active segment has one frame more.
  absl::Status AddFrame(const FrameHeader& header, std::span<const RunHeader> runs);
  // The active segment is sealed; returns its index as a file holds it.
  std::string Seal();

  // Of the active segment.
  IndexHead ActiveHead() const;
  struct End {
    std::uint64_t last_sequence = 0;
    std::uint64_t place = 0;  // behind the last frame, in the active segment
  };
  End ActiveEnd() const;
  // Behind the last record of the partition.
  std::uint64_t NextOffset(TopicPartition partition) const;

  // Appends records of `partition` from `from` on and below `until` to `out`, all of
  // which are there, as Poll() does.  `used`: bytes that the poll holds already.
  // Returns the offset at which it stopped.
  absl::StatusOr<std::uint64_t> Read(TopicPartition partition, std::uint64_t from,
                                     std::uint64_t until, std::size_t max_bytes, std::size_t* used,
                                     std::vector<Record>* out);

 private:
  struct Sealed {
    SegmentHeader header;
    IndexHead head;
  };
  // What is open of a sealed segment: file and index are one object, so that they
  // are of the same rewrite.
  struct OpenSegment {
    std::unique_ptr<File> file;
    SegmentIndex index;
  };
  struct Place {
    std::shared_ptr<File> file;
    std::uint64_t first_sequence = 0;
    std::uint64_t salt = 0;
    std::uint64_t at = 0;
  };

  absl::StatusOr<Place> Find(TopicPartition partition, std::uint64_t offset);
  absl::StatusOr<std::shared_ptr<OpenSegment>> OpenSealed(std::size_t number);
  absl::StatusOr<std::shared_ptr<const StoredFrame>> Load(const Place& place);

  FileSystem& files_;
  const std::string directory_;
  const std::size_t cache_bytes_;

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const Sealed>> sealed_;
  SegmentHeader active_header_;
  std::shared_ptr<File> active_file_;
  SegmentIndex active_index_;

  // The most recently used first.
  std::list<std::pair<std::size_t, std::shared_ptr<OpenSegment>>> open_;

  using FrameKey = std::pair<std::uint64_t, std::uint64_t>;  // first sequence, place
  using FrameList = std::list<std::pair<FrameKey, std::shared_ptr<const StoredFrame>>>;
  FrameList cached_;
  std::map<FrameKey, FrameList::iterator> cached_by_place_;
  std::size_t cached_bytes_ = 0;
};

// Reads the sealed segment `file` and builds its index.  `before`: the head of the
// segment before it.  `last_sequence`: where the next one says that it ends.
//   kDataLoss: a frame is not valid; the message says where.
absl::StatusOr<SegmentIndex> IndexSealedSegment(File& file, const std::string& path,
                                                const SegmentHeader& header,
                                                const IndexHead& before,
                                                std::uint64_t last_sequence);

// Opens a segment and reads its header.
struct SegmentFile {
  std::unique_ptr<File> file;
  SegmentHeader header;
};
absl::StatusOr<SegmentFile> OpenSegmentForReading(FileSystem& files, const std::string& path);

std::vector<RunHeader> RunHeaders(const std::vector<RunView>& runs);

}  // namespace commander::log
