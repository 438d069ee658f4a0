#include "crypto/wiping_message.h"

#include <sodium.h>

#include <algorithm>

namespace commander::crypto {

WipingMessage::WipingMessage(std::size_t first_segment_words) : next_words_(first_segment_words) {}

WipingMessage::WipingMessage(WipedWords* first_segment)
    : lent_(first_segment), next_words_(first_segment->size()) {}

WipingMessage::~WipingMessage() noexcept(false) {
  if (!lent_used_) return;
  sodium_memzero(lent_->bytes().data(), lent_->bytes().size());
}

kj::ArrayPtr<capnp::word> WipingMessage::allocateSegment(capnp::uint minimum_words) {
  const auto as_segment = [](WipedWords& words) {
    return kj::arrayPtr(reinterpret_cast<capnp::word*>(words.words().data()), words.size());
  };
  if (lent_ != nullptr && !lent_used_ && lent_->size() >= minimum_words) {
    lent_used_ = true;
    return as_segment(*lent_);
  }
  WipedWords segment(std::max<std::size_t>(minimum_words, next_words_));
  next_words_ += segment.size();
  segments_.push_back(std::move(segment));
  return as_segment(segments_.back());
}

}  // namespace commander::crypto
