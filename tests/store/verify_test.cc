#include "store/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "store/layout.h"
#include "store/manifest.h"
#include "store/rocks_store.h"
#include "tests/store/faulty_env.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::store {
namespace {

namespace fs = std::filesystem;

using ::commander::test::FaultyEnv;
using ::commander::test::FixedClock;
using ::commander::test::IsOk;
using ::commander::test::StatusIs;
using ::commander::test::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr int kFamilies = 3;
constexpr int kRows = 500;

// A closed store with one table for each of three families.
class VerifyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MakeStore(dir_.path(), 500);
    ASSERT_THAT(Tables(), SizeIs(kFamilies));
  }
  void MakeStore(const fs::path& data_directory, std::uint64_t word) {
    const auto store = Open(data_directory);
    const std::vector<std::uint64_t> words = {0, word};
    for (int i = 0; i < kFamilies; ++i) {
      const FamilyId family = *store->OpenFamily(absl::StrCat("p", i));
      Batch batch;
      batch.Put(PartitionKey(), EncodePartition({}));
      for (int row = 1; row < kRows; ++row) {
        batch.Put(StateKey(absl::StrCat("acct-", 1000 + row)), EncodeState(1, words));
      }
      ASSERT_THAT(store->Write(family, batch), IsOk());
      ASSERT_THAT(store->Flush(family), IsOk());
    }
    ASSERT_THAT(store->Close(), IsOk());
  }
  std::unique_ptr<Store> Open() { return Open(dir_.path()); }
  std::unique_ptr<Store> Open(const fs::path& data_directory) {
    auto factory = NewRocksStoreFactory({.data_directory = data_directory, .clock = &clock_});
    auto store = factory->Open("store/accounts");
    EXPECT_THAT(store, IsOk());
    return *std::move(store);
  }
  fs::path Directory() const { return dir_ / "store/accounts"; }
  std::vector<fs::path> Tables() const {
    std::vector<fs::path> tables;
    for (const auto& entry : fs::directory_iterator(Directory())) {
      if (entry.path().extension() == ".sst") tables.push_back(entry.path());
    }
    std::sort(tables.begin(), tables.end());
    return tables;
  }
  static std::string Name(const fs::path& path) { return path.filename().string(); }
  static void Flip(const fs::path& path, std::uintmax_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte ^ 0x40));
    ASSERT_TRUE(file.good()) << path;
  }
  absl::StatusOr<VerifiedTotals> Verify() { return Verify(Directory()); }
  absl::StatusOr<VerifiedTotals> Verify(const fs::path& directory) {
    damages_.clear();
    return VerifyRocksStore({.directory = directory, .env = faulty_.env.get()},
                            [&](const Damage& damage) { damages_.push_back(damage); });
  }

  const TempDir dir_;
  FaultyEnv faulty_;
  FixedClock clock_;
  std::vector<Damage> damages_;
};

auto DamageIs(const std::string& file, const ::testing::Matcher<std::string>& place,
              const ::testing::Matcher<std::string>& what) {
  return AllOf(Field(&Damage::file, file), Field(&Damage::place, place),
               Field(&Damage::what, what));
}

TEST_F(VerifyTest, FindsNothingInAWholeStore) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const VerifiedTotals totals, Verify());
  EXPECT_THAT(damages_, IsEmpty());
  EXPECT_EQ(totals.damages, 0u);
  EXPECT_EQ(totals.tables, 3u);
  EXPECT_EQ(totals.rows, std::uint64_t{kFamilies * kRows});
  EXPECT_TRUE(totals.rows_checked);
  std::uint64_t bytes = 0;
  for (const fs::path& table : Tables()) bytes += fs::file_size(table);
  EXPECT_EQ(totals.table_bytes, bytes);
}

TEST_F(VerifyTest, SaysWhenThereIsNoStore) {
  fs::remove_all(Directory());
  EXPECT_THAT(Verify(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(fs::exists(Directory()));
}

TEST_F(VerifyTest, FindsAFlippedBitAnywhereInATable) {
  const fs::path table = Tables()[1];
  const std::uintmax_t size = fs::file_size(table);
  for (std::uintmax_t at = 0; at < size; at += 1 + size / 97) {
    Flip(table, at);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const VerifiedTotals totals, Verify());
    EXPECT_GE(totals.damages, 1u) << "offset " << at;
    ASSERT_THAT(damages_, ::testing::Not(IsEmpty())) << "offset " << at;
    EXPECT_EQ(damages_[0].file, Name(table)) << "offset " << at;
    Flip(table, at);
  }
  EXPECT_THAT(Verify(), IsOk());
  EXPECT_THAT(damages_, IsEmpty());
}

TEST_F(VerifyTest, TellsTheBlock) {
  const fs::path table = Tables()[1];
  Flip(table, 10);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const VerifiedTotals totals, Verify());
  // The rows of the other families are read.
  EXPECT_FALSE(totals.rows_checked);
  EXPECT_GE(totals.rows, std::uint64_t{2 * kRows});
  EXPECT_THAT(damages_, ElementsAre(DamageIs(Name(table), "offset 0", HasSubstr("checksum"))));
}

