#include "tools/demo/erasure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "commander/internal/status_macros.h"
#include "tests/demo/made_up.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tools/demo/import.h"
#include "tools/demo/log_prefix.h"
#include "tools/demo/report.h"
#include "tools/demo/session.h"

namespace commander::demo {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class DemoErasureTest : public ::testing::Test {
 protected:
  DemoErasureTest() { WriteMadeUpChangelogs(directory_ / "doc"); }

  std::string Data() const { return (directory_ / "data").string(); }
  std::string Doc() const { return (directory_ / "doc").string(); }

  struct Imported {
    ImportResult result;
    Totals totals;
    std::string tables;
  };
  Imported ImportAll() {
    Imported imported;
    const auto all = [&]() -> absl::Status {
      COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session, Session::Open({Data()}));
      const std::atomic<bool> stop{false};
      Engine& engine = session->engine();
      COMMANDER_ASSIGN_OR_RETURN(imported.result, Import(engine, session->debian(), Doc(), stop));
      COMMANDER_RETURN_IF_ERROR(engine.AwaitReady());
      COMMANDER_ASSIGN_OR_RETURN(imported.totals,
                                 CountTotals(engine, session->debian(), imported.result.position));
      COMMANDER_ASSIGN_OR_RETURN(imported.tables, Tables(engine, session->debian()));
      return session->Close();
    };
    EXPECT_THAT(all(), test::IsOk());
    return imported;
  }

  // What it tells, and whether all is ok.
  std::pair<bool, std::string> Show(std::optional<std::string> file = {}) {
    std::ostringstream out;
    const absl::StatusOr<bool> ok = ShowErasure({Data(), Doc(), std::move(file)}, out);
    EXPECT_THAT(ok, test::IsOk());
    return {ok.value_or(false), out.str()};
  }

  std::string WriteFile(const std::string& name, const std::string& content) {
    std::ofstream(directory_ / name, std::ios::binary) << content;
    return (directory_ / name).string();
  }

  const test::TempDir directory_{test::TempDir::kMemory};
};

// From where the person is erased.
std::string After(const std::string& told) {
  const std::size_t at = told.find("ok      erased ");
  return at == std::string::npos ? "" : told.substr(at);
}

TEST_F(DemoErasureTest, CountsEveryReleaseAndTheirPeople) {
  const Imported imported = ImportAll();
  EXPECT_EQ(imported.result.entries, 9U);
  EXPECT_EQ(imported.result.added, 7U);
  EXPECT_EQ(imported.result.duplicates, 2U);
  EXPECT_EQ(imported.result.erased, 0U);
  EXPECT_EQ(imported.totals.stored, 7U);
  EXPECT_EQ(imported.totals.sources, 2U);
  EXPECT_EQ(imported.totals.people, 2U) << "nobody is not one";
  EXPECT_THAT(imported.tables, AllOf(HasSubstr("Ada Ashgrove"), HasSubstr("Ben Birchwood"),
                                     Not(HasSubstr("(erased)"))));
}

TEST_F(DemoErasureTest, ErasesTheMostActiveUploaderOfSeveralPackages) {
  ImportAll();
  const auto [ok, told] = Show();
  EXPECT_TRUE(ok) << told;
  EXPECT_THAT(told, HasSubstr("Ada Ashgrove"));
  EXPECT_THAT(After(told), AllOf(HasSubstr("(erased)"), Not(HasSubstr("Ada Ashgrove")),
                                 Not(HasSubstr("ashgrove.example"))));
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("unmarked")));
  }
}

TEST_F(DemoErasureTest, RefusesNewReleasesOfTheErasedAndKeepsTheCounts) {
  const Imported before = ImportAll();
  EXPECT_TRUE(Show().first);
  WriteChangelog(directory_ / "doc/plum/changelog.gz",
                 {{"plum", "3-2", kAda}, {"plum", "3-1", kBen}});
  const Imported again = ImportAll();
  EXPECT_EQ(again.result.entries, 11U);
  EXPECT_EQ(again.result.added, 1U);
  EXPECT_EQ(again.result.duplicates, 3U);
  EXPECT_EQ(again.result.erased, 7U);
  EXPECT_EQ(again.totals.people, before.totals.people);
  EXPECT_EQ(again.totals.stored, before.totals.stored + 1);
  EXPECT_THAT(again.tables, AllOf(HasSubstr("(erased)"), Not(HasSubstr("Ada Ashgrove"))));
}

TEST_F(DemoErasureTest, ErasesWhomTheFileNamesInAnyCase) {
  ImportAll();
  const std::string file = WriteFile("email", " Ben@BIRCHWOOD.example \n");
  const auto [ok, told] = Show(file);
  EXPECT_TRUE(ok) << told;
  EXPECT_THAT(After(told), AllOf(HasSubstr("Ada Ashgrove"), Not(HasSubstr("Birchwood"))));
  // Once is for good.
  std::ostringstream out;
  EXPECT_THAT(ShowErasure({Data(), Doc(), file}, out),
              test::StatusIs(absl::StatusCode::kNotFound, Not(HasSubstr("irchwood"))));
}

TEST_F(DemoErasureTest, TellsWhomItCannotFind) {
  ImportAll();
  std::ostringstream out;
  EXPECT_THAT(ShowErasure({Data(), Doc(), (directory_ / "none").string()}, out),
              test::StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_TRUE(Show().first);
  EXPECT_THAT(ShowErasure({Data(), Doc(), std::nullopt}, out),
              test::StatusIs(absl::StatusCode::kNotFound, HasSubstr("left to erase")));
}

TEST_F(DemoErasureTest, SaysSoWhereTheSearchFindsThePerson) {
  ImportAll();
  WriteFile("data/note", "ada ashgrove");
  const auto [ok, told] = Show();
  EXPECT_FALSE(ok);
  EXPECT_THAT(told, AllOf(HasSubstr("FAILED  search before the erasure"),
                          HasSubstr("FAILED  search after the erasure"),
                          HasSubstr("ok      every row of every table")));
}

TEST_F(DemoErasureTest, SeesThatTheLogGrewOrChanged) {
  ImportAll();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const LogBytes before, ReadLogBytes(Data()));
  ASSERT_EQ(before.segments.size(), 1U);
  EXPECT_GT(before.bytes, 1000U);
  ImportAll();
  EXPECT_THAT(BeginsWith(Data(), before), test::IsOkAndHolds(true));
  const auto path = directory_ / "data/log" / before.segments.begin()->first;
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(before.bytes) - 1);
    const int last = file.get();
    file.seekp(static_cast<std::streamoff>(before.bytes) - 1);
    file.put(static_cast<char>(last ^ 1));
  }
  EXPECT_THAT(BeginsWith(Data(), before), test::IsOkAndHolds(false));
  std::filesystem::resize_file(path, before.bytes - 1);
  EXPECT_THAT(BeginsWith(Data(), before), test::IsOkAndHolds(false));
  std::filesystem::remove(path);
  EXPECT_THAT(BeginsWith(Data(), before), test::IsOkAndHolds(false));
}

TEST(KekFileTest, IsBesideTheDirectoryHoweverItIsNamed) {
  EXPECT_EQ(KekFile("/a/data"), "/a/data.kek");
  EXPECT_EQ(KekFile("/a/data//"), "/a/data.kek");
  EXPECT_EQ(KekFile("/a/data/."), "/a/data.kek");
  EXPECT_EQ(KekFile("/a/b/../data"), "/a/data.kek");
  EXPECT_EQ(KekFile("."), std::filesystem::current_path().string() + ".kek");
}

}  // namespace
}  // namespace commander::demo
