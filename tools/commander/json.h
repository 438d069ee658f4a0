// json.h: pieces of JSON, appended to a string.
//
// Nothing that is appended holds a raw control character, and all of it is valid UTF-8, so it can
// be shown on a terminal as it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace commander::cli {

enum class BytesAs { kBase64, kHex };

// `text` in quotes.  Text that is not UTF-8 cannot be a JSON string and becomes {"base64":"…"}.
void AppendJsonText(std::string_view text, std::string* out);

// Bytes, in quotes, in base64 (RFC 4648 section 4, padded) or hexadecimal.
void AppendJsonBytes(std::string_view bytes, BytesAs as, std::string* out);

// A 64-bit number in quotes: JSON's own numbers are exact to 2^53 only.
void AppendJsonWide(std::uint64_t number, std::string* out);
void AppendJsonWide(std::int64_t number, std::string* out);

// The shortest text that reads back as the same value; "NaN", "Infinity" and "-Infinity" in quotes.
void AppendJsonFloat(double number, std::string* out);
void AppendJsonFloat(float number, std::string* out);

// A comma unless `out` ends with the beginning of an object or array, or is empty.
void AppendComma(std::string* out);
// A comma where one is due, the name and a colon.
void AppendJsonName(std::string_view name, std::string* out);

}  // namespace commander::cli
