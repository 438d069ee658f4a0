#include "commander/id.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

#include "commander/environment.h"

namespace commander {
namespace {

constexpr std::uint64_t kVariant = 0x8000000000000000u;
constexpr std::uint64_t kVariantMask = 0x3fffffffffffffffu;

// A version 8 UUID (RFC 9562, section 5.8) of 122 bits of a hash.
MessageId Version8(XXH128_hash_t hash) {
  return {(hash.high64 & ~std::uint64_t{0xf000}) | 0x8000, (hash.low64 & kVariantMask) | kVariant};
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string MessageId::ToString() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (int nibble = 0; nibble < 32; ++nibble) {
    if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20) text += '-';
    const std::uint64_t half = nibble < 16 ? hi : lo;
    text += kDigits[half >> (60 - 4 * (nibble % 16)) & 0xf];
  }
  return text;
}

std::optional<MessageId> MessageId::Parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::array<std::uint64_t, 2> halves{};
  int nibbles = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int digit = HexDigit(text[i]);
    if (digit < 0) return std::nullopt;
    std::uint64_t& half = halves[nibbles < 16 ? 0 : 1];
    half = half << 4 | static_cast<std::uint64_t>(digit);
    ++nibbles;
  }
  return MessageId{halves[0], halves[1]};
}

MessageId MessageId::FromText(std::string_view text) {
  if (std::optional<MessageId> id = Parse(text); id.has_value() && !id->empty()) return *id;
  return Version8(XXH3_128bits(text.data(), text.size()));
}

MessageId MessageId::Derive(const MessageId& parent, std::string_view purpose, std::uint64_t n) {
  std::array<std::uint8_t, 64> bytes{};
  std::memcpy(bytes.data(), &parent.hi, 8);
  std::memcpy(bytes.data() + 8, &parent.lo, 8);
  std::memcpy(bytes.data() + 16, &n, 8);
  const std::size_t length = std::min(purpose.size(), bytes.size() - 24);
  std::memcpy(bytes.data() + 24, purpose.data(), length);
  return Version8(XXH3_128bits(bytes.data(), 24 + length));
}

IdSource::IdSource(RandomSource& random) : random_(random) {}

MessageId IdSource::Next(std::int64_t now_ns) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(now_ns, 0));
  const std::uint64_t tick = ns / 1'000'000 << 12 | ns % 1'000'000 * 4096 / 1'000'000;
  last_tick_ = std::max(tick, last_tick_ + 1);
  if (unused_ == 0) {
    random_.Fill({reinterpret_cast<std::uint8_t*>(pool_.data()), sizeof(pool_)});
    unused_ = pool_.size();
  }
  const std::uint64_t random = pool_[--unused_];
  return {last_tick_ >> 12 << 16 | 0x7000 | (last_tick_ & 0xfff),
          (random & kVariantMask) | kVariant};
}

std::string NewKey() {
  static std::mutex& mutex = *new std::mutex;
  static IdSource& source = *new IdSource(RandomSource::System());
  const std::lock_guard lock(mutex);
  return source.Next(Clock::System().NowNanos()).ToString();
}

}  // namespace commander
