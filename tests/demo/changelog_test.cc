#include "tools/demo/changelog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/demo/dpkg.h"
#include "tests/demo/odd_changelogs.h"
#include "tests/support/status_matchers.h"
#include "tools/demo/changelog_line.h"

namespace commander::demo {
namespace {

using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::Lt;
using ::testing::SizeIs;

constexpr std::string_view kTrailer =
    " -- Ann Ash <ann@example.org>  Sat, 31 Dec 2022 11:32:01 +0100\n";

std::string Entry(std::string_view header, std::string_view changes = "  * x\n",
                  std::string_view trailer = kTrailer) {
  return std::string(header).append("\n\n").append(changes).append("\n").append(trailer);
}

// The only entry of `text`.
ChangelogEntry ParseOne(const std::string& text) {
  const Changelog changelog = ParseChangelog(text);
  EXPECT_THAT(changelog.entries, SizeIs(1)) << text;
  return changelog.entries.empty() ? ChangelogEntry() : changelog.entries.front();
}

std::vector<std::string> VersionsOf(const Changelog& changelog) {
  std::vector<std::string> versions;
  for (const ChangelogEntry& entry : changelog.entries) versions.push_back(entry.version);
  return versions;
}

TEST(ChangelogTest, ReadsEveryFieldOfAnEntry) {
  const ChangelogEntry entry = ParseOne(
      Entry("bash (1:5.2-3) unstable experimental; urgency=HIGH", "  * Fix. Closes: #12, #7\n"));
  EXPECT_EQ(entry.source, "bash");
  EXPECT_EQ(entry.version, "1:5.2-3");
  EXPECT_EQ(entry.distribution, "unstable experimental");
  EXPECT_EQ(entry.urgency, "high");
  EXPECT_EQ(entry.name, "Ann Ash");
  EXPECT_EQ(entry.email, "ann@example.org");
  EXPECT_EQ(entry.date, "Sat, 31 Dec 2022 11:32:01 +0100");
  EXPECT_EQ(entry.seconds, 1672482721);
  EXPECT_THAT(entry.closed_bugs, ElementsAre(7, 12));
}

TEST(ChangelogTest, ReadsEntriesInTheOrderOfTheFile) {
  EXPECT_THAT(VersionsOf(ParseChangelog(Entry("a (2) u; urgency=low") + "\n" +
                                        Entry("a (3) u; urgency=low") + "\n" +
                                        Entry("a (1) u; urgency=low"))),
              ElementsAre("2", "3", "1"));
}

TEST(ChangelogTest, ReadsTheUrgencyThatStandsFirst) {
  EXPECT_EQ(ParseOne(Entry("a (1) u; urgency=Low (HIGH for users), urgency=high")).urgency, "low");
  EXPECT_EQ(ParseOne(Entry("a (1) u; x-y=z,Urgency = high")).urgency, "unknown");
  EXPECT_EQ(ParseOne(Entry("a (1) u; x-y=z,URGENCY= high")).urgency, "high");
  EXPECT_EQ(ParseOne(Entry("a (1) u;")).urgency, "unknown");
}

TEST(ChangelogTest, FindsClosedBugsInTheArchivesForms) {
  const struct {
    std::string changes;
    std::vector<std::uint64_t> bugs;
  } cases[] = {
      {"  * Closes: #123\n", {123}},
      {"  * closes:#123,#45 , #6\n", {45, 123}},
      {"  * CLOSES: bug#1, Bug 2,bug3, 4\n", {1, 2, 3, 4}},
      {"  * Closes:\n\n    #5,\n    #5\n", {5}},
      {"  * closes: bugs 8, fixes: #9, closes #10\n", {}},
      {"  * Closes: #18446744073709551615, #18446744073709551616\n", {18446744073709551615U}},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ParseOne(Entry("a (1) u; urgency=low", c.changes)).closed_bugs, c.bugs) << c.changes;
  }
}

TEST(ChangelogTest, ReadsNameAndAddressUpToTheLastBrackets) {
  const ChangelogEntry entry =
      ParseOne(Entry("a (1) u; urgency=low", "  * x\n",
                     " -- A <x> B <y <ann@example.org>>  31 Dec 2022 11:32:01 +0100\n"));
  EXPECT_EQ(entry.name, "A <x> B <y");
  EXPECT_EQ(entry.email, "ann@example.org>");
}

TEST(ChangelogTest, KeepsADateThatIsNoneAsText) {
  const ChangelogEntry entry =
      ParseOne(Entry("a (1) u; urgency=low", "  * x\n",
                     " -- A <a@example.org>  Mon, 31 December 2022 11:32:01 +0100\n"));
  EXPECT_EQ(entry.date, "Mon, 31 December 2022 11:32:01 +0100");
  EXPECT_EQ(entry.seconds, std::nullopt);
}

TEST(ChangelogTest, KeepsAnEntryWithoutTrailer) {
  const ChangelogEntry entry = ParseOne("a (1) u; urgency=low\n  * x\n -- Ann Ash\n");
  EXPECT_EQ(entry.version, "1");
  EXPECT_EQ(entry.name, "");
  EXPECT_EQ(entry.email, "");
  EXPECT_EQ(entry.date, "");
}

TEST(ChangelogTest, TakesChangesWithoutHeaderForAnEntryOfAnUnknownPackage) {
  const Changelog changelog = ParseChangelog(Entry("a (1) u; urgency=low") + "  * y\n");
  ASSERT_THAT(changelog.entries, SizeIs(2));
  EXPECT_EQ(changelog.entries[1].source, "unknown");
  EXPECT_EQ(changelog.entries[1].version, "unknown");
}

TEST(ChangelogTest, CallsAnInvalidVersionUnknown) {
  for (const std::string version : {"v1", "1_2", "1-", "1-2-", ":1", "a:1", "-1"}) {
    EXPECT_EQ(ParseOne(Entry("a (" + version + ") u; urgency=low")).version, "unknown") << version;
  }
  for (const std::string version : {"0", "1:", "1:2:3-4-5~6+7"}) {
    EXPECT_EQ(ParseOne(Entry("a (" + version + ") u; urgency=low")).version, version);
  }
}

TEST(ChangelogTest, CountsLinesThatFitNoPart) {
  const Changelog changelog = ParseChangelog(
      Entry("a (1) u; urgency=low", "  * x\nb(2) u; urgency=low\n one blank\n -- Ann Ash\n"));
  EXPECT_EQ(changelog.unparsed_lines, 3U);
  EXPECT_THAT(VersionsOf(changelog), ElementsAre("1"));
}

TEST(ChangelogTest, PassesOverComments) {
  EXPECT_EQ(ParseChangelog("# comment\n/* another */\n$Id: x $\n" + Entry("a (1) u; urgency=low"))
                .unparsed_lines,
            0U);
}

TEST(ChangelogTest, ReadsNothingBehindTheEndOfAChangelog) {
  for (const std::string end :
       {"vim: tw=78", "Local Variables:", ";; local variables:", "Old Changelog:",
        "Tue Jan  7 15:11:02 MET 1997  Ann Ash <ann@example.org>",
        "Tue Jan 7, 1997  Ann Ash <ann@example.org>", "foo-1.0 Debian 3", "foo 1.0 Debian 3",
        "foo (1.0)", "Changes from version 1.0 to 1.1:", "Changes for foo-1.0:", "1:1.0-1:"}) {
    EXPECT_THAT(VersionsOf(ParseChangelog(Entry("a (2) u; urgency=low") + end + "\n" +
                                          Entry("a (1) u; urgency=low"))),
                ElementsAre("2"))
        << end;
  }
}

TEST(ChangelogTest, KeepsBytesAsTheyAre) {
  const ChangelogEntry entry =
      ParseOne(Entry("a (1) u; urgency=low", "  * x\n",
                     " -- J\xf6rg <j\xc3\xb6rg@example.org>  31 Dec 2022 11:32:01 +0100\r\n"));
  EXPECT_EQ(entry.name, "J\xf6rg");
  EXPECT_EQ(entry.email, "j\xc3\xb6rg@example.org");
  EXPECT_EQ(entry.date, "31 Dec 2022 11:32:01 +0100");
}

TEST(ChangelogTest, FindsNoEntryInOtherText) {
  for (const std::string text : {"", "\n", " ", "Prose.\nMore of it.\n", "\xff\xfe", "# \n"}) {
    EXPECT_THAT(ParseChangelog(text).entries, IsEmpty()) << text;
  }
}

// A line without end must cost neither stack nor more than linear time.
TEST(ChangelogTest, ReadsLinesOfMegabytes) {
  for (const std::string start :
       {"a (1) u; urgency=", "  * closes: ", " -- ", "Tue Jan  7 1:2:3 ", "Tue Jan 7 1997 ", "a-",
        "Changes for a", "Changes from version ", "a (1)", "1", "$Id:", "closes: closes:", ""}) {
    for (const std::string filler : {"<", " <", " ", "1", "-", "a", " to ", "1997 (", ", 1", ","}) {
      std::string line = start;
      while (line.size() < (1 << 20)) line += filler;
      EXPECT_THAT(ParseChangelog(line + "\n" + Entry("a (1) u; urgency=low")).entries,
                  SizeIs(Lt(4U)));
    }
  }
}

// How many entries there can be at most: one starts at each header, one at a change behind each
// trailer, and one at a change before both.
void ExpectNoInventedEntries(const std::string& text) {
  std::size_t headers = 0;
  std::size_t trailers = 0;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = std::string_view(text).substr(start, end - start);
    headers += MatchHeader(line) ? 1 : 0;
    trailers += MatchTrailer(line) ? 1 : 0;
    start = end + 1;
  }
  const Changelog changelog = ParseChangelog(text);
  const auto named = static_cast<std::size_t>(
      std::count_if(changelog.entries.begin(), changelog.entries.end(),
                    [](const ChangelogEntry& entry) { return entry.source != "unknown"; }));
  EXPECT_LE(named, headers);
  EXPECT_LE(changelog.entries.size(), headers + trailers + 1);
}

TEST(ChangelogTest, SurvivesDamageToARealChangelog) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::vector<std::string> paths,
                                 FindRealChangelogs(COMMANDER_SOURCE_DIR, COMMANDER_BIN_DIR "/.."));
  std::string text;
  for (const std::string& path : paths) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(text, RunProgram({"gzip", "-dc", path}));
    if (text.size() >= 10000) break;
  }
  text.resize(std::min<std::size_t>(text.size(), 20000));
  ASSERT_THAT(ParseChangelog(text).entries, SizeIs(Gt(5U))) << "too short to damage";
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000 && !HasFailure(); ++i) {
    std::string damaged = text;
    for (int times = 1 + i % 20; times > 0; --times) damaged = Damage(std::move(damaged), random);
    ExpectNoInventedEntries(damaged);
  }
}

TEST(ChangelogTest, SurvivesRandomChangelogs) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 5000 && !HasFailure(); ++i) ExpectNoInventedEntries(RandomChangelog(random));
}

}  // namespace
}  // namespace commander::demo
