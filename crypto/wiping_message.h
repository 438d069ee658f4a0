// wiping_message.h: a Cap'n Proto message to build plaintext in.
//
//     WipedWords scratch(1024);                  // of a worker, used again and again
//     WipingMessage message(&scratch);
//     auto event = message.initRoot<bank::Opened>();
#pragma once

#include <capnp/message.h>

#include <vector>

#include "crypto/wiped_words.h"

namespace commander::crypto {

// Wipes every segment when it is destroyed, and with it what no pointer names any more.  Not
// thread-safe.
class WipingMessage final : public capnp::MessageBuilder {
 public:
  explicit WipingMessage(std::size_t first_segment_words = 1024);
  // Builds in `first_segment`, which must be all zeros, outlive this, and serve no other message
  // meanwhile; afterwards it is all zeros again.
  explicit WipingMessage(WipedWords* first_segment);
  ~WipingMessage() noexcept(false) override;

  kj::ArrayPtr<capnp::word> allocateSegment(capnp::uint minimum_words) override;

 private:
  WipedWords* lent_ = nullptr;
  bool lent_used_ = false;
  std::size_t next_words_;
  std::vector<WipedWords> segments_;
};

}  // namespace commander::crypto
