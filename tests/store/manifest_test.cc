#include "store/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "store/rocks_store.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::store {
namespace {

namespace fs = std::filesystem;

using ::commander::test::FixedClock;
using ::commander::test::IsOk;
using ::commander::test::IsOkAndHolds;
using ::commander::test::StatusIs;
using ::commander::test::TempDir;
using ::testing::HasSubstr;
using ::testing::Optional;

// A record as RocksDB writes it, with a checksum that nobody here looks at.
std::string Record(char type, std::size_t length) {
  std::string record(4, 'c');
  record.push_back(static_cast<char>(length & 0xff));
  record.push_back(static_cast<char>(length >> 8));
  record.push_back(type);
  return record + std::string(length, 'x');
}
constexpr char kFull = 1;
constexpr char kFirst = 2;
constexpr char kMiddle = 3;
constexpr char kLast = 4;

class ManifestTest : public ::testing::Test {
 protected:
  fs::path Write(std::string_view name, std::string_view bytes) const {
    std::ofstream(dir_ / name, std::ios::binary) << bytes;
    return dir_ / name;
  }
  absl::StatusOr<std::optional<std::uint64_t>> EndOf(const std::string& bytes) const {
    return FindBrokenManifestEnd(Write("MANIFEST-000001", bytes));
  }

  const TempDir dir_;
};

TEST_F(ManifestTest, TellsNameAndSize) {
  EXPECT_THAT(ReadManifestState(dir_.path()),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("there is no store in")));
  Write("CURRENT", "MANIFEST-000005\n");
  EXPECT_THAT(ReadManifestState(dir_.path()),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("MANIFEST-000005 is missing")));
  Write("MANIFEST-000005", "12345");
  EXPECT_THAT(ReadManifestState(dir_.path()),
              IsOkAndHolds(ManifestState{.name = "MANIFEST-000005", .size = 5}));
  for (const std::string_view current : {"", "garbage\n", "MANIFEST-/../x\n", "../MANIFEST-1\n"}) {
    Write("CURRENT", current);
    EXPECT_THAT(ReadManifestState(dir_.path()),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("names no manifest")));
  }
}

TEST_F(ManifestTest, FindsWhereWholeRecordsEnd) {
  EXPECT_THAT(EndOf(""), IsOkAndHolds(std::nullopt));
  const std::string two = Record(kFull, 20) + Record(kFull, 300);
  EXPECT_THAT(EndOf(two), IsOkAndHolds(std::nullopt));
  for (std::size_t size = 0; size < two.size(); ++size) {
    if (size == 0 || size == 27) {
      EXPECT_THAT(EndOf(two.substr(0, size)), IsOkAndHolds(std::nullopt)) << size;
    } else {
      EXPECT_THAT(EndOf(two.substr(0, size)), IsOkAndHolds(Optional(size < 27 ? 0u : 27u))) << size;
    }
  }
  EXPECT_THAT(EndOf(two + std::string(20, '\0')), IsOkAndHolds(Optional(two.size())));
  // A record of a numbered type has four bytes more.
  EXPECT_THAT(EndOf(Record(5, 20)), IsOkAndHolds(Optional(0u)));
  EXPECT_THAT(EndOf(Record(5, 20) + "1234"), IsOkAndHolds(std::nullopt));
}

TEST_F(ManifestTest, FollowsRecordsThroughBlocks) {
  constexpr std::size_t kBlock = 32768;
  const std::string first = Record(kFirst, kBlock - 7);
  EXPECT_THAT(EndOf(first + Record(kMiddle, kBlock - 7) + Record(kLast, 5)),
              IsOkAndHolds(std::nullopt));
  EXPECT_THAT(EndOf(first), IsOkAndHolds(Optional(0u)));
  EXPECT_THAT(EndOf(first + Record(kMiddle, kBlock - 7)), IsOkAndHolds(Optional(0u)));
  // Six bytes at the end of a block hold no record and are skipped; a record does not cross blocks.
  const std::string filled = Record(kFull, kBlock - 7 - 6) + std::string(6, '\0');
  EXPECT_THAT(EndOf(filled + Record(kFull, 5)), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(EndOf(Record(kFull, kBlock - 6) + std::string(kBlock, 'x')),
              IsOkAndHolds(Optional(0u)));
}

// The format is RocksDB's, so this is compared with what it writes.
TEST_F(ManifestTest, FindsEveryCutOfARealManifest) {
  FixedClock clock;
  const auto factory = NewRocksStoreFactory({.data_directory = dir_.path(), .clock = &clock});
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto store, factory->Open("store/accounts"));
  for (const char* name : {"p0", "p1", "p2"}) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, store->OpenFamily(name));
    Batch batch;
    batch.Put("key", "value");
    ASSERT_THAT(store->Write(family, batch), IsOk());
    ASSERT_THAT(store->Flush(family), IsOk());
  }
  const fs::path directory = dir_ / "store/accounts";
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ManifestState state, ReadManifestState(directory));
  EXPECT_THAT(FindBrokenManifestEnd(directory / state.name), IsOkAndHolds(std::nullopt));

  const fs::path copy = dir_ / "copy";
  int whole = 0;
  for (std::uint64_t size = 0; size < state.size; ++size) {
    fs::copy_file(directory / state.name, copy, fs::copy_options::overwrite_existing);
    fs::resize_file(copy, size);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto end, FindBrokenManifestEnd(copy));
    whole += end == std::nullopt ? 1 : 0;
    if (end.has_value()) {
      EXPECT_LT(*end, size);
    }
  }
  // One for each record: there are some 10, of dozens of bytes each.
  EXPECT_GT(whole, 6);
  EXPECT_LT(whole, static_cast<int>(state.size) / 20);
}

}  // namespace
}  // namespace commander::store
