// Looking changes nothing: on a directory that was closed, one that was left by a crash, one
// without any write permission, a copy, and one that an engine is writing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "simdjson.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/directory_state.h"
#include "tests/tools/run_commander.h"

namespace commander::test {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::vector<std::vector<std::string>>& Verbs() {
  static const auto& verbs =
      *new std::vector<std::vector<std::string>>{{"log", "read"},
                                                 {"log", "tail"},
                                                 {"log", "tail", "-f", "--limit", "5"},
                                                 {"aggregate", "list"},
                                                 {"aggregate", "show", "acct-1"},
                                                 {"aggregate", "history", "acct-1"},
                                                 {"projection", "list"},
                                                 {"projection", "show", "balances"},
                                                 {"projection", "show", "balances", "acct-1"},
                                                 {"store", "verify"},
                                                 {"store", "hash"}};
  return verbs;
}

// Runs every verb; all succeed and leave the directory as it was.
void LookAtEverything(const fs::path& data, const std::string& what) {
  const auto before = StateOf(data);
  ASSERT_THAT(before, Not(IsEmpty()));
  for (const std::vector<std::string>& verb : Verbs()) {
    const Ran ran = Commander(data, verb);
    EXPECT_EQ(ran.exit, 0) << what << ": " << verb[0] << " " << verb[1] << ": " << ran.err;
    EXPECT_THAT(ran.out, Not(IsEmpty())) << what << ": " << verb[0] << " " << verb[1];
  }
  EXPECT_EQ(StateOf(data), before) << what;
}

void SetWritable(const fs::path& directory, bool writable) {
  const auto how = writable ? fs::perm_options::add : fs::perm_options::remove;
  constexpr auto kWrite = fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write;
  fs::permissions(directory, kWrite, how);
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    fs::permissions(entry.path(), kWrite, how);
  }
}

// Runs `use` in a process of its own, in which `directory` is mounted read-only; false where this
// user may not mount.
bool OnReadOnlyMount(const fs::path& directory, const std::function<void()>& use) {
  const pid_t child = fork();
  if (child == 0) {
    const std::string path = directory.string();
    const bool mounted =
        unshare(CLONE_NEWNS) == 0 &&
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
        mount(path.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
        mount("none", path.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) == 0;
    if (!mounted) _exit(77);
    EXPECT_NE(mkdir((path + "/x").c_str(), 0700), 0) << "the mount is not read-only";
    use();
    _exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77));
  return WEXITSTATUS(status) == 0;
}

class NoTraceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(WriteBank(closed_, {"--deposits", "20"}), IsOk());
    ASSERT_THAT(WriteBank(crashed_, {"--deposits", "20"}), IsOk());
    // What comes now reaches the log, and not the stores.
    ASSERT_THAT(WriteBank(crashed_, {"--deposits", "20", "--crash"}), IsOk());
  }
  const TempDir dir_;
  const fs::path closed_ = dir_ / "closed";
  const fs::path crashed_ = dir_ / "crashed";
};

TEST_F(NoTraceTest, OnADirectoryThatWasClosed) { LookAtEverything(closed_, "closed"); }

TEST_F(NoTraceTest, OnADirectoryThatACrashLeft) {
  LookAtEverything(crashed_, "crashed");
  const Ran show = Commander(crashed_, {"aggregate", "show", "acct-1"});
  EXPECT_THAT(show.out, HasSubstr(R"("version":"21","events_behind":"20","version_in_log":"41")"));
  EXPECT_THAT(show.err, HasSubstr("lacks 20 events that are in the log"));
  const Ran row = Commander(crashed_, {"projection", "show", "balances", "acct-1"});
  EXPECT_THAT(row.out, Not(HasSubstr(R"("behind":"0")")));
}

TEST_F(NoTraceTest, OnACopyWithoutAnyWritePermission) {
  for (const fs::path& original : {closed_, crashed_}) {
    const fs::path copy = original.string() + ".copy";
    fs::copy(original, copy, fs::copy_options::recursive);
    SetWritable(copy, false);
    LookAtEverything(copy, copy.string());
    SetWritable(copy, true);
  }
}

// Root may write whatever the permissions say; a mount stops it.
TEST_F(NoTraceTest, OnAReadOnlyMount) {
  const bool mounted = OnReadOnlyMount(dir_.path(), [&] {
    LookAtEverything(closed_, "closed");
    LookAtEverything(crashed_, "crashed");
  });
  if (!mounted) std::cerr << "this user may not mount; permissions are tested above\n";
}

// Beside a writer there is no before and after to compare, but names that no engine makes.
TEST_F(NoTraceTest, BesideAWriter) {
  Process writer({Program("tools_bank"), closed_.string(), "--wait"});
  ASSERT_EQ(writer.ReadLine(), "ready");
  for (const std::vector<std::string>& verb : Verbs()) {
    const Ran ran = Commander(closed_, verb);
    EXPECT_EQ(ran.exit, 0) << verb[0] << " " << verb[1] << ": " << ran.err;
    EXPECT_THAT(ran.out, Not(IsEmpty()));
  }
  const Ran end = writer.Wait();
  EXPECT_EQ(end.exit, 0) << end.err;
  LookAtEverything(closed_, "afterwards");
}

}  // namespace
}  // namespace commander::test
