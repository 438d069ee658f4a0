#include "tools/demo/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tools/demo/unmarked.h"

namespace commander::demo {
namespace {

using Names = std::vector<std::string>;
using Count = Needles::Count;

constexpr std::size_t kPiece = std::size_t{1} << 20;  // as it reads files

TEST(NeedlesTest, CountInAnyCase) {
  const Needles needles("ada@ashgrove.example", Names{"Ada Ashgrove", "A. Ashgrove"});
  EXPECT_EQ(needles.CountIn("x ADA@Ashgrove.Example, ada ashgrove; A. ASHGROVE"), (Count{1, 2}));
  EXPECT_EQ(needles.CountIn("ada@ashgrove.exampl"), Count());
  EXPECT_EQ(needles.CountIn(""), Count());
}

TEST(NeedlesTest, LeaveOutWhatEndsInWhatWasSeen) {
  const Needles needles("needle", Names());
  EXPECT_EQ(needles.CountIn("needle needle", 5), (Count{2, 0}));
  EXPECT_EQ(needles.CountIn("needle needle", 6), (Count{1, 0}));
  EXPECT_EQ(needles.CountIn("needle needle", 12), (Count{1, 0}));
  EXPECT_EQ(needles.CountIn("needle needle", 13), Count());
}

TEST(NeedlesTest, LeaveOutWhatStandsAnywhereByChance) {
  const Needles needles("a@b.c", Names{"Ada", "Ada Ashgrove"});
  EXPECT_FALSE(needles.has_email());
  EXPECT_TRUE(needles.has_name());
  EXPECT_EQ(needles.CountIn("a@b.c Ada"), Count());
}

class SearchTest : public ::testing::Test {
 protected:
  Hits SearchAll() {
    absl::StatusOr<Hits> hits = Search(directory_.path().string(), needles_);
    EXPECT_THAT(hits, test::IsOk());
    return hits.value_or(Hits());
  }
  void Write(const std::string& name, const std::string& content) {
    std::filesystem::create_directories((directory_ / name).parent_path());
    std::ofstream(directory_ / name, std::ios::binary) << content;
  }

  const test::TempDir directory_;
  const Needles needles_{"ada@ashgrove.example", Names{"Ada Ashgrove"}};
};

TEST_F(SearchTest, FindsOnceWhatStandsAnywhereInAFile) {
  const std::string email = "ada@ashgrove.example";
  for (std::size_t begin = kPiece - email.size() - 1; begin <= kPiece + 1; ++begin) {
    std::string content(2 * kPiece + 40, 'x');
    content.replace(begin, email.size(), email);
    Write("file", content);
    const Hits hits = SearchAll();
    ASSERT_EQ(hits.files, (Count{1, 0})) << "at " << begin;
    ASSERT_EQ(hits.bytes_read, content.size());
  }
}

TEST_F(SearchTest, FindsInDirectoriesAndInNames) {
  Write("a/b/ADA@ASHGROVE.EXAMPLE.log", "ada ashgrove");
  const Hits hits = SearchAll();
  EXPECT_EQ(hits.files, (Count{1, 1}));
  EXPECT_EQ(hits.files_read, 1U);
}

TEST_F(SearchTest, FindsNothingWhereNothingIs) {
  Write("a", std::string(2 * kPiece, 'x'));
  Write("b", "");
  const Hits hits = SearchAll();
  EXPECT_EQ(hits.files, Count());
  EXPECT_EQ(hits.rows, Count());
}

TEST_F(SearchTest, FindsInTheLogAndInEveryRowOfAStore) {
  Person person;
  for (int i = 0; i < 100; ++i) {
    ChangelogEntry& entry = person.releases.emplace_back();
    entry.source = "source-" + std::to_string(i);
    entry.name = "Ada Ashgrove";
    entry.email = "Ada@Ashgrove.example";
  }
  ASSERT_THAT(StoreUnmarked({directory_.path().string()}, person), test::IsOk());
  const Hits hits = SearchAll();
  EXPECT_GE(hits.files.email, 200U) << "100 commands, 100 events";
  EXPECT_GE(hits.files.name, 200U);
  EXPECT_EQ(hits.rows, (Count{2, 1})) << "a key and a row";
  EXPECT_GE(hits.rows_read, 101U);
}

}  // namespace
}  // namespace commander::demo
