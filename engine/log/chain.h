// chain.h: the segments of a log in order, each checked against the one before.
//
// The chain is checked from headers and heads of indexes; of the frames only those
// of the active segment are read.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/log/file_system.h"
#include "engine/log/format.h"
#include "engine/log/log.h"
#include "engine/log/segment_index.h"

namespace commander::log {

// First sequences of the segments in the directory, in order.
absl::StatusOr<std::vector<std::uint64_t>> ListSegments(FileSystem& files,
                                                        const std::string& directory);

struct SealedSegment {
  SegmentHeader header;
  IndexHead head;
  std::optional<SegmentIndex> made_again;  // where the file held none that matches
};

// The sealed segment number `first`, which ends where the segment `next` begins.
// `before`: the head of the segment before, null for the first one.  `log`: null
// where it is not known yet.
//   kDataLoss: a segment is missing or damaged, or does not follow the one before.
//   kFailedPrecondition: a segment of another log, or of an unknown format.
absl::StatusOr<SealedSegment> ReadSealedSegment(FileSystem& files, const std::string& directory,
                                                std::uint64_t first, std::uint64_t next,
                                                const IndexHead* before, const LogId* log);

// Checks that a segment with this header stands behind `before` (null: is the first).
absl::Status CheckFollows(const SegmentHeader& header, const std::string& directory,
                          std::uint64_t number, const IndexHead* before, const LogId* log);

// What the active segment holds.
struct ActiveContents {
  SegmentIndex index;              // its end is the end of the last valid frame
  std::uint64_t last_frame = 0;    // where that begins; 0 when there is none
  std::uint64_t contents_end = 0;  // above the end: a torn tail up to there
};

// Reads the active segment up to the first place that holds no valid frame of the
// expected sequence.
//   kDataLoss: there is a valid frame of that or a later sequence behind that place.
absl::StatusOr<ActiveContents> ReadActiveSegment(File& file, const std::string& path,
                                                 const SegmentHeader& header,
                                                 const IndexHead& before);

// kDataLoss: the segments up to `head` hold records of a topic or partition that
// `topics` does not have.
absl::Status CheckTopicsThere(const std::map<std::uint16_t, TopicInfo>& topics,
                              const IndexHead& head, const std::string& directory);

// "acknowledged frames are missing": the log ends before what `durable` says.
absl::Status FramesMissing(const std::string& directory, std::uint64_t last, std::uint64_t durable);

}  // namespace commander::log
