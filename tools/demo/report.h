// report.h: what the demo tells of the releases: tables for people, a summary for programs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/commander.h"
#include "tools/demo/debian.h"
#include "tools/demo/import.h"

namespace commander::demo {

// Counted in the projections, not in what was sent.
struct Totals {
  std::uint64_t stored = 0;  // distinct source and version
  std::uint64_t sources = 0;
  std::uint64_t people = 0;  // distinct pseudonyms, those of erased people included
};

// Waits until the projections have folded `at_least`.
absl::StatusOr<Totals> CountTotals(Engine& engine, const Debian& debian, const Position& at_least);

// The tables, for stdout.
absl::StatusOr<std::string> Tables(Engine& engine, const Debian& debian);

// One row of the table of uploaders: the name, or "(erased)", and 8 digits of the pseudonym.
std::string Line(const ProjectionEntry<Uploader>& person);

// The most active first.
absl::StatusOr<std::vector<ProjectionEntry<Uploader>>> UploadersByActivity(Engine& engine,
                                                                           const Debian& debian);

// Every row of every projection, a line each, personal fields included: to compare.
absl::StatusOr<std::string> EveryRow(Engine& engine, const Debian& debian);

// The last lines, for stdout.
std::string Closing(const ImportResult& result, const Totals& totals);

// One JSON object.
std::string Summary(const ImportResult& result, const Totals& totals);

// `text` for a terminal or a JSON string: what is not printable UTF-8 becomes \xNN.
std::string Printable(std::string_view text);

}  // namespace commander::demo
