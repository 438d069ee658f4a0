#include "engine/log/memory_run.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "engine/log/stored_frame.h"

namespace commander::log {
namespace {

// A run of a lone command stays small, one under load gets few chunks.
constexpr std::size_t kFirstChunkWords = 128;
constexpr std::size_t kChunkWords = 8192;

}  // namespace

Chunk Chunk::Of(EntryBatch entries) {
  Chunk chunk;
  const auto owner = std::make_shared<EntryBatch>(std::move(entries));
  const std::span<const Word> words = owner->words();
  chunk.owner = owner;
  chunk.data = const_cast<Word*>(words.data());  // full: nothing is written behind it
  chunk.capacity_words = chunk.used_words = words.size();
  chunk.starts.reserve(owner->count());
  EntryWalk walk(words);
  for (auto message = walk.Next(); !message.empty(); message = walk.Next()) {
    chunk.starts.push_back(static_cast<std::uint32_t>(message.data() - words.data()));
  }
  return chunk;
}

void MemoryRun::Append(std::span<const Word> message, std::int64_t time_ns) {
  const std::size_t words = message.size() + kEntryHeaderWords;
  if (chunks_.empty() || chunks_.back().capacity_words - chunks_.back().used_words < words) {
    const std::size_t usual = chunks_.empty()
                                  ? kFirstChunkWords
                                  : std::min(kChunkWords, chunks_.back().capacity_words * 2);
    Chunk chunk;
    chunk.capacity_words = std::max(usual, words);
    const auto memory = std::make_shared_for_overwrite<Word[]>(chunk.capacity_words);
    chunk.data = memory.get();
    chunk.owner = memory;
    chunk.first_offset = end_offset();
    memory_bytes_ += chunk.capacity_words * sizeof(Word);
    chunks_.push_back(std::move(chunk));
  }
  Chunk& chunk = chunks_.back();
  chunk.data[chunk.used_words] = static_cast<Word>(message.size()) << 32;
  chunk.starts.push_back(static_cast<std::uint32_t>(chunk.used_words + kEntryHeaderWords));
  chunk.times.push_back(time_ns);
  std::memcpy(chunk.data + chunk.used_words + kEntryHeaderWords, message.data(),
              message.size_bytes());
  chunk.used_words += words;
  ++count_;
  bytes_ += words * sizeof(Word);
}

void MemoryRun::Append(Chunk chunk) {
  chunk.first_offset = end_offset();
  count_ += static_cast<std::uint32_t>(chunk.starts.size());
  bytes_ += chunk.used_words * sizeof(Word);
  memory_bytes_ += chunk.capacity_words * sizeof(Word);
  chunks_.push_back(std::move(chunk));
}

std::uint64_t MemoryRun::Take(std::uint64_t from, std::uint64_t until, std::size_t max_bytes,
                              std::size_t* used, std::vector<Record>* out) const {
  until = std::min(until, end_offset());
  if (from < first_offset_ || from >= until) return from;
  auto chunk = std::prev(std::upper_bound(
      chunks_.begin(), chunks_.end(), from,
      [](std::uint64_t offset, const Chunk& c) { return offset < c.first_offset; }));
  for (; chunk != chunks_.end() && from < until; ++chunk) {
    for (std::size_t i = from - chunk->first_offset; i < chunk->starts.size() && from < until;
         ++i, ++from) {
      const std::span<const Word> message = chunk->message(i);
      if (!FitsInPoll(message.size_bytes(), *used, max_bytes)) return from;
      Record record;
      record.offset = {from};
      record.time_ns = chunk->times.empty() ? frame_time_ns_ : chunk->times[i];
      record.message = message;
      record.owner = chunk->owner;
      out->push_back(std::move(record));
      *used += message.size_bytes();
    }
  }
  return from;
}

}  // namespace commander::log
