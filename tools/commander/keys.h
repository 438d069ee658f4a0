// keys.h: keys as they are printed and as they are typed.
//
//     acct-1        acct-1
//     Zürich        Zürich
//     a\b           a\\b
//     00 01 0a      \x00\x01\x0a
//
// Printable UTF-8 stands for itself, a backslash is doubled, every other byte becomes \xNN; so does
// a space at either end.  Different keys print differently, what is printed is accepted as input,
// and nothing that is printed moves a cursor.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace commander::cli {

std::string PrintKey(std::string_view key);
void AppendKey(std::string_view key, std::string* out);

// Reverses PrintKey(); also takes text that PrintKey() would have escaped.
//   kInvalidArgument: a backslash that begins no escape, or no key of 1 to 1,024 bytes.
absl::StatusOr<std::string> ParseKey(std::string_view text);

// The same without bounds on the length: the beginning of a key, possibly empty.
absl::StatusOr<std::string> ParseKeyPrefix(std::string_view text);

}  // namespace commander::cli
