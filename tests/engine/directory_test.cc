// Data directories that are in use, that may not be written, and whose parts do not belong together
// or are damaged.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/log/embedded_log.h"
#include "tests/engine/bank_fixture.h"

namespace commander::test {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

// engine_opener, running.
class Opener {
 public:
  explicit Opener(const fs::path& directory, bool unprivileged = false) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) std::abort();
    const std::string program = COMMANDER_BIN_DIR "/engine_opener";
    const std::string where = directory.string();
    const std::array<const char*, 4> arguments = {program.c_str(), where.c_str(),
                                                  unprivileged ? "unprivileged" : nullptr, nullptr};
    pid_ = fork();
    if (pid_ == 0) {
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      execv(program.c_str(), const_cast<char* const*>(arguments.data()));
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    input_ = in[1];
    // One line.
    for (char c = 0; read(out[0], &c, 1) == 1 && c != '\n';) said_.push_back(c);
    close(out[0]);
  }
  ~Opener() { Wait(); }
  Opener(const Opener&) = delete;
  Opener& operator=(const Opener&) = delete;

  const std::string& said() const { return said_; }
  pid_t pid() const { return pid_; }
  void Kill() {
    kill(pid_, SIGKILL);
    Wait();
  }

 private:
  void Wait() {
    if (input_ >= 0) close(std::exchange(input_, -1));
    if (pid_ > 0) waitpid(std::exchange(pid_, -1), nullptr, 0);
  }
  pid_t pid_ = -1;
  int input_ = -1;
  std::string said_;
};

class DirectoryTest : public BankTest {
 protected:
  // Deposits of 1, each in a frame of its own, in several segments.
  void Fill(int deposits) {
    options_.segment_bytes = 2048;
    Open();
    for (int i = 0; i < deposits; ++i) {
      COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, Deposit("acct-1", 1, {.id = Id(i)}));
      last_ = outcome.position();
    }
    CloseFolded();
  }
  // When the projection is as far as the log.
  void CloseFolded() {
    EXPECT_THAT(engine_->Get(*balances_, "acct-1", {.at_least = last_}), IsOk());
    Close();
  }
  static std::string Id(int i) { return absl::StrCat("d-", i); }

  std::vector<fs::path> Segments() const {
    std::vector<fs::path> segments;
    for (const auto& entry : fs::directory_iterator(data() / "log")) {
      if (entry.path().extension() == ".log") segments.push_back(entry.path());
    }
    std::sort(segments.begin(), segments.end());
    return segments;
  }
  static std::string Contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void SetContents(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  // Everything of the log, less its lock and what any opening may make.
  std::map<std::string, std::string> Log() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(data() / "log")) {
      const fs::path& path = entry.path();
      if (!entry.is_regular_file() || path.filename() == "LOCK" || path.extension() == ".idx") {
        continue;
      }
      files[path.string()] = Contents(path);
    }
    return files;
  }
  // Refused twice, and nothing of the log is changed.
  template <class Matcher>
  void ExpectRefused(absl::StatusCode code, const Matcher& message) {
    const auto before = Log();
    for (int attempt = 0; attempt < 2; ++attempt) {
      EXPECT_THAT(TryOpen(), StatusIs(code, message));
      engine_.reset();
    }
    EXPECT_TRUE(Log() == before) << "a refused opening changed the log";
  }
  static void Copy(const fs::path& from, const fs::path& to) {
    fs::remove_all(to);
    fs::copy(from, to, fs::copy_options::recursive);
  }

  RecordPosition last_;  // of the last outcome
};

// ---- In use

