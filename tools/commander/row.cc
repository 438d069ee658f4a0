#include "tools/commander/row.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/commander/json.h"
#include "tools/commander/keys.h"

namespace commander::cli {

Row& Row::Add(std::string_view name, Cell::Kind kind, std::string value) {
  cells_.push_back({name, kind, std::move(value)});
  return *this;
}

Row& Row::Text(std::string_view name, std::string_view text) {
  return Add(name, Cell::Kind::kText, std::string(text));
}
Row& Row::Key(std::string_view name, std::string_view key) {
  return Add(name, Cell::Kind::kKey, PrintKey(key));
}
Row& Row::Wide(std::string_view name, std::uint64_t number) {
  return Add(name, Cell::Kind::kWide, absl::StrCat(number));
}
Row& Row::Number(std::string_view name, std::uint32_t number) {
  return Add(name, Cell::Kind::kJson, absl::StrCat(number));
}
Row& Row::Flag(std::string_view name, bool flag) {
  return Add(name, Cell::Kind::kJson, flag ? "true" : "false");
}
Row& Row::Json(std::string_view name, std::string json) {
  return Add(name, Cell::Kind::kJson, std::move(json));
}
Row& Row::Append(const Row& other) {
  cells_.insert(cells_.end(), other.cells_.begin(), other.cells_.end());
  return *this;
}
Row& Row::Null(std::string_view name) { return Add(name, Cell::Kind::kNull, {}); }

std::string Row::ToJson() const {
  std::string out = "{";
  for (const Cell& cell : cells_) {
    AppendComma(&out);
    out.push_back('"');
    out.append(cell.name);
    out.append("\":");
    switch (cell.kind) {
      case Cell::Kind::kText:
      case Cell::Kind::kKey:
        AppendJsonText(cell.value, &out);
        break;
      case Cell::Kind::kWide:
        out.push_back('"');
        out.append(cell.value);
        out.push_back('"');
        break;
      case Cell::Kind::kJson:
        out.append(cell.value);
        break;
      case Cell::Kind::kNull:
        out.append("null");
        break;
    }
  }
  out.push_back('}');
  return out;
}

std::string Row::CellText(std::string_view name) const {
  for (const Cell& cell : cells_) {
    if (cell.name != name) continue;
    return cell.kind == Cell::Kind::kText ? PrintKey(cell.value) : cell.value;
  }
  return {};
}

}  // namespace commander::cli
