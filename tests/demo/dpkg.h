// dpkg.h: what dpkg reads in a changelog, to compare with what the demo reads.
//
//     EXPECT_EQ(Describe(ParseChangelog(text)), *DpkgParseChangelog("/tmp/changelog"));
//
// Needs dpkg-parsechangelog and its Perl library (package dpkg-dev).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/demo/changelog.h"

namespace commander::demo {

// One text for each entry, a line for each field, comparable with ==.
std::vector<std::string> Describe(const Changelog& changelog);

// The entries of one file, compressed or not, by `dpkg-parsechangelog --all --format rfc822`.
absl::StatusOr<std::vector<std::string>> DpkgParseChangelog(const std::string& path);

// The same of many files that are not compressed, by the script dpkg_entries.pl in one process,
// with the number of lines that dpkg could not place.
struct DpkgChangelog {
  std::vector<std::string> entries;
  std::size_t unparsed_lines = 0;
};
absl::StatusOr<std::vector<DpkgChangelog>> DpkgReadChangelogs(
    const std::string& script, const std::vector<std::string>& paths);

// The changelogs of this machine, or, where it has none, of packages that the demo's script in
// `source_directory` downloads below `build_directory`, once.
absl::StatusOr<std::vector<std::string>> FindRealChangelogs(const std::string& source_directory,
                                                            const std::string& build_directory);

// Runs a program found by PATH to its end and returns what it wrote to standard output.
//   kNotFound: there is no such program.
//   kInternal: it failed; the message holds what it wrote to standard error.
absl::StatusOr<std::string> RunProgram(const std::vector<std::string>& arguments);

}  // namespace commander::demo
