#include "store/rocks_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "store/files.h"
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
using ::commander::test::IsOkAndHolds;
using ::commander::test::StatusIs;
using ::commander::test::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

using Rows = std::vector<std::pair<std::string, std::string>>;

Rows Scan(const StoreReader& reader, FamilyId family) {
  Rows rows;
  const std::unique_ptr<Cursor> cursor = reader.Scan(family, "", "");
  for (; cursor->Valid(); cursor->Next()) rows.emplace_back(cursor->key(), cursor->value());
  EXPECT_THAT(cursor->status(), IsOk());
  return rows;
}

// Name, size, time of change and bytes of every file below a directory, and of the directories.
using Trace = std::map<std::string, std::tuple<std::int64_t, std::int64_t, std::string>>;
Trace TraceOf(const fs::path& directory) {
  Trace trace;
  const auto add = [&](const fs::path& path) {
    struct stat info;
    ASSERT_EQ(lstat(path.c_str(), &info), 0) << path;
    const std::string bytes = S_ISREG(info.st_mode) ? *ReadFile(path) : std::string();
    trace[path.string()] = {info.st_mtim.tv_sec, info.st_mtim.tv_nsec, bytes};
  };
  add(directory);
  for (const auto& entry : fs::recursive_directory_iterator(directory)) add(entry.path());
  return trace;
}

class RocksReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = factory_->Open("store/accounts");
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
    auto family = store_->OpenFamily("p0");
    ASSERT_THAT(family, IsOk());
    family_ = *family;
  }
  void Write(const Rows& rows) {
    Batch batch;
    for (const auto& [key, value] : rows) batch.Put(key, value);
    ASSERT_THAT(store_->Write(family_, batch), IsOk());
  }
  void WriteAndFlush(const Rows& rows) {
    Write(rows);
    ASSERT_THAT(store_->Flush(family_), IsOk());
  }
  absl::StatusOr<std::unique_ptr<StoreReader>> Open() {
    return OpenRocksStoreReader({.directory = Directory(), .env = faulty_.env.get()});
  }
  fs::path Directory() const { return dir_ / "store/accounts"; }
  fs::path ATable() const {
    for (const auto& entry : fs::directory_iterator(Directory())) {
      if (entry.path().extension() == ".sst") return entry.path();
    }
    ADD_FAILURE() << "no table";
    return {};
  }

  const TempDir dir_;
  FaultyEnv faulty_;  // of the reader
  FixedClock clock_;
  const std::unique_ptr<StoreFactory> factory_ =
      NewRocksStoreFactory({.data_directory = dir_.path(), .clock = &clock_});
  std::unique_ptr<Store> store_;
  FamilyId family_;
};

TEST_F(RocksReaderTest, SeesWhatWasFlushed) {
  WriteAndFlush({{"a", "1"}, {"m", "1"}});
  Write({{"b", "2"}, {"m", "2"}});
  ASSERT_THAT(store_->OpenFamily("p1"), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto reader, Open());
  EXPECT_THAT(reader->FamilyNames(), ElementsAre("p0", "p1"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, reader->FindFamily("p0"));
  EXPECT_THAT(Scan(*reader, family), ElementsAre(Pair("a", "1"), Pair("m", "1")));
  EXPECT_THAT(reader->Get(family, "b"), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(reader->FindFamily("p2"), StatusIs(absl::StatusCode::kNotFound));
}

// Also of the files that a writer removes meanwhile.
TEST_F(RocksReaderTest, KeepsWhatItSaw) {
  WriteAndFlush({{"a", "1"}, {"m", "1"}});
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto reader, Open());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, reader->FindFamily("p0"));
  const fs::path table = ATable();
  ASSERT_THAT(store_->Clear(family_), IsOk());
  WriteAndFlush({{"a", "2"}, {"m", "2"}});
  EXPECT_FALSE(fs::exists(table));
  EXPECT_THAT(Scan(*reader, family), ElementsAre(Pair("a", "1"), Pair("m", "1")));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto later, Open());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId again, later->FindFamily("p0"));
  EXPECT_THAT(Scan(*later, again), ElementsAre(Pair("a", "2"), Pair("m", "2")));
}

TEST_F(RocksReaderTest, SaysWhenThereIsNoStore) {
  const auto kNotFound = absl::StatusCode::kNotFound;
  EXPECT_THAT(OpenRocksStoreReader({.directory = dir_ / "store/none"}),
              StatusIs(kNotFound, HasSubstr("there is no store in")));
  EXPECT_FALSE(fs::exists(dir_ / "store/none"));
  EXPECT_THAT(OpenRocksStoreReader({.directory = dir_ / "store"}), StatusIs(kNotFound));
}

