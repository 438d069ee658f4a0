// utf8.h: walks over text that may or may not be UTF-8.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace commander::cli {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;
};

// The character at the beginning of `text`, or nothing where no well-formed one stands there
// (RFC 3629: no surrogates, nothing overlong, nothing above U+10FFFF).
std::optional<CodePoint> FirstCodePoint(std::string_view text);

bool IsUtf8(std::string_view text);

// Whether a terminal shows the character as itself: no control or formatting character, no
// separator but the space, no noncharacter.  What is not makes a screen lie or beep.
bool IsPrintable(char32_t c);

}  // namespace commander::cli