TEST_F(DirectoryTest, ASecondEngineIsRefusedWithTheProcessOfTheFirst) {
  Open();
  ASSERT_THAT(Deposit("acct-1", 1), IsEvents(1));
  const fs::path link = dir_ / "link";
  fs::create_directory_symlink(data(), link);
  const std::string sentence = absl::StrCat(
      "is in use by process ", getpid(), "; stop it, or give this engine a directory of its own");
  for (int attempt = 0; attempt < 2; ++attempt) {  // also after those that failed
    for (const fs::path& path : {data(), link, data() / "."}) {
      EXPECT_THAT(
          Engine::Open({.data_directory = path.string()}, {}),
          StatusIs(kFailedPrecondition, AllOf(HasSubstr(path.string()), HasSubstr(sentence))));
    }
    EXPECT_THAT(Opener(data()).said(),
                AllOf(StartsWith("FAILED_PRECONDITION"), HasSubstr(sentence)));
    EXPECT_THAT(Opener(link).said(), HasSubstr(sentence));
  }
  // Who only reads may look.
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const auto reader, log::OpenEmbeddedLogReader({.directory = (data() / "log").string()}));
  EXPECT_THAT(reader->End({2, 0}), IsOkAndHolds(Offset{1}));
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(2));
}

TEST_F(DirectoryTest, AKilledOwnerLeavesNothingToRemove) {
  for (std::uint64_t life = 0; life < 3; ++life) {
    Opener owner(data());
    ASSERT_EQ(owner.said(), absl::StrCat("open, version ", 2 * life + 1));
    EXPECT_THAT(TryOpen(), StatusIs(kFailedPrecondition,
                                    HasSubstr(absl::StrCat("in use by process ", owner.pid()))));
    EXPECT_THAT(Opener(data()).said(), HasSubstr(absl::StrCat("in use by process ", owner.pid())));
    owner.Kill();
    Open();
    EXPECT_THAT(Deposit("acct-1", 1), IsEvents(2 * life + 2));
    Close();
  }
}

TEST_F(DirectoryTest, AnEngineThatIsClosedOrGoneFreesItsDirectory) {
  Open();
  engine_.reset();
  Open();
  ASSERT_THAT(engine_->Close(), IsOk());
  EXPECT_EQ(Opener(data()).said(), "open, version 1");
}

// ---- Not to be written

class PermissionTest : public DirectoryTest {
 protected:
  // Lets everybody write, or nobody; root, whom this does not stop, is given up by the opener.
  static void SetWritable(const fs::path& path, bool writable) {
    const auto set = [&](const fs::path& each) {
      fs::permissions(each, fs::perms::all & ~(writable ? fs::perms::none : kWrite));
    };
    set(path);
    if (!fs::is_directory(path)) return;
    for (const auto& entry : fs::recursive_directory_iterator(path)) set(entry.path());
  }
  static constexpr fs::perms kWrite =
      fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write;
  std::string Refusal() { return Opener(data(), true).said(); }
};

TEST_F(PermissionTest, ADirectoryThatCannotBeMadeIsNamed) {
  SetWritable(dir_.path(), false);
  EXPECT_THAT(Refusal(), AllOf(StartsWith("PERMISSION_DENIED"), HasSubstr(data().string()),
                               HasSubstr("Permission denied"), HasSubstr("that it may write")));
  EXPECT_FALSE(fs::exists(data()));
}

TEST_F(PermissionTest, ADirectoryThatCannotBeWrittenIsNamed) {
  SetWritable(dir_.path(), true);
  fs::create_directory(data());
  SetWritable(data(), false);
  EXPECT_THAT(Refusal(), AllOf(StartsWith("PERMISSION_DENIED"), HasSubstr(data().string()),
                               HasSubstr("that it may write")));
  EXPECT_TRUE(fs::is_empty(data()));

  SetWritable(data(), true);
  Fill(3);
  SetWritable(data(), false);
  EXPECT_THAT(Refusal(),
              AllOf(StartsWith("PERMISSION_DENIED"), HasSubstr((data() / "LOCK").string()),
                    HasSubstr("that it may write")));
}

TEST_F(PermissionTest, EachPartMustBeWritable) {
  Fill(3);
  const auto before = Log();
  SetWritable(dir_.path(), true);
  for (const char* part : {"log", "store"}) {
    SetWritable(data() / part, false);
    EXPECT_THAT(Refusal(),
                AllOf(StartsWith("PERMISSION_DENIED"), HasSubstr((data() / part).string())));
    SetWritable(data() / part, true);
  }
  EXPECT_TRUE(Log() == before);
  EXPECT_EQ(Refusal(), "open, version 4");
}

