// row.h: one result, before it is known how it will be shown.
//
//     Row row;
//     row.Key("key", key).Wide("version", 7).Json("data", std::move(json));
//
// A table shows the cells under their names, JSON is an object with the same names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace commander::cli {

class Row {
 public:
  // Names must outlive the row: literals.
  Row& Text(std::string_view name, std::string_view text);
  Row& Key(std::string_view name, std::string_view key);     // as keys.h prints it
  Row& Wide(std::string_view name, std::uint64_t number);    // a string in JSON
  Row& Number(std::string_view name, std::uint32_t number);  // a number in JSON
  Row& Flag(std::string_view name, bool flag);               // true or false
  Row& Json(std::string_view name, std::string json);        // as it is
  Row& Null(std::string_view name);                          // null; nothing in a table

  Row& Append(const Row& other);

  // An object on one line.
  std::string ToJson() const;
  // What stands in a table: without quotes, nothing that moves a cursor.
  std::string CellText(std::string_view name) const;

  struct Cell {
    enum class Kind { kText, kKey, kWide, kJson, kNull };
    std::string_view name;
    Kind kind = Kind::kNull;
    std::string value;
  };
  const std::vector<Cell>& cells() const { return cells_; }

 private:
  Row& Add(std::string_view name, Cell::Kind kind, std::string value);
  std::vector<Cell> cells_;
};

}  // namespace commander::cli
