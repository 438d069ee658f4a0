// wiped_words.h: memory for plaintext, which is wiped before it is given back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace commander::crypto {

// A run of words, zero at first.  Wiped when destroyed, moved over or cut.  Not thread-safe.
class WipedWords {
 public:
  WipedWords() = default;
  explicit WipedWords(std::size_t words);
  WipedWords(WipedWords&& other) noexcept;
  WipedWords& operator=(WipedWords&& other) noexcept;
  ~WipedWords();

  std::size_t size() const { return size_; }
  std::span<std::uint64_t> words() { return {words_, size_}; }
  std::span<const std::uint64_t> words() const { return {words_, size_}; }
  std::span<std::uint8_t> bytes() {
    return {reinterpret_cast<std::uint8_t*>(words_), size_ * sizeof(std::uint64_t)};
  }
  std::span<const std::uint8_t> bytes() const {
    return {reinterpret_cast<const std::uint8_t*>(words_), size_ * sizeof(std::uint64_t)};
  }

  // Keeps the first `words` and wipes the others.
  void Cut(std::size_t words);

 private:
  std::uint64_t* words_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace commander::crypto