TEST_F(VerifyTest, ListsThreeDamagesAtOnce) {
  const std::vector<fs::path> tables = Tables();
  Flip(tables[0], 10);
  fs::remove(tables[1]);
  fs::resize_file(tables[2], fs::file_size(tables[2]) - 7);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const VerifiedTotals totals, Verify());
  EXPECT_EQ(totals.damages, 3u);
  EXPECT_FALSE(totals.rows_checked);
  EXPECT_THAT(damages_, ElementsAre(DamageIs(Name(tables[0]), "offset 0", HasSubstr("checksum")),
                                    DamageIs(Name(tables[1]), "", HasSubstr("missing")),
                                    DamageIs(Name(tables[2]), "", HasSubstr("the manifest says"))));
  EXPECT_THAT(Tables(), SizeIs(2)) << "no repair happens";
}

// A table of another store, with the same number, size and valid blocks.
TEST_F(VerifyTest, FindsATableInAnothersPlace) {
  const std::string name = Name(Tables()[1]);
  const TempDir others;
  // Sizes differ by a byte or two, so that of a few stores two have tables of the same size.
  std::map<std::uintmax_t, fs::path> by_size;
  fs::path table, twin;
  for (std::uint64_t word = 501; twin.empty() && word < 520; ++word) {
    const fs::path directory = others / absl::StrCat(word);
    MakeStore(directory, word);
    table = directory / "store/accounts" / name;
    const auto [at, is_new] = by_size.emplace(fs::file_size(table), table);
    if (!is_new) twin = at->second;
  }
  ASSERT_FALSE(twin.empty());
  fs::copy_file(twin, table, fs::copy_options::overwrite_existing);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const VerifiedTotals totals, Verify(table.parent_path()));
  EXPECT_EQ(totals.damages, 1u);
  EXPECT_THAT(damages_, ElementsAre(DamageIs(name, "", HasSubstr("it is another table"))));
}

TEST_F(VerifyTest, FindsAFlippedBitAnywhereInTheManifest) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ManifestState manifest, ReadManifestState(Directory()));
  const fs::path path = Directory() / manifest.name;
  for (std::uint64_t at = 0; at < manifest.size; ++at) {
    Flip(path, at);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const VerifiedTotals totals, Verify());
    EXPECT_GE(totals.damages, 1u) << "offset " << at;
    ASSERT_THAT(damages_, ::testing::Not(IsEmpty())) << "offset " << at;
    EXPECT_EQ(damages_[0].file, manifest.name) << "offset " << at;
    Flip(path, at);
  }
}

TEST_F(VerifyTest, FindsACutManifest) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ManifestState manifest, ReadManifestState(Directory()));
  fs::resize_file(Directory() / manifest.name, manifest.size - 3);
  EXPECT_THAT(Verify(), IsOk());
  ASSERT_THAT(damages_, ::testing::Not(IsEmpty()));
  EXPECT_THAT(damages_[0],
              DamageIs(manifest.name, StartsWith("offset "), HasSubstr("no whole record")));
  fs::remove(Directory() / manifest.name);
  EXPECT_THAT(Verify(), IsOk());
  EXPECT_THAT(damages_, ElementsAre(DamageIs("CURRENT", "", HasSubstr("is missing"))));
  std::ofstream(Directory() / "CURRENT") << "garbage";
  EXPECT_THAT(Verify(), IsOk());
  EXPECT_THAT(damages_, ElementsAre(DamageIs("CURRENT", "", HasSubstr("names no manifest"))));
}

// Written through RocksDB, so all its checksums are right.
TEST_F(VerifyTest, FindsRowsOfNoForm) {
  {
    const auto store = Open();
    COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, store->OpenFamily("p1"));
    Batch batch;
    batch.Put(StateKey("acct-1001"), EncodeState(1, {}) + "x");
    batch.Put("x", "");
    ASSERT_THAT(store->Write(family, batch), IsOk());
  }
  COMMANDER_ASSERT_OK_AND_ASSIGN(const VerifiedTotals totals, Verify());
  EXPECT_EQ(totals.damages, 2u);
  EXPECT_THAT(damages_, ElementsAre(DamageIs("family p1", "row 73616363742d31303031",
                                             HasSubstr("state row: 10 bytes")),
                                    DamageIs("family p1", "row 78", HasSubstr("no letter"))));
}

// A table that goes while it is looked at is not damage, one that stays damaged is.
TEST_F(VerifyTest, TakesNoWritersWorkForDamage) {
  const auto store = Open();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId cleared, store->OpenFamily("p0"));
  const std::vector<fs::path> tables = Tables();
  Flip(tables[2], 10);
  int opened = 0;
  faulty_.disk->on_open_table = [&](const std::string&) {
    if (opened++ == 0) {
      ASSERT_THAT(store->Clear(cleared), IsOk());
    }
  };
  EXPECT_THAT(Verify(), IsOk());
  ASSERT_THAT(damages_, ::testing::Not(IsEmpty()));
  EXPECT_EQ(damages_[0].file, Name(tables[2]));
  for (const Damage& damage : damages_) EXPECT_NE(damage.file, Name(tables[0]));
}

}  // namespace
}  // namespace commander::store
