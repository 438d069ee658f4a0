#include "crypto/esp1.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "commander/internal/status_macros.h"
#include "crypto/answer.h"
#include "crypto/little_endian.h"

namespace commander::crypto::esp1 {
namespace {

constexpr std::uint8_t kMagic[4] = {'E', 'S', 'P', '1'};
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kAlgorithm = 1;  // XChaCha20-Poly1305
constexpr std::size_t kWordBytes = 8;

// Places of the fields, as FORMAT.md has them.
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kAlgorithmAt = 5;
constexpr std::size_t kSegmentsAt = 6;
constexpr std::size_t kFlagsAt = 7;
constexpr std::size_t kPublicBytesAt = 8;
constexpr std::size_t kMoreFlagsAt = 12;
constexpr std::size_t kStateAt = 1;
constexpr std::size_t kSegmentFlagsAt = 2;
constexpr std::size_t kBoxBytesAt = 4;
constexpr std::size_t kKidAt = 8;
constexpr std::size_t kNonceAt = 40;
constexpr std::size_t kTagAt = 64;

absl::Status Malformed(std::string_view what) { return StatusOf(Answer::kMalformed, what); }
absl::Status Unsupported(std::string_view what) { return StatusOf(Answer::kUnsupported, what); }

// What the header says, before anything behind it is looked at.
absl::Status ParseHeader(Bytes bytes, Message* message) {
  if (bytes.size() < kHeaderBytes) return Malformed("shorter than a header");
  if (!std::equal(std::begin(kMagic), std::end(kMagic), bytes.begin())) {
    return Malformed("does not begin with ESP1");
  }
  if (bytes[kVersionAt] != kVersion) return Unsupported("another version");
  if (bytes[kAlgorithmAt] != kAlgorithm) return Unsupported("another algorithm");
  if (bytes[kFlagsAt] != 0 || LoadLittle<std::uint32_t>(&bytes[kMoreFlagsAt]) != 0) {
    return Unsupported("an unknown flag");
  }
  message->segment_count = bytes[kSegmentsAt];
  if (message->segment_count == 0 || message->segment_count > kMaxSegments) {
    return Malformed("number of segments");
  }
  const std::size_t public_bytes = LoadLittle<std::uint32_t>(&bytes[kPublicBytesAt]);
  if (public_bytes == 0 || public_bytes % kWordBytes != 0 ||
      public_bytes > bytes.size() - kHeaderBytes) {
    return Malformed("length of the public part");
  }
  message->bound = bytes.first(kHeaderBytes + public_bytes);
  message->public_part = message->bound.subspan(kHeaderBytes);
  return absl::OkStatus();
}

// Takes one segment off the front of `rest`.
absl::Status ParseSegment(Bytes* rest, Bytes* segment) {
  if (rest->size() < kSegmentBytes) return Malformed("a segment is missing");
  const std::uint8_t* const head = rest->data();
  if (LoadLittle<std::uint16_t>(head + kSegmentFlagsAt) != 0) {
    return Unsupported("an unknown flag of a segment");
  }
  const std::size_t box_bytes = LoadLittle<std::uint32_t>(head + kBoxBytesAt);
  bool right_length = false;
  switch (head[kStateAt]) {
    case static_cast<std::uint8_t>(State::kSealed):
      right_length = box_bytes >= kBoxOverheadBytes + kWordBytes && box_bytes % kWordBytes == 0;
      break;
    case static_cast<std::uint8_t>(State::kErased):
      right_length = box_bytes == 0;
      break;
    default:
      return Malformed("state of a segment");
  }
  if (!right_length || box_bytes > rest->size() - kSegmentBytes) {
    return Malformed("length of a segment");
  }
  *segment = rest->first(kSegmentBytes + box_bytes);
  *rest = rest->subspan(segment->size());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Message> Parse(Bytes bytes) {
  Message message;
  COMMANDER_RETURN_IF_ERROR(ParseHeader(bytes, &message));
  Bytes rest = bytes.subspan(message.bound.size());
  for (std::size_t i = 0; i < message.segment_count; ++i) {
    COMMANDER_RETURN_IF_ERROR(ParseSegment(&rest, &message.segments_[i]));
    if (i > 0 && message.segments_[i][0] <= message.segments_[i - 1][0]) {
      return Malformed("order of the groups");
    }
  }
  if (!rest.empty()) return Malformed("bytes behind the last segment");
  return message;
}

Segment Message::segment(std::size_t index) const {
  const Bytes bytes = segments_[index];
  Segment segment;
  segment.group = bytes[0];
  segment.state = static_cast<State>(bytes[kStateAt]);
  std::memcpy(segment.kid.bytes.data(), &bytes[kKidAt], segment.kid.bytes.size());
  std::memcpy(segment.nonce.data(), &bytes[kNonceAt], segment.nonce.size());
  std::memcpy(segment.tag.data(), &bytes[kTagAt], segment.tag.size());
  segment.box = bytes.subspan(kSegmentBytes);
  return segment;
}

std::size_t SizeOf(std::size_t public_bytes, std::size_t box_bytes) {
  return kHeaderBytes + public_bytes + kSegmentBytes + box_bytes;
}

void WriteHeader(std::size_t public_bytes, std::size_t segments, std::uint8_t* out) {
  std::memset(out, 0, kHeaderBytes);
  std::memcpy(out, kMagic, sizeof(kMagic));
  out[kVersionAt] = kVersion;
  out[kAlgorithmAt] = kAlgorithm;
  out[kSegmentsAt] = static_cast<std::uint8_t>(segments);
  StoreLittle(static_cast<std::uint32_t>(public_bytes), out + kPublicBytesAt);
}

void WriteSegment(const Segment& segment, std::size_t box_bytes, std::uint8_t* out) {
  out[0] = segment.group;
  out[kStateAt] = static_cast<std::uint8_t>(segment.state);
  StoreLittle(std::uint16_t{0}, out + kSegmentFlagsAt);
  StoreLittle(static_cast<std::uint32_t>(box_bytes), out + kBoxBytesAt);
  std::memcpy(out + kKidAt, segment.kid.bytes.data(), segment.kid.bytes.size());
  std::memcpy(out + kNonceAt, segment.nonce.data(), segment.nonce.size());
  std::memcpy(out + kTagAt, segment.tag.data(), segment.tag.size());
}

}  // namespace commander::crypto::esp1
