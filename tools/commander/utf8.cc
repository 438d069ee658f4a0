#include "tools/commander/utf8.h"

#include <algorithm>
#include <array>

namespace commander::cli {
namespace {

struct Span {
  char32_t first;
  char32_t last;
};

// Unicode 15, categories Cc, Cf, Zs but U+0020, Zl, Zp and the fillers that show as nothing.
constexpr auto kHidden = std::to_array<Span>({
    {0x0000, 0x001f},   {0x007f, 0x00a0},   {0x00ad, 0x00ad},    {0x034f, 0x034f},
    {0x0600, 0x0605},   {0x061c, 0x061c},   {0x06dd, 0x06dd},    {0x070f, 0x070f},
    {0x0890, 0x0891},   {0x08e2, 0x08e2},   {0x115f, 0x1160},    {0x1680, 0x1680},
    {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x2000, 0x200f},    {0x2028, 0x202f},
    {0x205f, 0x206f},   {0x2800, 0x2800},   {0x3000, 0x3000},    {0x3164, 0x3164},
    {0xe000, 0xf8ff},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},    {0xffa0, 0xffa0},
    {0xfff0, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd},  {0x13430, 0x1343f},
    {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0x10ffff},
});

bool IsNext(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
}

}  // namespace

std::optional<CodePoint> FirstCodePoint(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return CodePoint{lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return std::nullopt;
  char32_t value = lead & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!IsNext(text, i)) return std::nullopt;
    value = value << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[bytes] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
    return std::nullopt;
  }
  return CodePoint{value, bytes};
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::optional<CodePoint> c = FirstCodePoint(text);
    if (!c.has_value()) return false;
    text.remove_prefix(c->bytes);
  }
  return true;
}

bool IsPrintable(char32_t c) {
  if (c >= 0x20 && c < 0x7f) return true;
  if ((c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef)) return false;
  const auto* after =
      std::upper_bound(kHidden.begin(), kHidden.end(), c,
                       [](char32_t value, Span span) { return value < span.first; });
  return after == kHidden.begin() || c > std::prev(after)->last;
}

}  // namespace commander::cli
