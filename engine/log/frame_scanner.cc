#include "engine/log/frame_scanner.h"

#include <algorithm>
#include <cstring>

#include "commander/internal/status_macros.h"

namespace commander::log {
namespace {

constexpr std::uint64_t kWindowBytes = 1 << 20;

}  // namespace

absl::StatusOr<std::span<const Word>> FrameScanner::Load(std::uint64_t at, std::uint64_t bytes) {
  const std::uint64_t whole = size_ & ~std::uint64_t{7};
  if (at >= whole) return std::span<const Word>();
  bytes = std::min(bytes, whole - at);
  const std::uint64_t window_end = window_at_ + window_.size() * sizeof(Word);
  if (at < window_at_ || at + bytes > window_end) {
    window_.resize(std::min(std::max(bytes, kWindowBytes), whole - at) / sizeof(Word));
    window_at_ = at;
    COMMANDER_ASSIGN_OR_RETURN(const std::size_t have,
                               file_.Read(at, std::as_writable_bytes(std::span(window_))));
    window_.resize(have / sizeof(Word));  // shorter where somebody cut the file meanwhile
  }
  return std::span<const Word>(window_).subspan((at - window_at_) / sizeof(Word));
}

absl::StatusOr<std::optional<std::span<const Word>>> FrameScanner::FrameAt(std::uint64_t at) {
  COMMANDER_ASSIGN_OR_RETURN(std::span<const Word> words, Load(at, sizeof(FrameHeader)));
  if (words.size_bytes() < sizeof(FrameHeader)) return std::nullopt;
  const FrameHeader header = HeaderOf(words);
  if (!PlausibleFrame(header, salt_, size_ - at)) return std::nullopt;
  COMMANDER_ASSIGN_OR_RETURN(words, Load(at, header.length));
  if (words.size_bytes() < header.length) return std::nullopt;
  const std::span<const Word> frame = words.first(header.length / sizeof(Word));
  if (!ValidFrame(frame, salt_)) return std::nullopt;
  return frame;
}

absl::StatusOr<std::optional<FrameScanner::Found>> FrameScanner::Search(std::uint64_t from,
                                                                        std::uint64_t sequence) {
  for (std::uint64_t at = from; at + sizeof(FrameHeader) <= size_; at += sizeof(Word)) {
    COMMANDER_ASSIGN_OR_RETURN(const std::span<const Word> words, Load(at, sizeof(FrameHeader)));
    if (words.size_bytes() < sizeof(FrameHeader)) break;
    const FrameHeader header = HeaderOf(words);
    if (header.sequence < sequence || !PlausibleFrame(header, salt_, size_ - at)) continue;
    COMMANDER_ASSIGN_OR_RETURN(const auto frame, FrameAt(at));
    if (frame.has_value()) return Found{at, header.sequence};
  }
  return std::nullopt;
}

absl::StatusOr<std::uint64_t> FrameScanner::EndOfContents(std::uint64_t from) {
  std::uint64_t end = from;
  if (from >= size_) return end;
  std::vector<std::byte> bytes(std::min(kWindowBytes, size_ - from));
  for (std::uint64_t at = from; at < size_; at += bytes.size()) {
    const std::uint64_t wanted = std::min<std::uint64_t>(bytes.size(), size_ - at);
    COMMANDER_ASSIGN_OR_RETURN(const std::size_t have,
                               file_.Read(at, std::span(bytes).first(wanted)));
    for (std::size_t i = have; i > 0; --i) {
      if (bytes[i - 1] != std::byte{0}) {
        end = at + i;
        break;
      }
    }
  }
  return end;
}

}  // namespace commander::log
