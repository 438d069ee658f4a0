// What `store verify` finds and what `store hash` tells apart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "simdjson.h"
#include "store/layout.h"
#include "store/rocks_store.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/directory_state.h"
#include "tests/tools/run_commander.h"

namespace commander::test {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class VerifyVerbTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(WriteBank(data_, {"--deposits", "20"}), IsOk()); }

  // The damages that are listed, as "part result file at what"; the exit code fits.
  std::vector<std::string> Verify() {
    const auto before = StateOf(data_);
    const Ran ran = Commander(data_, {"store", "verify"});
    EXPECT_EQ(StateOf(data_), before) << "nothing is repaired";
    std::vector<std::string> damages;
    bool failed = false;
    simdjson::dom::parser parser;
    for (const std::string& line : ran.Lines()) {
      const simdjson::dom::element row = parser.parse(line);
      const auto text = [&](const char* name) {
        std::string_view value;
        return row[name].get(value) == simdjson::SUCCESS ? std::string(value) : std::string("-");
      };
      failed |= text("result") == "fail";
      if (text("result") == "pass" || text("result") == "fail") continue;
      damages.push_back(text("part") + " " + text("result") + " " + text("file") + " " +
                        text("at") + " " + text("what"));
    }
    EXPECT_EQ(ran.exit, failed ? 1 : 0) << ran.err;
    const Ran document = Commander(data_, {"store", "verify", "-o", "json"});
    EXPECT_EQ(std::string_view(parser.parse(document.out)["status"]), failed ? "fail" : "pass");
    return damages;
  }
  static void Flip(const fs::path& path, std::uintmax_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte ^ 0x40));
    ASSERT_TRUE(file.good()) << path;
  }
  std::vector<fs::path> Tables(const std::string& store) const {
    std::vector<fs::path> tables;
    for (const auto& entry : fs::directory_iterator(data_ / store)) {
      if (entry.path().extension() == ".sst") tables.push_back(entry.path());
    }
    return tables;
  }
  // Where the zeros behind the last frame begin.
  std::uintmax_t EndOfLog() const {
    std::ifstream file(segment_, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    return bytes.find_last_not_of('\0') + 1;
  }
  // Changes a row behind the engine's back; RocksDB's checksums are right.
  template <typename Change>
  void ChangeState(const std::string& family, const std::string& key, Change change) {
    FixedClock clock;
    auto factory = store::NewRocksStoreFactory({.data_directory = data_, .clock = &clock});
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto store, factory->Open("store/accounts"));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const store::FamilyId id, store->OpenFamily(family));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto stored, store->Get(id, store::StateKey(key)));
    ASSERT_TRUE(stored.has_value());
    COMMANDER_ASSERT_OK_AND_ASSIGN(store::StateRow row, store::DecodeState(*stored));
    change(row);
    store::Batch batch;
    batch.Put(store::StateKey(key), store::EncodeState(row.version, row.state));
    ASSERT_THAT(store->Write(id, batch), IsOk());
    ASSERT_THAT(store->Close(), IsOk());
  }
  std::vector<std::string> Hashes(const fs::path& data) {
    const Ran ran = Commander(data, {"store", "hash"});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    return ran.Lines();
  }

  const TempDir dir_;
  const fs::path data_ = dir_ / "data";
  const fs::path segment_ = data_ / "log/00000000000000000001.log";
};

TEST_F(VerifyVerbTest, AWholeDirectoryPasses) { EXPECT_THAT(Verify(), IsEmpty()); }

TEST_F(VerifyVerbTest, ThreeDamagesAtOnceAreAllNamed) {
  const fs::path table = Tables("store/accounts").at(0);
  const fs::path row_table = Tables("projections/balances@1").at(0);
  Flip(table, 10);
  fs::remove(row_table);
  Flip(segment_, 200);
  EXPECT_THAT(
      Verify(),
      ::testing::IsSupersetOf(
          {AllOf(HasSubstr("log damaged " + segment_.string() + " byte "), HasSubstr("damaged")),
           AllOf(HasSubstr("projections/balances@1 missing " + row_table.string()),
                 HasSubstr("is missing")),
           AllOf(HasSubstr("store/accounts damaged " + table.string() + " offset 0"),
                 HasSubstr("checksum"))}));
}

TEST_F(VerifyVerbTest, AMissingSegmentIsDamage) {
  fs::remove(segment_);
  EXPECT_THAT(Verify(), ::testing::Contains(HasSubstr("log missing " + segment_.string())));
}

TEST_F(VerifyVerbTest, AStoreWithoutItsManifestIsDamage) {
  fs::remove(data_ / "store/accounts/CURRENT");
  EXPECT_THAT(Verify(), ::testing::Contains(HasSubstr("store/accounts missing ")));
}

// What a crash leaves behind the last frame is no damage; the same cut into an acknowledged one is.
TEST_F(VerifyVerbTest, ATornTailIsNoDamage) {
  {
    std::fstream file(segment_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>((EndOfLog() + 7) / 8 * 8));
    file << "torn";
  }
  EXPECT_THAT(Verify(), ElementsAre(HasSubstr("log torn_tail " + segment_.string() + " byte ")));
}

TEST_F(VerifyVerbTest, SevenBytesLessAtTheEndAreDamage) {
  fs::resize_file(segment_, EndOfLog() - 7);
  EXPECT_THAT(Verify(), ::testing::Contains(HasSubstr("acknowledged frames are missing")));
}

TEST_F(VerifyVerbTest, AStateOfAnotherVersionIsFound) {
  ChangeState("p6", "acct-1", [](store::StateRow& row) { ++row.version; });
  EXPECT_THAT(Verify(), ElementsAre(AllOf(HasSubstr("history damaged"), HasSubstr("key acct-1"),
                                          HasSubstr("has version 22, its events"))));
}

TEST_F(VerifyVerbTest, ARebuiltTwinHasTheSameHash) {
  const fs::path twin = dir_ / "twin";
  fs::copy(data_, twin, fs::copy_options::recursive);
  fs::remove_all(twin / "store");
  fs::remove_all(twin / "projections");
  ASSERT_THAT(WriteBank(twin, {"--accounts", "0", "--deposits", "0", "--only-open"}), IsOk());
  const std::vector<std::string> hashes = Hashes(data_);
  EXPECT_THAT(hashes, SizeIs(5)) << "3 partitions, the group, the projection";
  EXPECT_EQ(Hashes(twin), hashes);

  // The same rows in other files.
  ASSERT_THAT(WriteBank(data_, {"--only-open"}), IsOk());
  EXPECT_EQ(Hashes(data_), hashes);

  ChangeState("p6", "acct-1", [](store::StateRow& row) { row.state.back() ^= 1; });
  EXPECT_NE(Hashes(data_), hashes);
}

}  // namespace
}  // namespace commander::test