TEST_F(DirectoryTest, WhatIsNoDirectoryIsRefused) {
  SetContents(data(), "a file");
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kInvalidArgument,
                                  AllOf(HasSubstr(data().string()), HasSubstr("ot a directory"))));
}

// ---- Parts that do not belong together

TEST_F(DirectoryTest, AStoreOfAnotherLogIsRefused) {
  Fill(3);
  Copy(data(), dir_ / "other");
  fs::remove_all(data());
  Fill(4);
  for (const auto& [part, who] : std::map<std::string, std::string>{
           {"store", "the store of group accounts"}, {"projections", "projection balances"}}) {
    Copy(data() / part, dir_ / "mine");
    Copy(dir_ / "other" / part, data() / part);
    ExpectRefused(kFailedPrecondition, AllOf(HasSubstr(who), HasSubstr("belongs to another log"),
                                             HasSubstr("it will be rebuilt from this log")));
    Copy(dir_ / "mine", data() / part);
  }
  Open();
  EXPECT_EQ(BalanceOf("acct-1"), 4);
}

TEST_F(DirectoryTest, AStoreAheadOfTheLogIsRefused) {
  Fill(3);
  Copy(data() / "log", dir_ / "older");
  Fill(5);  // two more
  Copy(dir_ / "older", data() / "log");
  ExpectRefused(kFailedPrecondition,
                AllOf(HasSubstr("the store of group accounts, partition 0, is ahead of the log"),
                      HasSubstr("offset 7"), HasSubstr("accounts-events"), HasSubstr("last is 2"),
                      HasSubstr("delete the store to accept the loss")));
  fs::remove_all(data() / "store");
  ExpectRefused(kFailedPrecondition,
                AllOf(HasSubstr("projection balances, topic accounts-events[0]"),
                      HasSubstr("ahead of the log"), HasSubstr("offset 7")));
  fs::remove_all(data() / "projections");
  Open();
  EXPECT_EQ(BalanceOf("acct-1"), 3);
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(4));
}

TEST_F(DirectoryTest, AStoreOfAnotherHistoryIsRefused) {
  Fill(3);
  Copy(data() / "log", dir_ / "older");
  Open();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome fourth, Deposit("acct-1", 10));
  last_ = fourth.position();
  CloseFolded();
  Copy(data() / "store", dir_ / "store");
  Copy(data() / "projections", dir_ / "projections");
  Copy(dir_ / "older", data() / "log");
  DeleteStores();
  Open();
  ASSERT_THAT(Deposit("acct-1", 20), IsEvents(4));
  ASSERT_THAT(Deposit("acct-1", 20), IsEvents(5));
  Close();
  Copy(dir_ / "store", data() / "store");
  ExpectRefused(kFailedPrecondition,
                AllOf(HasSubstr("the store of group accounts, partition 0"),
                      HasSubstr("folded from another history"), HasSubstr("offset 3")));
  fs::remove_all(data() / "store");
  Copy(dir_ / "projections", data() / "projections");
  ExpectRefused(kFailedPrecondition,
                AllOf(HasSubstr("projection balances"), HasSubstr("folded from another history")));
}

TEST_F(DirectoryTest, StoresThatAreBehindCatchUp) {
  Fill(3);
  Copy(data() / "store", dir_ / "store");
  Copy(data() / "projections", dir_ / "projections");
  Fill(6);  // three more
  Copy(dir_ / "store", data() / "store");
  Copy(dir_ / "projections", data() / "projections");
  Open();
  EXPECT_EQ(BalanceOf("acct-1"), 6);
  EXPECT_THAT(Deposit("acct-1", 1, {.id = Id(5)}), RepeatsEvents(6));
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(7));
}

// ---- Damage

TEST_F(DirectoryTest, AMissingSegmentIsNamed) {
  Fill(40);
  const std::vector<fs::path> segments = Segments();
  ASSERT_THAT(segments, SizeIs(::testing::Ge(4u)));
  for (std::size_t i = 0; i < segments.size(); ++i) {
    SCOPED_TRACE(segments[i]);
    fs::rename(segments[i], dir_ / "aside");
    if (i + 1 < segments.size()) {
      ExpectRefused(kDataLoss, HasSubstr(segments[i].filename().string()));
    } else {
      ExpectRefused(kDataLoss, HasSubstr((data() / "log").string()));
    }
    fs::rename(dir_ / "aside", segments[i]);
  }
  Open();
  EXPECT_EQ(BalanceOf("acct-1"), 40);
}

