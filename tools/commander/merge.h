// merge.h: the records of several partitions in one sequence.
//
// In order of the time at which the log took them; of records that came in one frame, commands
// stand before outcomes, so that a command always comes before what it caused.  Within a partition
// the order is that of the offsets.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/log/log.h"
#include "tools/commander/range.h"

namespace commander::cli {

struct MergedRecord {
  const log::TopicInfo* topic = nullptr;
  std::uint16_t partition = 0;
  log::Record record;
};

// Memory is bounded by the number of partitions.  Not thread-safe.
class Merge {
 public:
  // The log must outlive this.
  explicit Merge(log::LogReader& log) : log_(log) {}

  // The range of one partition, as the log is now.  All before the first Next().
  absl::Status Add(const log::TopicInfo& topic, std::uint16_t partition, const Range& range);
  // The offsets from `from` on, and what is appended later.
  absl::Status AddFrom(const log::TopicInfo& topic, std::uint16_t partition, Offset from);

  // Includes what has been appended meanwhile in partitions whose range ends at the end.
  absl::Status TakeNewEnds();

  // Nothing where there is no more for now.
  absl::StatusOr<std::optional<MergedRecord>> Next();

  struct Progress {
    const log::TopicInfo* topic;
    std::uint16_t partition;
    Offset next;  // records before it have been returned
  };
  std::vector<Progress> progress() const;

 private:
  static constexpr std::size_t kPollBytes = std::size_t{64} << 10;

  struct Stream {
    const log::TopicInfo* topic;
    log::TopicPartition place;
    std::uint64_t next;  // first that is not in `records`
    std::uint64_t end;   // not included
    bool follows;        // its range ends at the end of the log
    std::deque<log::Record> records;
  };
  absl::StatusOr<std::uint64_t> FirstAt(log::TopicPartition place, std::uint64_t begin,
                                        std::uint64_t end, std::int64_t time_ns);
  absl::Status Fill(Stream& stream);
  static bool Before(const Stream& a, const Stream& b);

  log::LogReader& log_;
  std::deque<log::TopicInfo> topics_;
  std::vector<Stream> streams_;
};

}  // namespace commander::cli
