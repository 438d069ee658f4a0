#include "tools/commander/keys.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "engine/envelope.h"
#include "tools/commander/utf8.h"

namespace commander::cli {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

void AppendBytes(std::string_view bytes, std::string* out) {
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    out->append({'\\', 'x', kDigits[value >> 4], kDigits[value & 0xf]});
  }
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void AppendKey(std::string_view key, std::string* out) {
  for (std::size_t at = 0; at < key.size();) {
    const std::optional<CodePoint> c = FirstCodePoint(key.substr(at));
    const std::size_t bytes = c.has_value() ? c->bytes : 1;
    const bool at_an_end = at == 0 || at + 1 == key.size();
    if (!c.has_value() || !IsPrintable(c->value) || (c->value == ' ' && at_an_end)) {
      AppendBytes(key.substr(at, bytes), out);
    } else if (c->value == '\\') {
      out->append("\\\\");
    } else {
      out->append(key.substr(at, bytes));
    }
    at += bytes;
  }
}

std::string PrintKey(std::string_view key) {
  std::string out;
  AppendKey(key, &out);
  return out;
}

absl::StatusOr<std::string> ParseKeyPrefix(std::string_view text) {
  std::string key;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      key.push_back(text[at]);
      continue;
    }
    const std::string_view rest = text.substr(at + 1);
    if (rest.starts_with('\\')) {
      key.push_back('\\');
      ++at;
    } else if (rest.size() >= 3 && rest[0] == 'x' && HexDigit(rest[1]) >= 0 &&
               HexDigit(rest[2]) >= 0) {
      key.push_back(static_cast<char>(HexDigit(rest[1]) << 4 | HexDigit(rest[2])));
      at += 3;
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("the key ", PrintKey(text), " has a backslash at byte ", at,
                       " that begins neither \\\\ nor \\xNN; a backslash itself is written \\\\"));
    }
  }
  return key;
}

absl::StatusOr<std::string> ParseKey(std::string_view text) {
  COMMANDER_ASSIGN_OR_RETURN(std::string key, ParseKeyPrefix(text));
  if (key.empty() || key.size() > internal::kMaxKeyBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a key has 1 to ", internal::kMaxKeyBytes,
                                                   " bytes; this one has ", key.size()));
  }
  return key;
}

}  // namespace commander::cli
