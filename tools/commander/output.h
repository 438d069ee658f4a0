// output.h: results on the standard output, in the format that was asked for.
//
//     Output output(STDOUT_FILENO, Format::kNdjson);
//     RETURN_IF_ERROR(output.BeginList({"key", "version"}));
//     for (…) RETURN_IF_ERROR(output.Add(row));
//     RETURN_IF_ERROR(output.Finish(Verdict::kPass, {}));
//
//   kTable   a list: columns under their names; one result: a line a name.
//   kNdjson  an object a line.
//   kJson    one document {"version":"1.0","data":…,"status":"pass|fail|error","diagnostics":[]};
//            a list's data is an array, written as it comes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "tools/commander/row.h"
#include "tools/commander/sink.h"

namespace commander::cli {

enum class Format { kTable, kJson, kNdjson };
std::optional<Format> ParseFormat(std::string_view name);

enum class Verdict {
  kPass,
  kFail,   // it ran and found what it looks for
  kError,  // it did not run to the end
};

// Memory does not grow with the number of rows.  Errors are those of Sink.
class Output {
 public:
  Output(int descriptor, Format format) : sink_(descriptor), format_(format) {}

  // `columns`, of a table, must outlive the output: literals.
  absl::Status BeginList(std::vector<std::string_view> columns);
  absl::Status Add(const Row& row);
  // So that whoever follows sees what is there.
  absl::Status Flush();

  // One result instead of a list; none where nothing was found.
  absl::Status One(const std::optional<Row>& row);

  // Once, at the end, whatever happened.
  absl::Status Finish(Verdict verdict, const std::vector<std::string>& diagnostics);

  bool reader_gone() const { return sink_.reader_gone(); }

 private:
  // Rows of a table that are kept until the widths of its columns are known.
  static constexpr std::size_t kTableRows = 100;

  absl::Status WriteTable();
  absl::Status WriteLine(const std::vector<std::string>& cells);

  Sink sink_;
  const Format format_;
  enum class State { kNothing, kList, kOne } state_ = State::kNothing;
  std::size_t rows_ = 0;
  std::vector<std::string_view> columns_;
  std::vector<std::size_t> widths_;  // empty: not known yet
  std::vector<std::vector<std::string>> kept_;
};

}  // namespace commander::cli
