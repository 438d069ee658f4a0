// esp1.h: the bytes of a sealed struct, ESP1 (FORMAT.md): a public part that everybody reads, and
// segments of personal fields, each sealed under the key of one subject.
//
// Parsing takes any bytes, allocates nothing and believes nothing: what it answers is well-formed,
// not authentic.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "crypto/keyring.h"
#include "crypto/subject.h"

namespace commander::crypto::esp1 {

using Bytes = std::span<const std::uint8_t>;

inline constexpr std::size_t kHeaderBytes = 16;
inline constexpr std::size_t kSegmentBytes = 80;  // in front of the box
inline constexpr std::size_t kBoxOverheadBytes = 16;
inline constexpr std::size_t kMaxSegments = 16;

enum class State : std::uint8_t {  // stored
  kSealed = 1,
  kErased = 2,  // written when the key was destroyed already: no box
};

struct Segment {
  std::uint8_t group = 0;
  State state = State::kSealed;
  Kid kid;
  Nonce nonce{};
  PlaceTag tag{};
  Bytes box;  // ciphertext and tag; empty: erased
};

// Views into the parsed bytes.
struct Message {
  Bytes bound;        // header and public part, as they are bound into the associated data
  Bytes public_part;  // a flat Cap'n Proto segment; 8-byte aligned where the message is
  std::size_t segment_count = 0;

  Segment segment(std::size_t index) const;

 private:
  friend absl::StatusOr<Message> Parse(Bytes bytes);
  std::array<Bytes, kMaxSegments> segments_;
};

//   kDataLoss (Answer::kMalformed), kUnimplemented (Answer::kUnsupported)
absl::StatusOr<Message> Parse(Bytes bytes);

// Bytes of a message of one segment; `box_bytes` is 0 for one that is erased.
std::size_t SizeOf(std::size_t public_bytes, std::size_t box_bytes);

// Into the first bytes of a message with `segments` segments.
void WriteHeader(std::size_t public_bytes, std::size_t segments, std::uint8_t* out);
// Into the kSegmentBytes in front of a box of `box_bytes`.
void WriteSegment(const Segment& segment, std::size_t box_bytes, std::uint8_t* out);

}  // namespace commander::crypto::esp1
