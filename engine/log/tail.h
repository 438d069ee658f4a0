// tail.h: the end of a log that is in memory: what waits to be written, in the order
// in which it came, and the newest frames that were.
//
// Every entry gets its offset and its place in one call, and frames take a prefix of
// all entries.  So no outcome stands in an earlier frame than its command: the
// command had its place before anybody could decide it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/log/log.h"
#include "engine/log/memory_run.h"
#include "engine/log/segment_index.h"

namespace commander::log {

// What one frame holds, and whom to tell once it is synced.
struct PendingFrame {
  struct Batch {
    std::function<void(const CommitResult&)> done;
    TopicPartition commands;
    Offset consumed;
    Offset first;
  };

  std::uint64_t number = 0;
  std::size_t bytes = 0;     // of the frame, headers too
  std::int64_t time_ns = 0;  // once it is closed
  std::vector<std::shared_ptr<MemoryRun>> commands;
  std::vector<std::shared_ptr<MemoryRun>> events;
  std::vector<std::pair<std::shared_ptr<Ticket>, Offset>> tickets;
  std::vector<Batch> batches;

  bool empty() const { return commands.empty() && events.empty(); }
};

// Not thread-safe.
class Tail {
 public:
  struct Limits {
    std::size_t cache_bytes = 0;        // of synced frames
    std::size_t frame_bytes = 4 << 20;  // a frame that has as many takes no more
  };

  Tail(Limits limits, std::int64_t last_time_ns);

  void AddTopic(const TopicInfo& topic, const IndexHead& stored);
  bool Has(TopicPartition partition) const;
  TopicKind KindOf(TopicPartition partition) const;

  // `now_ns` below the last time is taken for that.
  Offset Append(TopicPartition commands, std::span<const Word> message, std::int64_t now_ns,
                std::shared_ptr<Ticket> ticket);
  void Commit(CommitBatch batch, Chunk entries, std::int64_t now_ns);

  // Closes the oldest frame and takes it; null when nothing waits.
  std::shared_ptr<PendingFrame> TakeFrame(std::int64_t now_ns);

  // The frame, the oldest of those taken, is on the device.  Appends frames that are
  // forgotten for it to `forgotten`: freeing them takes time.
  void FrameSynced(const std::shared_ptr<PendingFrame>& frame,
                   std::vector<std::shared_ptr<PendingFrame>>* forgotten);

  // Forgets everything that is not synced; gives what nobody has taken yet.
  std::vector<std::shared_ptr<PendingFrame>> DropUnsynced();

  // Bytes of entries that wait or are being written.
  std::size_t pending_bytes() const { return pending_bytes_; }
  // Whether TakeFrame() has something to give.
  bool HasPending() const { return !frames_.empty() && !frames_.back()->empty(); }

  // Offsets: behind the last one given, behind the last synced one, first in memory.
  std::uint64_t Next(TopicPartition partition) const { return At(partition).next; }
  std::uint64_t SyncedEnd(TopicPartition partition) const { return At(partition).synced_end; }
  std::uint64_t MemoryBegin(TopicPartition partition) const;

  // Records in memory from `from`, at least MemoryBegin(), on and below `until`.
  std::uint64_t Take(TopicPartition partition, std::uint64_t from, std::uint64_t until,
                     std::size_t max_bytes, std::size_t* used, std::vector<Record>* out) const;
  // Gives records of a command partition the tickets with which they came.
  void AttachTickets(TopicPartition partition, std::span<Record> records) const;
  // Takes them: no record gets one any more.
  std::vector<std::shared_ptr<Ticket>> TakeTickets(TopicPartition partition);

 private:
  struct Waiting {
    std::uint64_t offset = 0;
    std::shared_ptr<Ticket> ticket;
  };
  struct Partition {
    TopicKind kind = TopicKind::kEvents;
    std::uint64_t next = 0;
    std::uint64_t synced_end = 0;
    std::deque<std::shared_ptr<MemoryRun>> runs;  // without a gap, up to `next`
    std::deque<Waiting> tickets;  // of commands whose outcome is not synced, in order
  };

  Partition& At(TopicPartition partition);
  const Partition& At(TopicPartition partition) const;
  void Close(PendingFrame& frame, std::int64_t now_ns);
  // The frame that takes `bytes` more, and in it the run of `partition`.
  MemoryRun& RunFor(Partition& partition, TopicPartition place, PendingFrame& frame);
  PendingFrame& OpenFrame(bool full, std::int64_t now_ns);
  void Forget(const PendingFrame& frame);

  const Limits limits_;
  std::int64_t last_time_ns_;
  std::vector<std::vector<Partition>> topics_;  // by topic, partition
  std::uint64_t frames_begun_ = 0;
  std::deque<std::shared_ptr<PendingFrame>> frames_;  // nobody has taken them yet
  std::size_t pending_bytes_ = 0;
  std::deque<std::shared_ptr<PendingFrame>> synced_;
  std::size_t synced_bytes_ = 0;
};

}  // namespace commander::log
