#include "crypto/wiped_words.h"

#include <sodium.h>

#include <cstdlib>
#include <new>
#include <utility>

namespace commander::crypto {

WipedWords::WipedWords(std::size_t words) : size_(words), capacity_(words) {
  if (words == 0) return;
  words_ = static_cast<std::uint64_t*>(std::calloc(words, sizeof(std::uint64_t)));
  if (words_ == nullptr) throw std::bad_alloc();
}

WipedWords::WipedWords(WipedWords&& other) noexcept
    : words_(std::exchange(other.words_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

WipedWords& WipedWords::operator=(WipedWords&& other) noexcept {
  WipedWords taken(std::move(other));
  std::swap(words_, taken.words_);
  std::swap(size_, taken.size_);
  std::swap(capacity_, taken.capacity_);
  return *this;
}

WipedWords::~WipedWords() {
  if (words_ == nullptr) return;
  sodium_memzero(words_, capacity_ * sizeof(std::uint64_t));
  std::free(words_);
}

void WipedWords::Cut(std::size_t words) {
  sodium_memzero(words_ + words, (size_ - words) * sizeof(std::uint64_t));
  size_ = words;
}

}  // namespace commander::crypto
