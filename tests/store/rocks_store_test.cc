#include "store/rocks_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
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
using ::commander::test::IsOkAndHolds;
using ::commander::test::StatusIs;
using ::commander::test::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Optional;
using ::testing::SizeIs;

// A data directory with one store, and the words for what may happen to it.
class RocksStoreTest : public ::testing::Test {
 protected:
  static constexpr std::string_view kName = "store/accounts";

  void OpenFactory(std::size_t memory_bytes = std::size_t{8} << 20) {
    factory_ = NewRocksStoreFactory({.data_directory = dir_.path(),
                                     .memory_bytes = memory_bytes,
                                     .clock = &clock_,
                                     .sink =
                                         [this](const LogLine& line) {
                                           const std::lock_guard lock(mutex_);
                                           lines_.push_back(line);
                                         },
                                     .env = faulty_.env.get()});
  }
  void SetUp() override { OpenFactory(); }

  absl::Status Open() {
    absl::StatusOr<std::unique_ptr<Store>> store = factory_->Open(kName);
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    absl::StatusOr<FamilyId> family = store_->OpenFamily("p0");
    if (family.ok()) family_ = *family;
    return family.status();
  }
  absl::Status Put(std::string key, std::string value) {
    Batch batch;
    batch.Put(std::move(key), std::move(value));
    return store_->Write(family_, batch);
  }
  // A closed store with one table that holds a = 1.
  void MakeStore() {
    ASSERT_THAT(Open(), IsOk());
    ASSERT_THAT(Put("a", "1"), IsOk());
    ASSERT_THAT(store_->Close(), IsOk());
    store_.reset();
  }
  fs::path Directory() const { return dir_ / kName; }
  std::vector<fs::path> Files(std::string_view extension) const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(Directory())) {
      if (entry.path().extension() == extension) files.push_back(entry.path());
    }
    return files;
  }
  std::vector<LogLine> WarningsOf(std::string_view component) {
    const std::lock_guard lock(mutex_);
    std::vector<LogLine> found;
    for (const LogLine& line : lines_) {
      if (line.component == component && line.level >= LogLevel::kWarning) found.push_back(line);
    }
    return found;
  }

  const TempDir dir_;
  FaultyEnv faulty_;
  FixedClock clock_{1'767'323'045'000'000'000};  // 2026-01-02T03:04:05Z
  std::mutex mutex_;
  std::vector<LogLine> lines_;
  std::unique_ptr<StoreFactory> factory_;
  std::unique_ptr<Store> store_;
  FamilyId family_;
};

TEST_F(RocksStoreTest, RefusesNamesThatAreNotOfAStore) {
  for (const std::string_view name :
       {"", "accounts", "keys/a", "storea", "store", "/", "store/", "/accounts", "store/../x",
        "store/.x", "../x", "store/a/b", "store/a b", "store/a\n",
        "store/a.damaged-20260102T030405Z"}) {
    EXPECT_THAT(factory_->Open(name),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("as in store/accounts")))
        << name;
  }
  EXPECT_THAT(factory_->Names(), IsOkAndHolds(IsEmpty()));
  EXPECT_TRUE(fs::is_empty(dir_.path()));
}

TEST_F(RocksStoreTest, MakesTheDataDirectoryWhenItIsNotThere) {
  fs::remove(dir_.path());
  EXPECT_THAT(Open(), IsOk());
  EXPECT_THAT(factory_->Names(), IsOkAndHolds(ElementsAre("store/accounts")));
}

// RocksDB's lines go to the sink, so there is no LOG; nothing waits in a write-ahead log.
TEST_F(RocksStoreTest, LeavesNoLogFilesOfRocksDb) {
  MakeStore();
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Put("canary-key", "canary-value"), IsOk());
  for (const auto& entry : fs::directory_iterator(Directory())) {
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("LOG")));
  }
  for (const fs::path& file : Files(".log")) EXPECT_EQ(fs::file_size(file), 0u) << file;
}

// The damage of a test, and what the warning names.
struct Damage {
  const char* name;
  std::function<void(const fs::path& directory)> strike;
  const char* warning;
};
void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

fs::path TheFile(const fs::path& directory, std::string_view part) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename().string().find(part) != std::string::npos) return entry.path();
  }
  ADD_FAILURE() << "no " << part << " in " << directory;
  return {};
}

void Overwrite(const fs::path& path, std::uintmax_t at, std::string_view bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(at));
  file << bytes;
  ASSERT_TRUE(file.good()) << path;
}

class RocksStoreDamageTest : public RocksStoreTest, public ::testing::WithParamInterface<Damage> {};

