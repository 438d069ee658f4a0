// stored_frame.h: one frame as it was read from a file, its records ready to be handed out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/log/file_system.h"
#include "engine/log/format.h"
#include "engine/log/log.h"

namespace commander::log {

// Immutable; its checksum was right.  Records point into it and keep it alive.
class StoredFrame : public std::enable_shared_from_this<StoredFrame> {
 public:
  // Reads the frame that begins at `at`.
  //   kDataLoss: no valid frame stands there; the message names `path` and place.
  static absl::StatusOr<std::shared_ptr<const StoredFrame>> Read(File& file,
                                                                 const std::string& path,
                                                                 std::uint64_t salt,
                                                                 std::uint64_t at);

  std::size_t bytes() const { return words_.size() * sizeof(Word); }

  // Appends the records of `partition` from `from` on and below `until` to `out`, as
  // long as they fit beside the `used` bytes that a poll of `max_bytes` holds.
  // Returns the offset at which it stopped: behind the last record taken.
  std::uint64_t Take(TopicPartition partition, std::uint64_t from, std::uint64_t until,
                     std::size_t max_bytes, std::size_t* used, std::vector<Record>* out) const;

 private:
  struct Run {
    RunView view;
    std::vector<std::uint32_t> starts;  // of messages, in words from the run's first entry
  };

  absl::Status Decode(const std::string& path, std::uint64_t at);

  std::vector<Word> words_;
  std::vector<Run> runs_;
};

// Whether a record of `bytes` still goes into a poll that holds `used` already.
inline bool FitsInPoll(std::size_t bytes, std::size_t used, std::size_t max_bytes) {
  return used == 0 || (used < max_bytes && bytes <= max_bytes - used);
}

}  // namespace commander::log
