#include "tools/demo/changelog_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <zlib.h>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::demo {
namespace {

using ::commander::test::IsOk;
using ::commander::test::IsOkAndHolds;
using ::commander::test::StatusIs;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kText =
    "a (1) unstable; urgency=low\n\n  * x\n\n"
    " -- Ann Ash <ann@example.org>  Sat, 31 Dec 2022 11:32:01 +0100\n";

// One gzip member, as gzip makes it.
std::string Gzip(std::string_view text) {
  z_stream stream = {};
  EXPECT_EQ(
      deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY),
      Z_OK);
  std::string input(text);
  std::string compressed(deflateBound(&stream, input.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(compressed.data());
  stream.avail_out = static_cast<uInt>(compressed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  compressed.resize(compressed.size() - stream.avail_out);
  deflateEnd(&stream);
  return compressed;
}

TEST(GunzipTest, ReadsWhatGzipMade) {
  const std::string long_text(300'000, 'x');
  EXPECT_THAT(Gunzip(Gzip("text")), IsOkAndHolds("text"));
  EXPECT_THAT(Gunzip(Gzip("")), IsOkAndHolds(""));
  EXPECT_THAT(Gunzip(Gzip(long_text)), IsOkAndHolds(long_text));
}

TEST(GunzipTest, ReadsSeveralMembersAsOneText) {
  EXPECT_THAT(Gunzip(Gzip("one ") + Gzip("") + Gzip("two")), IsOkAndHolds("one two"));
}

TEST(GunzipTest, PassesOverPaddingOnly) {
  EXPECT_THAT(Gunzip(Gzip("text") + std::string(512, '\0')), IsOkAndHolds("text"));
  for (const std::string& rest : {std::string("x"), std::string("\0x", 2), std::string("\x1f")}) {
    EXPECT_THAT(Gunzip(Gzip("text") + rest),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("other data")));
  }
}

TEST(GunzipTest, SaysWhatIsWrong) {
  EXPECT_THAT(Gunzip(""), StatusIs(absl::StatusCode::kDataLoss, "is empty"));
  EXPECT_THAT(Gunzip("text"), StatusIs(absl::StatusCode::kDataLoss, "is not in gzip format"));
  std::string wrong_sum = Gzip("text");
  wrong_sum[wrong_sum.size() - 8] ^= 1;
  EXPECT_THAT(Gunzip(wrong_sum),
              StatusIs(absl::StatusCode::kDataLoss, "does not decompress: incorrect data check"));
}

TEST(GunzipTest, RefusesAMemberCutShortAnywhere) {
  const std::string compressed = Gzip(kText);
  for (std::size_t size = 2; size < compressed.size(); ++size) {
    EXPECT_THAT(Gunzip(compressed.substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss, "ends before its compressed data does"))
        << size;
  }
}

TEST(GunzipTest, NeverReadsAnotherTextFromAFlippedBit) {
  const std::string compressed = Gzip(kText);
  for (std::size_t bit = 0; bit < compressed.size() * 8; ++bit) {
    std::string flipped = compressed;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    // The time and the system in the header are not part of the text.
    EXPECT_THAT(Gunzip(flipped), AnyOf(IsOkAndHolds(kText), StatusIs(absl::StatusCode::kDataLoss)))
        << bit;
  }
}

TEST(GunzipTest, StopsAtTheBound) {
  const std::string bomb = Gzip(std::string(1'000'000, 'x'));
  EXPECT_LT(bomb.size(), 2000U);
  EXPECT_THAT(Gunzip(bomb, 1'000'000), IsOkAndHolds(SizeIs(1'000'000)));
  EXPECT_THAT(Gunzip(bomb, 999'999),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("more than 999999 bytes")));
  EXPECT_THAT(Gunzip(bomb + bomb, 1'500'000), StatusIs(absl::StatusCode::kResourceExhausted));
}

class ChangelogFilesTest : public ::testing::Test {
 protected:
  std::string Root() const { return directory_.path().string(); }

  // Writes a file and the directories above it.
  std::string Write(std::string_view path, std::string_view content) {
    const std::filesystem::path file = directory_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return file.string();
  }

  void Link(std::string_view path, const std::string& target) {
    const std::filesystem::path link = directory_ / path;
    std::filesystem::create_directories(link.parent_path());
    std::filesystem::create_symlink(target, link);
  }

  // What FindChangelogs(directory) finds, relative to it.
  std::vector<std::string> Find(const std::string& directory) {
    const absl::StatusOr<std::vector<std::string>> paths = FindChangelogs(directory);
    EXPECT_THAT(paths, IsOk());
    std::vector<std::string> names;
    for (const std::string& path : paths.value_or(std::vector<std::string>())) {
      EXPECT_EQ(path.substr(0, directory.size()), directory);
      const std::size_t name = path.find_first_not_of('/', directory.size());
      names.push_back(path.substr(name));
    }
    return names;
  }

  const test::TempDir directory_;
};

TEST_F(ChangelogFilesTest, FindsTheUpstreamNameOnlyWhereThereIsNoOther) {
  Write("a/changelog.Debian.gz", "");
  Write("a/changelog.gz", "");
  Write("b/changelog.gz", "");
  EXPECT_THAT(Find(Root()), ElementsAre("a/changelog.Debian.gz", "b/changelog.gz"));
}

TEST_F(ChangelogFilesTest, FindsNothingElse) {
  Write("a/changelog.Debian.amd64.gz", "");
  Write("a/changelog.Debian", "");
  Write("a/changelog", "");
  Write("a/deeper/changelog.gz", "");
  Write(".hidden/changelog.gz", "");
  Write("changelog.gz", "");
  EXPECT_THAT(Find(Root()), IsEmpty());
}

TEST_F(ChangelogFilesTest, FindsThemBelowARootAndBelowADirectoryOfRoots) {
  Write("usr/share/doc/a/changelog.gz", "");
  Write("unpacked/usr/share/doc/b/changelog.gz", "");
  EXPECT_THAT(Find(Root()),
              ElementsAre("unpacked/usr/share/doc/b/changelog.gz", "usr/share/doc/a/changelog.gz"));
  EXPECT_THAT(Find(Root() + "/"), SizeIs(2));
  EXPECT_THAT(Find(Root() + "/unpacked"), ElementsAre("usr/share/doc/b/changelog.gz"));
  EXPECT_THAT(Find(Root() + "/unpacked/usr/share/doc"), ElementsAre("b/changelog.gz"));
}

TEST_F(ChangelogFilesTest, OrdersPathsByTheirBytes) {
  Write("a/changelog.gz", "");
  Write("a-b/changelog.gz", "");
  Write("B/changelog.gz", "");
  Write("\xe9/changelog.gz", "");
  EXPECT_THAT(Find(Root()), ElementsAre("B/changelog.gz", "a-b/changelog.gz", "a/changelog.gz",
                                        "\xe9/changelog.gz"));
}

TEST_F(ChangelogFilesTest, FollowsLinksAsTheShellDoes) {
  Write("a/changelog.Debian.gz", "");
  Link("b", "a");
  Link("dangling", "gone");
  Link("loop", "loop");
  Link("c/changelog.Debian.gz", "../a/changelog.Debian.gz");
  Link("d/changelog.Debian.gz", "gone");
  Write("d/changelog.gz", "");
  EXPECT_THAT(Find(Root()), ElementsAre("a/changelog.Debian.gz", "b/changelog.Debian.gz",
                                        "c/changelog.Debian.gz", "d/changelog.Debian.gz"));
}

TEST_F(ChangelogFilesTest, RefusesWhatIsNoDirectory) {
  EXPECT_THAT(FindChangelogs(Root() + "/gone"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/gone")));
  EXPECT_THAT(FindChangelogs(Write("file", "")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a directory")));
}

TEST_F(ChangelogFilesTest, ReadsAChangelog) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Changelog changelog,
                                 ReadChangelog(Write("a/changelog.Debian.gz", Gzip(kText))));
  ASSERT_THAT(changelog.entries, SizeIs(1));
  EXPECT_EQ(changelog.entries[0].source, "a");
}

TEST_F(ChangelogFilesTest, SaysWhyAChangelogIsSkipped) {
  EXPECT_THAT(ReadChangelog(Root() + "/gone"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("cannot be opened")));
  EXPECT_THAT(ReadChangelog(Root()),
              StatusIs(absl::StatusCode::kInvalidArgument, "is not a regular file"));
  EXPECT_THAT(ReadChangelog(Write("plain", kText)),
              StatusIs(absl::StatusCode::kDataLoss, "is not in gzip format"));
  EXPECT_THAT(ReadChangelog(Write("prose", Gzip("Prose.\n"))),
              StatusIs(absl::StatusCode::kInvalidArgument, "holds no entry of a Debian changelog"));
}

TEST_F(ChangelogFilesTest, DoesNotWaitForANamedPipe) {
  const std::string pipe = directory_ / "changelog.gz";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(ReadChangelog(pipe),
              StatusIs(absl::StatusCode::kInvalidArgument, "is not a regular file"));
}

TEST_F(ChangelogFilesTest, ReadsNoMoreOfAFileThanTheBound) {
  const std::string path = Write("a/changelog.gz", Gzip(kText));
  std::filesystem::resize_file(path, std::uintmax_t{kMaxChangelogBytes} * 1000);  // takes no disk
  EXPECT_THAT(ReadChangelog(path),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("is larger than")));
}

}  // namespace
}  // namespace commander::demo