TEST_P(RocksStoreDamageTest, IsMovedAsideNamedAndMadeAnew) {
  MakeStore();
  GetParam().strike(Directory());
  ASSERT_THAT(Open(), IsOk());
  EXPECT_THAT(store_->Get(family_, "a"), IsOkAndHolds(std::nullopt));

  const std::string aside = Directory().string() + ".damaged-20260102T030405Z";
  EXPECT_TRUE(fs::is_directory(aside));
  const std::vector<LogLine> warnings = WarningsOf("store");
  ASSERT_THAT(warnings, SizeIs(1));
  EXPECT_EQ(warnings[0].level, LogLevel::kWarning);
  EXPECT_THAT(warnings[0].message,
              AllOf(HasSubstr(kName), HasSubstr(aside), HasSubstr(GetParam().warning)));
  EXPECT_THAT(warnings[0].fields,
              ElementsAre(std::pair<std::string, std::string>("store", kName),
                          std::pair<std::string, std::string>("moved_to", aside)));
  EXPECT_THAT(factory_->Names(), IsOkAndHolds(ElementsAre(kName)));

  // The new one is a store like any other.
  ASSERT_THAT(Put("a", "2"), IsOk());
  ASSERT_THAT(store_->Close(), IsOk());
  ASSERT_THAT(Open(), IsOk());
  EXPECT_THAT(store_->Get(family_, "a"), IsOkAndHolds(Optional(std::string("2"))));
  EXPECT_THAT(WarningsOf("store"), SizeIs(1));
}

INSTANTIATE_TEST_SUITE_P(
    Rocks, RocksStoreDamageTest,
    ::testing::Values(
        Damage{"ManifestFlipped",
               [](const fs::path& dir) { Overwrite(TheFile(dir, "MANIFEST"), 30, "\xff\xff"); },
               "MANIFEST"},
        Damage{"ManifestEmpty",
               [](const fs::path& dir) { fs::resize_file(TheFile(dir, "MANIFEST"), 0); },
               "Corruption"},
        Damage{"ManifestMissing", [](const fs::path& dir) { fs::remove(TheFile(dir, "MANIFEST")); },
               "MANIFEST"},
        Damage{"CurrentMissing", [](const fs::path& dir) { fs::remove(dir / "CURRENT"); },
               "its file CURRENT is missing"},
        Damage{"CurrentGarbage",
               [](const fs::path& dir) { std::ofstream(dir / "CURRENT") << "garbage"; }, "CURRENT"},
        Damage{"TableMissing", [](const fs::path& dir) { fs::remove(TheFile(dir, ".sst")); },
               "No such file"},
        Damage{"TableCut",
               [](const fs::path& dir) {
                 const fs::path table = TheFile(dir, ".sst");
                 fs::resize_file(table, fs::file_size(table) - 7);
               },
               ".sst"},
        Damage{"TableFooterFlipped",
               [](const fs::path& dir) {
                 const fs::path table = TheFile(dir, ".sst");
                 Overwrite(table, fs::file_size(table) - 4, "\xff\xff");
               },
               ".sst"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(RocksStoreTest, MovesAsideTwiceInOneSecond) {
  for (int i = 0; i < 2; ++i) {
    MakeStore();
    fs::remove(TheFile(Directory(), ".sst"));
    ASSERT_THAT(Open(), IsOk());
    ASSERT_THAT(store_->Close(), IsOk());
    store_.reset();
  }
  EXPECT_TRUE(fs::is_directory(Directory().string() + ".damaged-20260102T030405Z"));
  EXPECT_TRUE(fs::is_directory(Directory().string() + ".damaged-20260102T030405Z-2"));
}

// A damaged block is only found when it is read.  Clear() is the cure that needs no new store.
TEST_F(RocksStoreTest, ADamagedBlockIsAnErrorThatNamesTheFile) {
  MakeStore();
  const fs::path table = TheFile(Directory(), ".sst");
  Overwrite(table, 3, "\xff");
  ASSERT_THAT(Open(), IsOk());
  EXPECT_THAT(
      store_->Get(family_, "a"),
      StatusIs(absl::StatusCode::kDataLoss, AllOf(HasSubstr("store store/accounts, family p0"),
                                                  HasSubstr(table.filename().string()))));
  {
    const std::unique_ptr<Cursor> cursor = store_->Scan(family_, "", "");
    EXPECT_FALSE(cursor->Valid());
    EXPECT_THAT(cursor->status(), StatusIs(absl::StatusCode::kDataLoss));
  }
  EXPECT_THAT(store_->Clear(family_), IsOk());
  EXPECT_THAT(store_->Get(family_, "a"), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(Put("a", "2"), IsOk());
  EXPECT_THAT(store_->Flush(family_), IsOk());
  EXPECT_THAT(store_->Get(family_, "a"), IsOkAndHolds(Optional(std::string("2"))));
}

// Only damage is moved aside: a store that is healthy, but cannot be reached now, is not thrown
// away.
TEST_F(RocksStoreTest, MovesNothingAsideForWhatIsNoDamage) {
  MakeStore();
  faulty_.disk->no_space = true;
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr(kName)));
  faulty_.disk->no_space = false;

  ASSERT_THAT(Open(), IsOk());
  EXPECT_THAT(factory_->Open(kName), StatusIs(absl::StatusCode::kInternal, HasSubstr("LOCK")));
  EXPECT_THAT(store_->Get(family_, "a"), IsOkAndHolds(Optional(std::string("1"))));
  EXPECT_THAT(WarningsOf("store"), IsEmpty());
  const fs::directory_iterator stores(dir_ / "store");
  EXPECT_EQ(std::distance(begin(stores), end(stores)), 1);
}

TEST_F(RocksStoreTest, AFullDiskLosesNothingAndPasses) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Put("a", "1"), IsOk());
  faulty_.disk->no_space = true;
  EXPECT_THAT(store_->Flush(family_),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("family p0: cannot flush")));
  EXPECT_THAT(store_->Get(family_, "a"), IsOkAndHolds(Optional(std::string("1"))));
  EXPECT_THAT(Put("b", "2"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(store_->OpenFamily("p1"), StatusIs(absl::StatusCode::kResourceExhausted));

  faulty_.disk->no_space = false;
  EXPECT_THAT(Put("b", "2"), IsOk());
  EXPECT_THAT(store_->Flush(family_), IsOk());
  EXPECT_THAT(store_->OpenFamily("p1"), IsOk());
  ASSERT_THAT(store_->Close(), IsOk());
  ASSERT_THAT(Open(), IsOk());
  EXPECT_THAT(store_->Get(family_, "a"), IsOkAndHolds(Optional(std::string("1"))));
  EXPECT_THAT(store_->Get(family_, "b"), IsOkAndHolds(Optional(std::string("2"))));
}

TEST_F(RocksStoreTest, ClosingOnAFullDiskSaysSo) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Put("a", "1"), IsOk());
  faulty_.disk->no_space = true;
  EXPECT_THAT(store_->Close(), StatusIs(absl::StatusCode::kResourceExhausted));
  faulty_.disk->no_space = false;
}

