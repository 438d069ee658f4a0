// format.h: the fixed parts of segments and frames, as FORMAT.md describes them.
//
// The structs are the bytes: little-endian, no gaps.  Nothing here touches a file.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/log/checksum.h"
#include "engine/log/entries.h"
#include "engine/log/log.h"

namespace commander::log {

static_assert(std::endian::native == std::endian::little, "stored numbers are little-endian");

inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::uint32_t kMaxFrameBytes = 16u << 20;

struct SegmentHeader {
  std::array<char, 8> magic = {'C', 'M', 'D', 'R', 'S', 'E', 'G', '1'};
  std::uint32_t format = kFormatVersion;
  std::uint32_t rewrites = 0;
  LogId log = {};
  std::uint64_t first_sequence = 0;
  std::uint64_t previous_checksum = 0;
  std::uint64_t salt = 0;
  std::uint64_t checksum = 0;

  std::uint64_t ComputeChecksum() const {
    return ChecksumOf(this, offsetof(SegmentHeader, checksum));
  }
};
static_assert(sizeof(SegmentHeader) == 64);

struct FrameHeader {
  std::uint64_t checksum = 0;
  std::uint32_t length = 0;
  std::uint32_t check = 0;
  std::uint64_t sequence = 0;
  std::int64_t time_ns = 0;

  std::uint32_t ComputeCheck(std::uint64_t salt) const;
};
static_assert(sizeof(FrameHeader) == 32);

struct RunHeader {
  std::uint16_t topic = 0;
  std::uint16_t partition = 0;
  std::uint32_t count = 0;
  std::uint64_t first_offset = 0;
  std::uint32_t bytes = 0;
  std::uint32_t zero = 0;

  TopicPartition place() const { return {topic, partition}; }
};
static_assert(sizeof(RunHeader) == 24);

// The header of a segment.  `path` is for the message.
//   kDataLoss: not a header, or damaged.
//   kFailedPrecondition: a format that this program does not know.
absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::span<const std::byte> bytes,
                                                  const std::string& path);

// Whether the header at the beginning of `words` can be one of a frame that fits
// into `room` bytes.  Compares `check`; hashes nothing else.
bool PlausibleFrame(const FrameHeader& header, std::uint64_t salt, std::uint64_t room);

// Whether the checksum of a whole frame is right.
bool ValidFrame(std::span<const Word> frame, std::uint64_t salt);

FrameHeader HeaderOf(std::span<const Word> frame);

// One run of a frame, where it lies.
struct RunView {
  RunHeader header;
  std::span<const Word> entries;
};

// The runs of a frame whose checksum is right.  Nothing where they do not add up,
// which only a program that wrote nonsense can cause.
std::optional<std::vector<RunView>> RunsOf(std::span<const Word> frame);

// "<directory>/<20 digits>.log", and the sequence in such a name.
std::string SegmentPath(const std::string& directory, std::uint64_t first_sequence);
std::string IndexPath(const std::string& directory, std::uint64_t first_sequence);
std::optional<std::uint64_t> SegmentNumber(const std::string& name);

// 32 hexadecimal digits.
std::string LogIdText(const LogId& id);

inline std::uint64_t RoundUpTo8(std::uint64_t n) { return (n + 7) & ~std::uint64_t{7}; }

}  // namespace commander::log