TEST_F(DirectoryTest, AFlippedBitInTheLastSegmentIsNamed) {
  Fill(40);
  const fs::path last = Segments().back();
  const std::string bytes = Contents(last);
  for (const std::size_t at : {std::size_t{0}, std::size_t{20}, bytes.find("acct-1")}) {
    SCOPED_TRACE(at);
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    SetContents(last, damaged);
    ExpectRefused(kDataLoss, HasSubstr(last.string()));
  }
  SetContents(last, bytes);
  Open();
  EXPECT_EQ(BalanceOf("acct-1"), 40);
}

TEST_F(DirectoryTest, FlippedBitsInAnOlderSegmentAreNamedByWhoeverReadsThem) {
  Fill(40);
  const fs::path second = Segments()[1];
  const std::string bytes = Contents(second);
  std::string damaged = bytes;
  // In every frame: the first may hold a command alone, which nobody reads again.
  for (std::size_t at = bytes.find("acct-1"); at != bytes.npos; at = bytes.find("acct-1", at + 1)) {
    damaged[at] ^= 4;
  }
  SetContents(second, damaged);

  // The stores are beyond it.
  Open();
  ASSERT_THAT(engine_->AwaitReady(), IsOk());
  int unreadable = 0;
  for (int i = 0; i < 40; ++i) {
    const auto found = engine_->FindOutcome(*accounts_, "acct-1", Id(i));
    if (found.ok()) continue;
    EXPECT_THAT(found, StatusIs(kDataLoss, HasSubstr(second.string())));
    ++unreadable;
  }
  EXPECT_GT(unreadable, 0);
  EXPECT_LT(unreadable, 20);
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(41));
  EXPECT_EQ(BalanceOf("acct-1"), 41);

  // A rebuild is not, and stops there instead of going on without it.
  DeleteStores();
  Open();
  EXPECT_THAT(engine_->AwaitReady(), StatusIs(kDataLoss, HasSubstr(second.string())));
  EXPECT_THAT(Deposit("acct-1", 1),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(second.string())));
  EXPECT_THAT(engine_->Get(*balances_, "acct-1", {.at_least = last_}),
              StatusIs(kFailedPrecondition, HasSubstr(second.string())));
  Close();
  SetContents(second, bytes);
  Open();
  EXPECT_EQ(BalanceOf("acct-1"), 41);
}

TEST_F(DirectoryTest, ATornTailIsCutAndReported) {
  Fill(5);
  const fs::path last = Segments().back();
  const std::string bytes = Contents(last);
  // A frame that was begun: the process was killed while it wrote.
  const std::size_t end = bytes.find_last_not_of('\0') / 8 * 8 + 8;
  std::string torn = bytes.substr(0, end) + std::string(24, '\x5a') +
                     (bytes.size() > end + 24 ? bytes.substr(end + 24) : "");
  SetContents(last, torn);
  Open();
  EXPECT_THAT(log_.Messages(LogLevel::kWarning), Contains(HasSubstr(last.filename().string())));
  EXPECT_EQ(BalanceOf("acct-1"), 5);
  EXPECT_THAT(Deposit("acct-1", 1, {.id = Id(4)}), RepeatsEvents(5));
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(6));
  Rebuild();
  EXPECT_EQ(BalanceOf("acct-1"), 6);
}

TEST_F(DirectoryTest, ADamagedStoreIsMovedAsideAndRebuilt) {
  Fill(5);
  SetContents(data() / "store/accounts/CURRENT", "nonsense");
  Open();
  EXPECT_THAT(log_.Messages(LogLevel::kWarning),
              Contains(AllOf(HasSubstr("store/accounts"), HasSubstr("moved to"))));
  EXPECT_THAT(Deposit("acct-1", 1, {.id = Id(4)}), RepeatsEvents(5));
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(6));
}

}  // namespace
}  // namespace commander::test
