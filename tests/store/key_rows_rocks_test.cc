#include "store/key_rows_rocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::store {
namespace {

using ::commander::test::IsOk;
using ::commander::test::IsOkAndHolds;
using ::commander::test::StatusIs;
using ::commander::test::TempDir;
using crypto::Durability;
using crypto::KeyRowBatch;
using crypto::KeyTable;
using ::testing::ElementsAre;
using ::testing::Optional;

class KeyRowsRocksTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(Open(true)); }
  void Open(bool create) {
    if (rows_ != nullptr) {
      ASSERT_THAT(rows_->Close(), IsOk());
    }
    rows_.reset();
    COMMANDER_ASSERT_OK_AND_ASSIGN(rows_, KeyRowsOpener(nullptr)(dir_ / "rows", create));
  }
  std::vector<std::string> Scan(KeyTable table, std::string_view prefix) {
    std::vector<std::string> found;
    EXPECT_THAT(rows_->Scan(table, prefix,
                            [&](std::string_view key, std::string_view value) {
                              found.push_back(std::string(key) + "=" + std::string(value));
                              return absl::OkStatus();
                            }),
                IsOk());
    return found;
  }

  const TempDir dir_{TempDir::kMemory};
  std::unique_ptr<crypto::KeyRows> rows_;
};

TEST_F(KeyRowsRocksTest, KeepsTablesApart) {
  KeyRowBatch batch;
  for (int i = 0; i < crypto::kKeyTables; ++i) {
    batch.Put(KeyTable{i}, "k", crypto::kKeyTableNames[i]);
  }
  ASSERT_THAT(rows_->Write(batch, Durability::kUnsynced), IsOk());
  ASSERT_THAT(rows_->Sync(), IsOk());
  ASSERT_NO_FATAL_FAILURE(Open(false));
  for (int i = 0; i < crypto::kKeyTables; ++i) {
    EXPECT_THAT(rows_->Get(KeyTable{i}, "k"),
                IsOkAndHolds(Optional(std::string(crypto::kKeyTableNames[i]))));
  }
  EXPECT_THAT(rows_->Get(KeyTable::kKey, "none"), IsOkAndHolds(std::nullopt));
}

TEST_F(KeyRowsRocksTest, ScansAPrefixInOrder) {
  KeyRowBatch batch;
  for (const char* key : {"b2", "a", "b1", "c", "b"}) batch.Put(KeyTable::kTag, key, "v");
  batch.Delete(KeyTable::kTag, "b2");
  ASSERT_THAT(rows_->Write(batch, Durability::kSynced), IsOk());
  EXPECT_THAT(Scan(KeyTable::kTag, "b"), ElementsAre("b=v", "b1=v"));
  EXPECT_THAT(Scan(KeyTable::kTag, ""), ElementsAre("a=v", "b=v", "b1=v", "c=v"));
  EXPECT_THAT(Scan(KeyTable::kKey, ""), ElementsAre());
  EXPECT_THAT(
      rows_->Scan(KeyTable::kTag, "", [](auto, auto) { return absl::AbortedError("enough"); }),
      StatusIs(absl::StatusCode::kAborted));
}

TEST_F(KeyRowsRocksTest, AreMadeOnlyWhereTheyAreAskedForAndNeverOverOthers) {
  EXPECT_THAT(KeyRowsOpener(nullptr)(dir_ / "missing", false),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "missing"));
  ASSERT_THAT(rows_->Close(), IsOk());
  rows_.reset();
  EXPECT_FALSE(KeyRowsOpener(nullptr)(dir_ / "rows", true).ok());
  ASSERT_NO_FATAL_FAILURE(Open(false));
}

TEST_F(KeyRowsRocksTest, AreMadeWithoutAWarning) {
  std::vector<std::string> lines;
  const LogSink sink = [&](const LogLine& line) { lines.emplace_back(line.message); };
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto rows, KeyRowsOpener(sink)(dir_ / "new", true));
  EXPECT_THAT(lines, ElementsAre());
  EXPECT_THAT(rows->Close(), IsOk());
}

TEST_F(KeyRowsRocksTest, KeepLiveRowsWhenTheyCompact) {
  KeyRowBatch batch;
  for (int i = 0; i < 100; ++i) batch.Put(KeyTable::kKey, std::to_string(i), "value");
  ASSERT_THAT(rows_->Write(batch, Durability::kUnsynced), IsOk());
  ASSERT_THAT(rows_->Compact(), IsOk());
  KeyRowBatch gone;
  for (int i = 0; i < 99; ++i) gone.Delete(KeyTable::kKey, std::to_string(i));
  ASSERT_THAT(rows_->Write(gone, Durability::kSynced), IsOk());
  ASSERT_THAT(rows_->Compact(), IsOk());
  EXPECT_THAT(Scan(KeyTable::kKey, ""), ElementsAre("99=value"));
}

}  // namespace
}  // namespace commander::store
