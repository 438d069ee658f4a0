#include "tools/commander/output.h"

#include <algorithm>
#include <utility>

#include "commander/internal/status_macros.h"
#include "tools/commander/json.h"
#include "tools/commander/utf8.h"

namespace commander::cli {
namespace {

constexpr std::string_view kGap = "  ";

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "pass";
    case Verdict::kFail:
      return "fail";
    case Verdict::kError:
      return "error";
  }
  return "error";
}

// In characters: cells hold printable UTF-8 only.
std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

std::optional<Format> ParseFormat(std::string_view name) {
  if (name == "table") return Format::kTable;
  if (name == "json") return Format::kJson;
  if (name == "ndjson") return Format::kNdjson;
  return std::nullopt;
}

absl::Status Output::BeginList(std::vector<std::string_view> columns) {
  state_ = State::kList;
  columns_ = std::move(columns);
  if (format_ == Format::kJson) return sink_.Write("{\"version\":\"1.0\",\"data\":[");
  return absl::OkStatus();
}

absl::Status Output::Add(const Row& row) {
  ++rows_;
  switch (format_) {
    case Format::kNdjson:
      COMMANDER_RETURN_IF_ERROR(sink_.Write(row.ToJson()));
      return sink_.Write("\n");
    case Format::kJson:
      COMMANDER_RETURN_IF_ERROR(sink_.Write(rows_ == 1 ? "\n" : ",\n"));
      return sink_.Write(row.ToJson());
    case Format::kTable:
      break;
  }
  std::vector<std::string> cells;
  for (const std::string_view column : columns_) cells.push_back(row.CellText(column));
  if (!widths_.empty()) return WriteLine(cells);
  kept_.push_back(std::move(cells));
  return kept_.size() < kTableRows ? absl::OkStatus() : WriteTable();
}

absl::Status Output::WriteTable() {
  std::vector<std::string> names(columns_.begin(), columns_.end());
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    widths.push_back(Width(columns_[i]));
    for (const auto& cells : kept_) widths[i] = std::max(widths[i], Width(cells[i]));
  }
  widths_ = std::move(widths);
  COMMANDER_RETURN_IF_ERROR(WriteLine(names));
  for (const auto& cells : std::exchange(kept_, {})) COMMANDER_RETURN_IF_ERROR(WriteLine(cells));
  return absl::OkStatus();
}

absl::Status Output::WriteLine(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line.append(kGap);
    line.append(cells[i]);
    const std::size_t width = Width(cells[i]);
    if (width < widths_[i]) line.append(widths_[i] - width, ' ');
  }
  line.resize(line.find_last_not_of(' ') + 1);
  line.push_back('\n');
  return sink_.Write(line);
}

absl::Status Output::Flush() {
  if (format_ == Format::kTable && widths_.empty() && !kept_.empty()) {
    COMMANDER_RETURN_IF_ERROR(WriteTable());
  }
  return sink_.Flush();
}

absl::Status Output::One(const std::optional<Row>& row) {
  state_ = State::kOne;
  if (format_ == Format::kJson) {
    COMMANDER_RETURN_IF_ERROR(sink_.Write("{\"version\":\"1.0\",\"data\":"));
    return sink_.Write(row.has_value() ? row->ToJson() : "null");
  }
  if (!row.has_value()) return absl::OkStatus();
  if (format_ == Format::kNdjson) {
    COMMANDER_RETURN_IF_ERROR(sink_.Write(row->ToJson()));
    return sink_.Write("\n");
  }
  widths_ = {0, 0};
  for (const Row::Cell& cell : row->cells()) widths_[0] = std::max(widths_[0], Width(cell.name));
  for (const Row::Cell& cell : row->cells()) {
    COMMANDER_RETURN_IF_ERROR(WriteLine({std::string(cell.name), row->CellText(cell.name)}));
  }
  return absl::OkStatus();
}

absl::Status Output::Finish(Verdict verdict, const std::vector<std::string>& diagnostics) {
  if (format_ == Format::kJson) {
    std::string end = state_ == State::kNothing ? "{\"version\":\"1.0\",\"data\":null"
                      : state_ == State::kOne   ? ""
                      : rows_ == 0              ? "]"
                                                : "\n]";
    end.append(",\"status\":\"").append(VerdictName(verdict)).append("\",\"diagnostics\":[");
    for (const std::string& diagnostic : diagnostics) {
      AppendComma(&end);
      AppendJsonText(diagnostic, &end);
    }
    end.append("]}\n");
    COMMANDER_RETURN_IF_ERROR(sink_.Write(end));
  }
  return Flush();
}

}  // namespace commander::cli
