#include "engine/log/format.h"

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "commander/internal/strings.h"

namespace commander::log {

std::uint32_t FrameHeader::ComputeCheck(std::uint64_t salt) const {
  std::array<std::byte, 20> bytes;
  std::memcpy(bytes.data(), &length, 4);
  std::memcpy(bytes.data() + 4, &sequence, 8);
  std::memcpy(bytes.data() + 12, &time_ns, 8);
  return static_cast<std::uint32_t>(ChecksumOf(bytes.data(), bytes.size(), salt));
}

absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::span<const std::byte> bytes,
                                                  const std::string& path) {
  SegmentHeader header;
  if (bytes.size() < sizeof header) {
    return absl::DataLossError(absl::StrCat(path, " has ", bytes.size(), " bytes, fewer than the ",
                                            sizeof header, " of a segment's header"));
  }
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != SegmentHeader().magic) {
    return absl::DataLossError(
        absl::StrCat(path, " is not a segment of a log: it does not begin with CMDRSEG1"));
  }
  if (header.checksum != header.ComputeChecksum()) {
    return absl::DataLossError(absl::StrCat("the header of ", path, " is damaged (bytes 0 to 63)"));
  }
  if (header.format != kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " has format ", header.format, ", this program knows format ",
                     kFormatVersion, "; use the release that wrote it or a newer one"));
  }
  return header;
}

bool PlausibleFrame(const FrameHeader& header, std::uint64_t salt, std::uint64_t room) {
  return header.length >= sizeof(FrameHeader) && header.length % sizeof(Word) == 0 &&
         header.length <= kMaxFrameBytes && header.length <= room &&
         header.check == header.ComputeCheck(salt);
}

bool ValidFrame(std::span<const Word> frame, std::uint64_t salt) {
  return HeaderOf(frame).checksum ==
         ChecksumOf(frame.data() + 1, frame.size_bytes() - sizeof(Word), salt);
}

FrameHeader HeaderOf(std::span<const Word> frame) {
  FrameHeader header;
  std::memcpy(static_cast<void*>(&header), frame.data(), sizeof header);
  return header;
}

std::optional<std::vector<RunView>> RunsOf(std::span<const Word> frame) {
  constexpr std::size_t kRunWords = sizeof(RunHeader) / sizeof(Word);
  std::vector<RunView> runs;
  std::span<const Word> rest = frame.subspan(sizeof(FrameHeader) / sizeof(Word));
  while (!rest.empty()) {
    if (rest.size() < kRunWords) return std::nullopt;
    RunView run;
    std::memcpy(static_cast<void*>(&run.header), rest.data(), sizeof run.header);
    rest = rest.subspan(kRunWords);
    if (run.header.bytes % sizeof(Word) != 0 || run.header.bytes > rest.size_bytes()) {
      return std::nullopt;
    }
    run.entries = rest.first(run.header.bytes / sizeof(Word));
    rest = rest.subspan(run.entries.size());
    runs.push_back(run);
  }
  return runs;
}

std::string SegmentPath(const std::string& directory, std::uint64_t first_sequence) {
  return absl::StrFormat("%s/%020d.log", directory, first_sequence);
}

std::string IndexPath(const std::string& directory, std::uint64_t first_sequence) {
  return absl::StrFormat("%s/%020d.idx", directory, first_sequence);
}

std::optional<std::uint64_t> SegmentNumber(const std::string& name) {
  if (name.size() != 24 || name.compare(20, 4, ".log") != 0) return std::nullopt;
  std::uint64_t number = 0;
  for (int i = 0; i < 20; ++i) {
    if (name[static_cast<std::size_t>(i)] < '0' || name[static_cast<std::size_t>(i)] > '9') {
      return std::nullopt;
    }
    number = number * 10 + static_cast<std::uint64_t>(name[static_cast<std::size_t>(i)] - '0');
  }
  return number;
}

std::string LogIdText(const LogId& id) {
  const std::string bytes(id.begin(), id.end());
  return absl::BytesToHexString(bytes);
}

}  // namespace commander::log
