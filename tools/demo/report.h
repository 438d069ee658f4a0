// report.h: what the demo tells of the releases: tables for people, a summary for programs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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
  std::uint64_t people = 0;  // distinct e-mail addresses
};

// Waits until the projections have folded `at_least`.
absl::StatusOr<Totals> CountTotals(Engine& engine, const Debian& debian, const Position& at_least);

// The tables, for stdout.
absl::StatusOr<std::string> Tables(Engine& engine, const Debian& debian);

// The last lines, for stdout.
std::string Closing(const ImportResult& result, const Totals& totals);

// One JSON object.
std::string Summary(const ImportResult& result, const Totals& totals);

// `text` for a terminal or a JSON string: what is not printable UTF-8 becomes \xNN.
std::string Printable(std::string_view text);

}  // namespace commander::demo
