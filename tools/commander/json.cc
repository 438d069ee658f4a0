#include "tools/commander/json.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "commander/internal/strings.h"
#include "tools/commander/utf8.h"

namespace commander::cli {
namespace {

using ::commander::internal::ToAbsl;

void AppendEscaped(char32_t c, std::string* out) {
  switch (c) {
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    default:
      break;
  }
  if (c < 0x10000) {
    absl::StrAppendFormat(out, "\\u%04x", static_cast<unsigned>(c));
    return;
  }
  const auto offset = static_cast<unsigned>(c) - 0x10000;
  absl::StrAppendFormat(out, "\\u%04x\\u%04x", 0xd800 + (offset >> 10), 0xdc00 + (offset & 0x3ff));
}

template <typename Float>
void AppendFloat(Float number, std::string* out) {
  if (std::isnan(number)) {
    out->append("\"NaN\"");
  } else if (std::isinf(number)) {
    out->append(number > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  } else {
    char text[64];
    out->append(text, std::to_chars(text, text + sizeof(text), number).ptr);
  }
}

}  // namespace

void AppendJsonText(std::string_view text, std::string* out) {
  const std::size_t begin = out->size();
  out->push_back('"');
  for (std::size_t at = 0; at < text.size();) {
    const std::optional<CodePoint> c = FirstCodePoint(text.substr(at));
    if (!c.has_value()) {
      out->resize(begin);
      out->append("{\"base64\":");
      AppendJsonBytes(text, BytesAs::kBase64, out);
      out->push_back('}');
      return;
    }
    if (c->value == '"' || c->value == '\\') {
      out->push_back('\\');
      out->push_back(text[at]);
    } else if (!IsPrintable(c->value)) {
      AppendEscaped(c->value, out);
    } else {
      out->append(text.substr(at, c->bytes));
    }
    at += c->bytes;
  }
  out->push_back('"');
}

void AppendJsonBytes(std::string_view bytes, BytesAs as, std::string* out) {
  out->push_back('"');
  out->append(as == BytesAs::kHex ? absl::BytesToHexString(ToAbsl(bytes))
                                  : absl::Base64Escape(ToAbsl(bytes)));
  out->push_back('"');
}

void AppendJsonWide(std::uint64_t number, std::string* out) {
  absl::StrAppend(out, "\"", number, "\"");
}
void AppendJsonWide(std::int64_t number, std::string* out) {
  absl::StrAppend(out, "\"", number, "\"");
}

void AppendJsonFloat(double number, std::string* out) { AppendFloat(number, out); }
void AppendJsonFloat(float number, std::string* out) { AppendFloat(number, out); }

void AppendComma(std::string* out) {
  if (!out->empty() && out->back() != '{' && out->back() != '[') out->push_back(',');
}

void AppendJsonName(std::string_view name, std::string* out) {
  AppendComma(out);
  AppendJsonText(name, out);
  out->push_back(':');
}

}  // namespace commander::cli
