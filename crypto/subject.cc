#include "crypto/subject.h"

#include <span>

namespace commander::crypto {
namespace {

std::string Hex(std::span<const std::uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace

std::string Kid::ToString() const { return Hex(bytes); }
std::string Kid::Short() const { return Hex(std::span(bytes).first(4)); }
std::string ErasureId::ToString() const { return Hex(bytes); }

}  // namespace commander::crypto
