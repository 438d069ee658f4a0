// memory_run.h: entries of one partition that go, or went, into one frame.
//
// They lie in chunks, ready to be written as they are.  A chunk is filled from front
// to back and never moves, so records that point into it stay good while more are
// added behind them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/log/entries.h"
#include "engine/log/log.h"

namespace commander::log {

struct Chunk {
  std::shared_ptr<const void> owner;  // keeps `data` alive
  Word* data = nullptr;
  std::size_t capacity_words = 0;
  std::size_t used_words = 0;
  std::uint64_t first_offset = 0;
  std::vector<std::uint32_t> starts;  // of messages, in words
  std::vector<std::int64_t> times;    // of commands, when they came

  std::span<const Word> message(std::size_t i) const {
    return {data + starts[i], static_cast<std::size_t>(data[starts[i] - kEntryHeaderWords] >> 32)};
  }

  // Takes over the entries of a batch.
  static Chunk Of(EntryBatch entries);
};

// Not thread-safe.
class MemoryRun {
 public:
  MemoryRun(std::uint64_t frame, TopicPartition partition, std::uint64_t first_offset)
      : frame_(frame), partition_(partition), first_offset_(first_offset) {}

  std::uint64_t frame() const { return frame_; }
  TopicPartition partition() const { return partition_; }
  std::uint64_t first_offset() const { return first_offset_; }
  std::uint32_t count() const { return count_; }
  std::uint64_t end_offset() const { return first_offset_ + count_; }
  std::size_t bytes() const { return bytes_; }                // of the entries
  std::size_t memory_bytes() const { return memory_bytes_; }  // of the chunks
  const std::vector<Chunk>& chunks() const { return chunks_; }

  void Append(std::span<const Word> message, std::int64_t time_ns);
  void Append(Chunk chunk);
  // When the frame was laid out: the time of those entries that have none of their own.
  void set_frame_time_ns(std::int64_t time_ns) { frame_time_ns_ = time_ns; }

  // As StoredFrame::Take().
  std::uint64_t Take(std::uint64_t from, std::uint64_t until, std::size_t max_bytes,
                     std::size_t* used, std::vector<Record>* out) const;

 private:
  const std::uint64_t frame_;
  const TopicPartition partition_;
  const std::uint64_t first_offset_;
  std::uint32_t count_ = 0;
  std::size_t bytes_ = 0;
  std::size_t memory_bytes_ = 0;
  std::int64_t frame_time_ns_ = 0;
  std::vector<Chunk> chunks_;
};

}  // namespace commander::log
