// A store whose process is killed while it writes, flushes and clears, again and again.
//
// The test starts itself as the writer: `rocks_crash_test write DIRECTORY ROUND`.  The writer says
// on its standard output what it has flushed; the test kills it at some moment and looks at what is
// left.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "commander/internal/strings.h"
#include "store/rocks_store.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::store {
namespace {

using ::commander::test::FixedClock;
using ::commander::test::IsOk;
using ::commander::test::TempDir;

constexpr int kFamilies = 2;
constexpr std::uint64_t kRowsKept = 20;

std::unique_ptr<Store> OpenStore(std::string_view directory, Clock& clock) {
  // With this little memory RocksDB flushes by itself, too.
  const auto factory = NewRocksStoreFactory(
      {.data_directory = directory, .memory_bytes = kMinStoreMemoryBytes, .clock = &clock});
  auto store = factory->Open("store/accounts");
  return store.ok() ? *std::move(store) : nullptr;
}

// Batch n of life l: "m" is "l n", a row of its own with both, and that of batch n - kRowsKept
// goes.
std::string RowKey(std::uint64_t n) { return absl::StrCat("r", n % 1000); }
std::string RowValue(std::uint64_t life, std::uint64_t n) {
  return absl::StrCat(life, " ", n, std::string(5000, 'x'));
}
Batch MakeBatch(std::uint64_t life, std::uint64_t n) {
  Batch batch;
  batch.Put(RowKey(n), RowValue(life, n));
  if (n > kRowsKept) batch.Delete(RowKey(n - kRowsKept));
  batch.Put("m", absl::StrCat(life, " ", n));
  return batch;
}
std::map<std::string, std::string> RowsAfter(std::uint64_t life, std::uint64_t n) {
  std::map<std::string, std::string> rows;
  if (n > 0) rows["m"] = absl::StrCat(life, " ", n);
  for (std::uint64_t i = n > kRowsKept ? n - kRowsKept + 1 : 1; i <= n; ++i) {
    rows[RowKey(i)] = RowValue(life, i);
  }
  return rows;
}

// Where a family stands, by its "m".
struct Mark {
  std::uint64_t life = 0;
  std::uint64_t n = 0;
  friend auto operator<=>(const Mark&, const Mark&) = default;
};
Mark ParseMark(std::string_view text) {
  const std::size_t space = text.find(' ');
  return {std::stoull(std::string(text.substr(0, space))),
          std::stoull(std::string(text.substr(space + 1)))};
}

// The writer: goes on where the family stands, and now and then clears it and begins a new life.
int Write(std::string_view directory, std::uint64_t seed) {
  FixedClock clock;
  const std::unique_ptr<Store> store = OpenStore(directory, clock);
  if (store == nullptr) return 1;
  std::vector<std::thread> workers;
  for (int i = 0; i < kFamilies; ++i) {
    workers.emplace_back([&store = *store, i, seed] {
      std::mt19937_64 random(seed * kFamilies + static_cast<std::uint64_t>(i));
      const FamilyId family = *store.OpenFamily(absl::StrCat("p", i));
      const auto value = *store.Get(family, "m");
      Mark mark = value.has_value() ? ParseMark(*value) : Mark{.life = 1, .n = 0};
      const auto say = [&](std::string_view what) {
        const std::string line =
            absl::StrCat(internal::ToAbsl(what), " ", i, " ", mark.life, " ", mark.n, "\n");
        if (write(STDOUT_FILENO, line.data(), line.size()) < 0) _exit(2);
      };
      while (true) {
        ++mark.n;
        if (!store.Write(family, MakeBatch(mark.life, mark.n)).ok()) _exit(3);
        if (random() % 1500 == 0) {
          if (!store.Flush(family).ok()) _exit(4);
          say("flushed");
        }
        if (random() % 6000 == 0) {
          mark = {.life = mark.life + 1, .n = 0};
          say("clearing");
          if (!store.Clear(family).ok()) _exit(5);
          say("flushed");
        }
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  return 0;
}

TEST(RocksCrashTest, AKilledProcessLeavesAPrefixOfItsBatches) {
  const TempDir dir;
  FixedClock clock;
  std::mt19937_64 random(11);
  for (std::uint64_t round = 0; round < 15; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
    const std::string number = absl::StrCat(round);
    const pid_t child = fork();
    if (child == 0) {
      dup2(pipe_ends[1], STDOUT_FILENO);
      execl("/proc/self/exe", "rocks_crash_test", "write", dir.path().c_str(), number.c_str(),
            nullptr);
      _exit(127);
    }
    close(pipe_ends[1]);
    std::FILE* const said = fdopen(pipe_ends[0], "r");

    // What the writer says in order, per family; the last of it may be unheard when it is killed.
    std::vector<Mark> flushed(kFamilies);
    std::vector<Mark> clearing(kFamilies);
    const auto hear = [&] {
      char what[16];
      std::size_t family = 0;
      Mark mark;
      if (std::fscanf(said, "%15s %zu %" SCNu64 " %" SCNu64, what, &family, &mark.life, &mark.n) !=
          4) {
        return false;
      }
      (std::string_view(what) == "flushed" ? flushed : clearing).at(family) = mark;
      return true;
    };
    for (std::uint64_t lines = 1 + random() % 8; lines > 0; --lines) {
      ASSERT_TRUE(hear()) << "the writer ended by itself in round " << round;
    }
    ASSERT_EQ(kill(child, SIGKILL), 0);
    while (hear()) {
    }
    std::fclose(said);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;

    const std::unique_ptr<Store> store = OpenStore(dir.path().string(), clock);
    ASSERT_NE(store, nullptr);
    for (std::size_t i = 0; i < kFamilies; ++i) {
      auto id = store->OpenFamily(absl::StrCat("p", i));
      ASSERT_THAT(id, IsOk());
      std::map<std::string, std::string> rows;
      {
        const std::unique_ptr<Cursor> cursor = store->Scan(*id, "", "");
        for (; cursor->Valid(); cursor->Next()) rows.emplace(cursor->key(), cursor->value());
        ASSERT_THAT(cursor->status(), IsOk());
      }
      const auto m = rows.find("m");
      const Mark kept = m == rows.end() ? Mark{} : ParseMark(m->second);
      EXPECT_EQ(rows, RowsAfter(kept.life, kept.n)) << "round " << round << " family " << i;
      // A family that was being cleared is as it was before, or empty.
      const bool may_be_empty = flushed[i].n == 0 || clearing[i] > flushed[i];
      if (kept != Mark{} || !may_be_empty) {
        EXPECT_GE(kept, flushed[i]) << "round " << round << " family " << i;
      }
    }
  }
}

}  // namespace
}  // namespace commander::store

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "write") {
    return commander::store::Write(argv[2], std::stoull(argv[3]));
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