// Clearing drops the family and makes it again.  When the second half fails, rows must not come
// back, and clearing once more is the way on.
TEST_F(RocksStoreTest, ClearingOnAFullDiskCanBeRepeated) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Put("a", "1"), IsOk());
  ASSERT_THAT(store_->Flush(family_), IsOk());
  faulty_.disk->no_space = true;
  EXPECT_THAT(store_->Clear(family_), StatusIs(absl::StatusCode::kResourceExhausted));
  faulty_.disk->no_space = false;
  EXPECT_THAT(store_->Clear(family_), IsOk());
  EXPECT_THAT(store_->Get(family_, "a"), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(Files(".sst"), IsEmpty()) << "files that are of no use any more stay";
  EXPECT_THAT(Put("b", "2"), IsOk());
  ASSERT_THAT(store_->Close(), IsOk());
  ASSERT_THAT(Open(), IsOk());
  EXPECT_THAT(store_->Get(family_, "a"), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(store_->Get(family_, "b"), IsOkAndHolds(Optional(std::string("2"))));
}

TEST_F(RocksStoreTest, ClearingFreesTheFiles) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Put("a", "1"), IsOk());
  ASSERT_THAT(store_->Flush(family_), IsOk());
  EXPECT_THAT(Files(".sst"), SizeIs(1));
  EXPECT_THAT(store_->Clear(family_), IsOk());
  ASSERT_THAT(store_->Close(), IsOk());
  EXPECT_THAT(Files(".sst"), IsEmpty());
}

TEST_F(RocksStoreTest, DoesNotCloseUnderACursor) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Put("a", "1"), IsOk());
  std::unique_ptr<Cursor> cursor = store_->Scan(family_, "", "");
  EXPECT_THAT(store_->Close(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("1 cursors")));
  EXPECT_EQ(cursor->key(), "a");
  EXPECT_THAT(store_->Get(family_, "a"), IsOkAndHolds(Optional(std::string("1"))));
  cursor.reset();
  EXPECT_THAT(store_->Close(), IsOk());
}

// Rows not yet flushed stay within half of the budget, of all stores together: RocksDB flushes by
// itself.
TEST_F(RocksStoreTest, FlushesByItselfWithinTheBudget) {
  ASSERT_THAT(Open(), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto other, factory_->Open("projections/city@1"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId rows, other->OpenFamily("rows"));
  Batch batch;
  batch.Put("row", std::string(100'000, 'x'));
  // The flush happens beside the writing; with 64 times the budget written it has been given up.
  constexpr std::size_t kBudget = (std::size_t{8} << 20) / 2;
  std::size_t written = 0;
  while (Files(".sst").empty() && written < 64 * kBudget) {
    ASSERT_THAT(store_->Write(family_, batch), IsOk());
    ASSERT_THAT(other->Write(rows, batch), IsOk());
    written += 2 * batch.bytes();
  }
  EXPECT_LT(written, 64 * kBudget);
}

}  // namespace
}  // namespace commander::store
