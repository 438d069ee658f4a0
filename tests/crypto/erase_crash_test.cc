// A process that is killed at each step of making a store of keys, making keys and erasing one,
// and killed again while it recovers.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "crypto/key_row.h"
#include "store/key_rows_rocks.h"
#include "tests/crypto/file_ledger_log.h"
#include "tests/crypto/key_store_fixture.h"

namespace commander::crypto {
namespace {

namespace fs = std::filesystem;

using ::commander::test::IsOk;
using ::commander::test::TempDir;

// Runs crypto_erase.  Its exit code, or minus the signal that ended it.
int RunProgram(const fs::path& directory, int steps) {
  const std::string out = (directory / "steps").string();
  const std::string count = std::to_string(steps);
  const pid_t child = fork();
  if (child == 0) {
    const int file = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (dup2(file, STDOUT_FILENO) < 0) _exit(126);
    execl(COMMANDER_BIN_DIR "/crypto_erase", "crypto_erase", directory.c_str(), count.c_str(),
          nullptr);
    _exit(127);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

class EraseCrashTest : public ::testing::Test {
 protected:
  // What must hold at any moment, before anything recovers.
  static void ExpectSound(const fs::path& directory) {
    std::string kinds;
    FileLedgerLog ledger(directory / "ledger", nullptr);
    ASSERT_THAT(ledger.Read(0,
                            [&](std::uint64_t, std::string_view record) {
                              kinds.push_back(static_cast<char>('0' + record[5]));
                              return absl::OkStatus();
                            }),
                IsOk());
    EXPECT_EQ(std::string("123").substr(0, kinds.size()), kinds);
    const bool published = fs::exists(directory / "keys");
    EXPECT_TRUE(kinds.empty() || published) << "a ledger without keys";
    if (!published) return;
    const std::string anna = ReadBytes(directory / "anna");
    if (anna.empty()) return;
    const auto rows = store::KeyRowsOpener(nullptr)(directory / "keys" / "rows", false);
    ASSERT_THAT(rows, IsOk());
    std::vector<std::string> keys;
    ASSERT_THAT((*rows)->Scan(KeyTable::kKey, "",
                              [&](std::string_view key, std::string_view) {
                                keys.emplace_back(key);
                                return absl::OkStatus();
                              }),
                IsOk());
    const bool held = std::find(keys.begin(), keys.end(), anna) != keys.end();
    const bool recorded = kinds.size() >= 2;
    const bool completed = kinds.size() >= 3;
    EXPECT_TRUE(held || recorded) << "a destroyed key that the ledger does not know";
    EXPECT_TRUE(!held || !completed) << "a completed erasure of a key that is there";
    if (recorded) {
      EXPECT_EQ(keys.size(), held ? 2u : 1u) << "a survivor's key is lost";
    }
  }

  static fs::path OnlyKek(const fs::path& directory) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(directory / "config" / "commander")) {
      found.push_back(entry.path());
    }
    EXPECT_EQ(found.size(), 1u) << "keys of attempts that were ended are left over";
    return found.front();
  }

  static void ExpectErased(const fs::path& directory) {
    ASSERT_EQ(RunProgram(directory, 0), 0) << "the next run ends well";
    ExpectSound(directory);
    test::FakeClock clock;
    FileLedgerLog ledger(directory / "ledger", nullptr);
    const auto kek = NewKekFile({.path = OnlyKek(directory)});
    KeyStoreOptions options;
    options.directory = directory / "keys";
    options.kek = kek.get();
    options.open_rows = store::KeyRowsOpener(nullptr);
    options.ledger = &ledger;
    options.clock = &clock;
    const auto keys = KeyStore::Open(options);
    ASSERT_THAT(keys, IsOk());
    COMMANDER_ASSERT_OK_AND_ASSIGN(const SubjectStatus anna, (*keys)->Status({"people", "anna"}));
    EXPECT_EQ(anna.state, SubjectStatus::State::kErased);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const SubjectStatus bert, (*keys)->Status({"people", "bert"}));
    ASSERT_EQ(bert.state, SubjectStatus::State::kActive);
    bool held = false;
    ASSERT_THAT((*keys)->Use(*bert.kid, [&](const KeyAnswer& a) { held = a.key != nullptr; }),
                IsOk());
    EXPECT_TRUE(held);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto erasures, (*keys)->Erasures());
    EXPECT_EQ(erasures.size(), 1u);
    EXPECT_FALSE(fs::exists(directory / "keys.new"));
  }
};

TEST_F(EraseCrashTest, ConvergesFromEveryStep) {
  const TempDir all(TempDir::kMemory);
  ASSERT_EQ(RunProgram(all.path(), 0), 0);
  const std::string printed = ReadBytes(all / "steps");
  const auto steps = static_cast<int>(std::count(printed.begin(), printed.end(), '\n'));
  ASSERT_GE(steps, 20) << printed;
  int rounds = 0;
  for (int first = 1; first <= steps; ++first) {
    for (const int second : {0, 1, 3}) {
      SCOPED_TRACE(testing::Message() << "killed at step " << first << ", then " << second);
      const TempDir dir(TempDir::kMemory);
      ASSERT_EQ(RunProgram(dir.path(), first), -SIGKILL);
      ExpectSound(dir.path());
      if (second > 0) {
        const int ended = RunProgram(dir.path(), second);
        ASSERT_TRUE(ended == -SIGKILL || ended == 0) << ended;
        ExpectSound(dir.path());
      }
      ExpectErased(dir.path());
      ++rounds;
    }
  }
  EXPECT_GE(rounds, 60);
}

}  // namespace
}  // namespace commander::crypto
