// segment_writer.h: puts frames on the device, one at a time.
//
// The next frame is written only when the one before is synced, so a broken frame
// with a valid one behind it is damage, never a crash.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/environment.h"
#include "engine/log/durable_mark.h"
#include "engine/log/file_system.h"
#include "engine/log/format.h"
#include "engine/log/segment_set.h"
#include "engine/log/tail.h"

namespace commander::log {

// Makes the segment that follows `previous_checksum`; it is on the device with its
// name when this returns.
//   kResourceExhausted: no space; nothing is left behind.
absl::StatusOr<SegmentHeader> MakeSegment(FileSystem& files, const std::string& directory,
                                          const LogId& log, std::uint64_t first_sequence,
                                          std::uint64_t previous_checksum, RandomSource& random);

// One caller at a time.
class SegmentWriter {
 public:
  struct Options {
    std::string directory;
    std::uint64_t segment_bytes = 0;
    std::size_t zero_ahead_bytes = 0;
  };
  // The active segment as opening left it; its index is the active one of `segments`.
  struct Active {
    SegmentHeader header;
    std::shared_ptr<File> file;
    std::uint64_t size = 0;
  };

  SegmentWriter(FileSystem& files, RandomSource& random, SegmentSet& segments, DurableMark mark,
                Options options, Active active);

  // Writes and syncs the frame.
  //   kResourceExhausted: no space.  Call again with the same frame, and no other;
  //     the same bytes are written again at the same place.
  //   Anything else: nobody knows what is on the device.  Write no more.
  absl::Status Write(const PendingFrame& frame);

  // Tells other processes of the last frame.  kResourceExhausted does no harm: they
  // see it after the next one.
  absl::Status StoreMark() { return mark_.Store(last_sequence_); }

  // Takes back what Write() could not finish.
  absl::Status CutUnfinished();

  // Makes what other processes and the next opening are told durable.
  absl::Status Close();

  // The segment that ended since the last call and its index, which is not written
  // yet; empty when there is none.
  struct Sealed {
    std::string index_name;
    std::string index;
  };
  std::vector<Sealed> TakeSealed() { return std::exchange(sealed_, {}); }

 private:
  absl::Status Rotate();
  void LayOut(const PendingFrame& frame);

  FileSystem& files_;
  RandomSource& random_;
  SegmentSet& segments_;
  DurableMark mark_;
  const Options options_;
  Active active_;
  std::uint64_t end_;
  std::uint64_t last_sequence_;
  std::uint64_t last_checksum_;
  const std::vector<std::byte> zeros_;
  std::vector<Sealed> sealed_;

  // The frame that is being written.
  bool laid_out_ = false;
  FrameHeader header_;
  std::vector<RunHeader> runs_;
  std::vector<iovec> pieces_;
};

}  // namespace commander::log
