// entries.h: records laid one behind the other, as a frame of the log holds them.
//
// An entry is a Cap'n Proto stream message of one segment: u32 0 (one segment),
// u32 its length in words, the words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace commander::log {

using Word = std::uint64_t;  // Cap'n Proto's unit, aligned to 8 bytes

// Words that a header of an entry takes.
inline constexpr std::size_t kEntryHeaderWords = 1;

class EntryBatch {
 public:
  void Append(std::span<const Word> message) {
    words_.push_back(static_cast<Word>(message.size()) << 32);
    words_.insert(words_.end(), message.begin(), message.end());
    ++count_;
  }
  std::uint32_t count() const { return count_; }
  std::size_t bytes() const { return words_.size() * sizeof(Word); }
  bool empty() const { return count_ == 0; }
  std::span<const Word> words() const { return words_; }
  void Clear() { words_.clear(), count_ = 0; }

 private:
  std::vector<Word> words_;
  std::uint32_t count_ = 0;
};

// Walks over entries.  Next() gives the message of the next one, or an empty span
// at the end and where the words do not hold what a header promises (then
// `damaged()` is true).
class EntryWalk {
 public:
  explicit EntryWalk(std::span<const Word> words) : rest_(words) {}

  std::span<const Word> Next() {
    if (rest_.empty() || damaged_) return {};
    const std::uint64_t words = rest_[0] >> 32;
    if ((rest_[0] & 0xffffffffu) != 0 || words == 0 || words > rest_.size() - kEntryHeaderWords) {
      damaged_ = true;
      return {};
    }
    std::span<const Word> message = rest_.subspan(kEntryHeaderWords, words);
    rest_ = rest_.subspan(kEntryHeaderWords + words);
    return message;
  }
  bool damaged() const { return damaged_; }

 private:
  std::span<const Word> rest_;
  bool damaged_ = false;
};

}  // namespace commander::log