TEST_F(RocksReaderTest, LeavesNoTrace) {
  WriteAndFlush({{"a", "1"}});
  Write({{"b", "2"}});
  for (const bool closed : {false, true}) {
    if (closed) {
      ASSERT_THAT(store_->Close(), IsOk());
    }
    const Trace before = TraceOf(dir_.path());
    {
      COMMANDER_ASSERT_OK_AND_ASSIGN(const auto reader, Open());
      COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, reader->FindFamily("p0"));
      EXPECT_THAT(Scan(*reader, family), ::testing::SizeIs(closed ? 2 : 1));
      EXPECT_THAT(RocksStoreNames(dir_.path()), IsOkAndHolds(ElementsAre("store/accounts")));
    }
    EXPECT_EQ(TraceOf(dir_.path()), before) << "closed: " << closed;
  }
}

// Runs `body` in a child that cannot write what is not everybody's; true when it returned true.
bool WithoutPrivileges(const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    const bool dropped = geteuid() != 0 || (setgid(kNobody) == 0 && setuid(kNobody) == 0);
    _exit(dropped && body() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(RocksReaderTest, NeedsNoRightToWrite) {
  WriteAndFlush({{"a", "1"}});
  ASSERT_THAT(store_->Close(), IsOk());
  for (const auto& entry : fs::recursive_directory_iterator(dir_.path())) {
    fs::permissions(entry.path(), entry.is_directory() ? fs::perms(0555) : fs::perms(0444));
  }
  fs::permissions(dir_.path(), fs::perms(0555));
  EXPECT_TRUE(WithoutPrivileges([&] {
    if (access(Directory().c_str(), W_OK) == 0) return false;  // the test would prove nothing
    const auto reader = Open();
    if (!reader.ok()) return false;
    const auto family = (*reader)->FindFamily("p0");
    if (!family.ok()) return false;
    const auto value = (*reader)->Get(*family, "a");
    return value.ok() && *value == "1";
  }));
  fs::permissions(Directory(), fs::perms(0000));
  EXPECT_TRUE(WithoutPrivileges(
      [&] { return Open().status().code() == absl::StatusCode::kPermissionDenied; }));
}

// A table that a writer has just removed is not damage: the reader begins again.
TEST_F(RocksReaderTest, BeginsAgainWhenAWriterRemovedATable) {
  WriteAndFlush({{"a", "1"}});
  int removed = 0;
  faulty_.disk->on_open_table = [&](const std::string&) {
    if (removed++ > 0) return;
    ASSERT_THAT(store_->Clear(family_), IsOk());
    WriteAndFlush({{"a", "2"}});
  };
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto reader, Open());
  EXPECT_GT(removed, 1);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, reader->FindFamily("p0"));
  EXPECT_THAT(Scan(*reader, family), ElementsAre(Pair("a", "2")));
}

TEST_F(RocksReaderTest, GivesUpOnAStoreThatAlwaysChangesAndDoesNotCallItDamaged) {
  WriteAndFlush({{"a", "0"}});
  int removed = 0;
  faulty_.disk->on_open_table = [&](const std::string&) {
    ASSERT_THAT(store_->Clear(family_), IsOk());
    WriteAndFlush({{"a", absl::StrCat(++removed)}});
  };
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kAborted, HasSubstr("changed while reading")));
  EXPECT_GT(removed, 1);
}

TEST_F(RocksReaderTest, DamageIsDamageAlsoBesideAWriter) {
  WriteAndFlush({{"a", "1"}});
  const fs::path table = ATable();
  fs::remove(table);
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss,
                               AllOf(HasSubstr("store/accounts"), HasSubstr("No such file"))));
  ASSERT_THAT(store_->Close(), IsOk());
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss));
  std::ofstream(Directory() / "CURRENT") << "garbage";
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("CURRENT")));
}

// What each reader sees beside a writer that flushes and compacts as fast as it can is one moment.
TEST_F(RocksReaderTest, SeesOneMomentBesideABusyWriter) {
  WriteAndFlush({{"a", "0"}, {"z", "0"}});
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int n = 1; !stop; ++n) WriteAndFlush({{"a", absl::StrCat(n)}, {"z", absl::StrCat(n)}});
  });
  int newest = 0;
  int aborted = 0;
  for (int i = 0; i < 100; ++i) {
    const auto reader = Open();
    // On a busy machine a reader may never be as fast as the writer, and says so.
    if (absl::IsAborted(reader.status()) && ++aborted < 20) continue;
    EXPECT_THAT(reader, IsOk());
    if (!reader.ok()) break;
    const auto family = (*reader)->FindFamily("p0");
    EXPECT_THAT(family, IsOk());
    if (!family.ok()) break;
    const Rows rows = Scan(**reader, *family);
    EXPECT_THAT(rows, ::testing::SizeIs(2));
    if (rows.size() != 2) break;
    EXPECT_EQ(rows[0].second, rows[1].second);
    EXPECT_GE(std::stoi(rows[0].second), newest);
    newest = std::stoi(rows[0].second);
  }
  stop = true;
  writer.join();
  EXPECT_GT(newest, 0);
}

}  // namespace
}  // namespace commander::store
