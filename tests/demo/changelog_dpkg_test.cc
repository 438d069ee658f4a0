// Whatever dpkg reads in a changelog, the demo reads.  Needs dpkg-parsechangelog (package
// dpkg-dev).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "tests/demo/dpkg.h"
#include "tests/demo/odd_changelogs.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tools/demo/changelog.h"
#include "tools/demo/changelog_files.h"
#include "tools/demo/text_scanner.h"

namespace commander::demo {
namespace {

constexpr char kSourceDirectory[] = COMMANDER_SOURCE_DIR;
constexpr char kBuildDirectory[] = COMMANDER_BIN_DIR "/..";

void WriteFile(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

// Compares what both read in each of `texts`.
void ExpectSameAsDpkg(const std::vector<std::string>& texts) {
  const test::TempDir directory;
  std::vector<std::string> paths;
  for (const std::string& text : texts) {
    paths.push_back(directory / std::to_string(paths.size()));
    WriteFile(paths.back(), text);
  }
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const std::vector<DpkgChangelog> expected,
      DpkgReadChangelogs(std::string(kSourceDirectory) + "/tests/demo/dpkg_entries.pl", paths));
  ASSERT_EQ(expected.size(), texts.size());
  // The first difference is enough to read.
  for (std::size_t i = 0; i < texts.size() && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("in this changelog:\n" + texts[i]);
    const Changelog changelog = ParseChangelog(texts[i]);
    EXPECT_EQ(Describe(changelog), expected[i].entries);
    EXPECT_EQ(changelog.unparsed_lines, expected[i].unparsed_lines);
  }
}

TEST(ChangelogDpkgTest, ReadsRealPackagesAsDpkgParsechangelogDoes) {
  constexpr std::size_t kPackages = 48;
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::vector<std::string> paths,
                                 FindRealChangelogs(kSourceDirectory, kBuildDirectory));
  ASSERT_GE(paths.size(), 24U) << "too few changelogs to tell anything";
  const std::size_t step = std::max<std::size_t>(paths.size() / kPackages, 1);
  std::size_t entries = 0;
  for (std::size_t i = 0; i < paths.size(); i += step) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto expected, DpkgParseChangelog(paths[i]));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto changelog, ReadChangelog(paths[i]));
    EXPECT_EQ(Describe(changelog), expected) << "in " << paths[i];
    entries += expected.size();
  }
  EXPECT_GT(entries, paths.size() / step) << "dpkg-parsechangelog printed hardly anything";
}

TEST(ChangelogDpkgTest, ReadsOddChangelogsAsDpkgDoes) {
  std::vector<std::string> texts;
  for (const OddChangelog& changelog : OddChangelogs()) texts.emplace_back(changelog.text);
  ExpectSameAsDpkg(texts);
}

TEST(ChangelogDpkgTest, ReadsDamagedChangelogsAsDpkgDoes) {
  std::mt19937_64 random(20221231);
  std::vector<std::string> texts;
  for (int i = 0; i < 2000; ++i) texts.push_back(RandomChangelog(random));
  ExpectSameAsDpkg(texts);
}

// Counts as independent_count.pl does, skipped files included.
std::string Count(const std::string& directory) {
  const absl::StatusOr<std::vector<std::string>> paths = FindChangelogs(directory);
  EXPECT_THAT(paths, test::IsOk());
  std::size_t entries = 0;
  std::size_t skipped = 0;
  std::set<std::pair<std::string, std::string>> releases;
  std::set<std::string> sources;
  std::set<std::string> people;
  for (const std::string& path : paths.value_or(std::vector<std::string>())) {
    const absl::StatusOr<Changelog> changelog = ReadChangelog(path);
    if (!changelog.ok()) {
      ++skipped;
      continue;
    }
    for (const ChangelogEntry& entry : changelog->entries) {
      ++entries;
      if (!releases.emplace(entry.source, entry.version).second) continue;  // the first wins
      sources.insert(entry.source);
      if (!entry.email.empty()) people.insert(FoldCase(entry.email));
    }
  }
  return absl::StrCat(
      "{\"files\":", paths->size(), ",\"entries\":", entries, ",\"stored\":", releases.size(),
      ",\"duplicates\":", entries - releases.size(), ",\"sources\":", sources.size(),
      ",\"people\":", people.size(), ",\"skipped\":", skipped, "}\n");
}

TEST(ChangelogDpkgTest, CountsAsTheIndependentCounterDoes) {
  // A letter for each directory, so that what is in it stands in for a package.
  const test::TempDir directory;
  const auto write = [&](const std::string& name, const std::string& content) {
    std::filesystem::create_directories((directory / name).parent_path());
    WriteFile(directory / name, content);
  };
  const auto gzip = [&](const std::string& name, std::string_view text) {
    write(name, std::string(text));
    EXPECT_THAT(RunProgram({"gzip", "-n", directory / name}), test::IsOk());
  };
  for (const OddChangelog& changelog : OddChangelogs()) {
    gzip("doc/" + std::string(changelog.name) + "/changelog.Debian", changelog.text);
  }
  gzip("doc/both/changelog.Debian", OddChangelogs()[0].text);
  gzip("doc/both/changelog", OddChangelogs()[1].text);
  gzip("doc/upstream [1]*/changelog", OddChangelogs()[1].text);
  write("doc/plain-text/changelog.gz", std::string(OddChangelogs()[0].text));
  write("doc/empty/changelog.gz", "");
  gzip("doc/cut/changelog", OddChangelogs()[0].text);
  std::filesystem::resize_file(directory / "doc/cut/changelog.gz", 150);
  gzip("doc/trailing/changelog", OddChangelogs()[0].text);
  std::ofstream(directory / "doc/trailing/changelog.gz", std::ios::app) << "x";
  gzip("doc/padded/changelog", OddChangelogs()[0].text);
  std::ofstream(directory / "doc/padded/changelog.gz", std::ios::app) << std::string(512, '\0');
  std::filesystem::create_symlink("both", directory / "doc/link");
  std::filesystem::create_symlink("gone", directory / "doc/dangling");
  std::filesystem::create_directories(directory / "root/usr/share");
  std::filesystem::create_directory_symlink(directory / "doc", directory / "root/usr/share/doc");

  const std::string script = std::string(kSourceDirectory) + "/tests/demo/independent_count.pl";
  for (const std::string input : {"doc", "root", ""}) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const std::string expected,
                                   RunProgram({"perl", script, directory / input}));
    EXPECT_EQ(Count(directory / input), expected) << input;
    EXPECT_THAT(expected, testing::Not(testing::HasSubstr("\"skipped\":0"))) << input;
  }
}

}  // namespace
}  // namespace commander::demo
