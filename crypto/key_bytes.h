// key_bytes.h: numbers and lengths in stored bytes, little-endian, without padding.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace commander::crypto {

using Bytes = std::span<const std::uint8_t>;

inline Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsView(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
template <std::size_t N>
std::string ToString(const std::array<std::uint8_t, N>& bytes) {
  return std::string(AsView(bytes));
}

// Appends to a string.
class BytesWriter {
 public:
  BytesWriter& U8(std::uint8_t value) { return Number(value, 1); }
  BytesWriter& U16(std::uint16_t value) { return Number(value, 2); }
  BytesWriter& U32(std::uint32_t value) { return Number(value, 4); }
  BytesWriter& U64(std::uint64_t value) { return Number(value, 8); }
  BytesWriter& I64(std::int64_t value) { return U64(static_cast<std::uint64_t>(value)); }
  BytesWriter& Raw(std::string_view bytes) {
    out_.append(bytes);
    return *this;
  }
  BytesWriter& Raw(Bytes bytes) { return Raw(AsView(bytes)); }
  // With its length, u32, before it.
  BytesWriter& Lp(std::string_view bytes) {
    return U32(static_cast<std::uint32_t>(bytes.size())).Raw(bytes);
  }

  const std::string& view() const { return out_; }
  std::string Take() { return std::move(out_); }

 private:
  BytesWriter& Number(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_.push_back(static_cast<char>(value >> (8 * i)));
    return *this;
  }
  std::string out_;
};

// Reads from a view.  Where it is too short everything is 0 and empty, and ok() is false from then
// on.
class BytesReader {
 public:
  explicit BytesReader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t U8() { return static_cast<std::uint8_t>(Number(1)); }
  std::uint16_t U16() { return static_cast<std::uint16_t>(Number(2)); }
  std::uint32_t U32() { return static_cast<std::uint32_t>(Number(4)); }
  std::uint64_t U64() { return Number(8); }
  std::int64_t I64() { return static_cast<std::int64_t>(Number(8)); }
  std::string_view Raw(std::size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string_view Lp() { return Raw(U32()); }
  template <std::size_t N>
  std::array<std::uint8_t, N> Array() {
    std::array<std::uint8_t, N> array{};
    const std::string_view taken = Raw(N);
    if (!taken.empty()) std::memcpy(array.data(), taken.data(), N);
    return array;
  }
  std::string_view Rest() { return Raw(rest_.size()); }

  bool ok() const { return ok_; }
  // Everything was read, and nothing was missing.
  bool AtEnd() const { return ok_ && rest_.empty(); }

 private:
  std::uint64_t Number(std::size_t bytes) {
    const std::string_view taken = Raw(bytes);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      value |= std::uint64_t{static_cast<std::uint8_t>(taken[i])} << (8 * i);
    }
    return value;
  }
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace commander::crypto
