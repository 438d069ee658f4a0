// The machine's own files: errors, locks, permissions, other processes.
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "engine/log/embedded_log.h"
#include "engine/log/errno_status.h"
#include "engine/log/file_system.h"
#include "engine/log/verify.h"
#include "tests/log/log_conformance.h"
#include "tests/support/fake_environment.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ErrnoStatusTest, GivesEveryErrorTheCodeOfItsReaction) {
  const struct {
    int error;
    absl::StatusCode code;
  } kTable[] = {
      {ENOSPC, absl::StatusCode::kResourceExhausted},
      {EDQUOT, absl::StatusCode::kResourceExhausted},
      {EACCES, absl::StatusCode::kPermissionDenied},
      {EPERM, absl::StatusCode::kPermissionDenied},
      {EROFS, absl::StatusCode::kPermissionDenied},
      {ENOENT, absl::StatusCode::kNotFound},
      {EIO, absl::StatusCode::kDataLoss},
      {EWOULDBLOCK, absl::StatusCode::kUnavailable},
      // No space is what a log waits for; these are not.
      {EMFILE, absl::StatusCode::kUnavailable},
      {ENOMEM, absl::StatusCode::kUnavailable},
      {EMLINK, absl::StatusCode::kUnknown},
      {EINVAL, absl::StatusCode::kInvalidArgument},
  };
  for (const auto& row : kTable) {
    EXPECT_THAT(log::ErrnoStatus(row.error, "cannot write x at byte 7"),
                StatusIs(row.code, ::testing::StartsWith("cannot write x at byte 7: ")))
        << row.error;
  }
}

class PosixTest : public ::testing::Test {
 protected:
  log::EmbeddedLogOptions Options() {
    log::EmbeddedLogOptions options;
    options.directory = dir_ / "log";
    options.clock = &clock_;
    options.random = &random_;
    return options;
  }
  std::unique_ptr<log::Log> Open() {
    auto log = log::OpenEmbeddedLog(Options());
    EXPECT_THAT(log, IsOk());
    return log.ok() ? *std::move(log) : nullptr;
  }
  static void AppendOne(log::Log& log) {
    const auto topic = log.OpenTopic({"c", log::TopicKind::kCommands, 1});
    ASSERT_THAT(topic, IsOk());
    ASSERT_THAT(log.Append({*topic, 0}, Message(1), nullptr, true), IsOk());
    ASSERT_TRUE(log.Step());
  }
  // Runs `body` in a child process and returns what it returns, as text.
  static std::string InChild(const std::function<std::string()>& body) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const std::string text = body();
      const bool written =
          ::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
      ::_exit(written ? 0 : 1);
    }
    ::close(ends[1]);
    std::string text;
    char buffer[512];
    for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<std::size_t>(n));
    }
    ::close(ends[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    return text;
  }
  // Root may write everywhere: a child gives that up.
  static void BecomeNobody() {
    if (::geteuid() != 0) return;
    constexpr id_t kNobody = 65534;
    if (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) {
      ::_exit(2);
    }
  }

  TempDir dir_;
  FakeClock clock_;
  FakeRandom random_;
};

TEST_F(PosixTest, FilesAreReadAndWrittenInPieces) {
  log::FileSystem& files = log::FileSystem::Posix();
  const std::string path = dir_ / "file";
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto file, files.Create(path));
  std::string a = "one ";
  std::string b = "two";
  const iovec pieces[] = {{a.data(), a.size()}, {b.data(), b.size()}};
  EXPECT_THAT(file->Write(3, pieces), IsOkAndHolds(7u));
  EXPECT_THAT(file->Sync(), IsOk());
  EXPECT_THAT(file->Size(), IsOkAndHolds(10u));
  std::array<std::byte, 20> bytes;
  EXPECT_THAT(file->Read(3, bytes), IsOkAndHolds(7u));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), 7), "one two");
  EXPECT_THAT(file->Read(100, bytes), IsOkAndHolds(0u));
  EXPECT_THAT(file->Truncate(5), IsOk());
  EXPECT_THAT(file->Size(), IsOkAndHolds(5u));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto again, files.OpenForReading(path));
  EXPECT_THAT(again->Write(0, pieces), ::testing::Not(IsOk()));

  EXPECT_THAT(files.MakeDirectory(dir_ / "sub"), IsOk());
  EXPECT_THAT(files.MakeDirectory(dir_ / "sub"), IsOk());
  EXPECT_THAT(files.Rename(path, dir_ / "other"), IsOk());
  EXPECT_THAT(files.List(dir_.path()), IsOkAndHolds(ElementsAre("other", "sub")));
  EXPECT_THAT(files.SyncDirectory(dir_.path()), IsOk());
  EXPECT_THAT(files.Remove(dir_ / "other"), IsOk());
  EXPECT_THAT(files.Remove(dir_ / "other"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("other")));
  EXPECT_THAT(files.OpenForReading(path), StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
  EXPECT_THAT(files.List(dir_ / "none"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(files.KindOf(dir_.path()), IsOk());
  EXPECT_EQ(files.ProcessId(), ::getpid());
}

TEST_F(PosixTest, AFileWithoutSpaceSaysSoWithPathAndPlace) {
  log::FileSystem& files = log::FileSystem::Posix();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto file, files.OpenForWriting("/dev/full"));
  char byte = 'x';
  const iovec piece = {&byte, 1};
  EXPECT_THAT(file->Write(12, std::span(&piece, 1)),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("/dev/full"), HasSubstr("byte 12"))));
}

TEST_F(PosixTest, OneWriterInThisProcessAlsoThroughALink) {
  const auto log = Open();
  const std::string pid = std::to_string(::getpid());
  EXPECT_THAT(log::OpenEmbeddedLog(Options()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("this process (" + pid + ")")));
  std::filesystem::create_directory_symlink(dir_ / "log", dir_ / "link");
  log::EmbeddedLogOptions linked = Options();
  linked.directory = dir_ / "link";
  EXPECT_THAT(log::OpenEmbeddedLog(linked),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(pid)));
  // Readers may look, and the writer keeps its lock.
  EXPECT_THAT(log::OpenEmbeddedLogReader({linked.directory}), IsOk());
  EXPECT_THAT(log::OpenEmbeddedLog(linked), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(PosixTest, OneWriterAmongProcesses) {
  auto log = Open();
  AppendOne(*log);
  const auto in_child = [&] {
    return InChild([&] { return log::OpenEmbeddedLog(Options()).status().ToString(); });
  };
  const std::string owner = "process " + std::to_string(::getpid());
  EXPECT_THAT(in_child(), AllOf(HasSubstr("UNAVAILABLE"), HasSubstr(owner)));
  EXPECT_THAT(in_child(), HasSubstr(owner)) << "the attempt that failed changed the message";
  EXPECT_EQ(
      InChild([&] { return log::VerifyEmbeddedLog({dir_ / "log"})->ok() ? "whole" : "damaged"; }),
      "whole");
  log.reset();
  EXPECT_EQ(in_child(), "OK");
}

TEST_F(PosixTest, AKilledWriterLeavesNothingToRemove) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto log = Open();
    AppendOne(*log);
    const bool written = ::write(ends[1], "x", 1) == 1;
    if (!written) ::_exit(1);
    ::pause();
  }
  char byte;
  ASSERT_EQ(::read(ends[0], &byte, 1), 1);
  EXPECT_THAT(
      log::OpenEmbeddedLog(Options()),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("process " + std::to_string(child))));
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ::close(ends[0]);
  ::close(ends[1]);
  const auto log = Open();
  EXPECT_THAT(log->End({1, 0}), IsOkAndHolds(Offset{1}));
}

TEST_F(PosixTest, AForkedChildDoesNotWriteAndDoesNotGiveTheLockBack) {
  auto log = Open();
  AppendOne(*log);
  ASSERT_THAT(log->Append({1, 0}, Message(2), nullptr, true), IsOk());
  const auto size = std::filesystem::file_size(dir_ / "log/00000000000000000001.log");
  const std::string said = InChild([&] {
    log->Step();
    const std::string health = log->health().ToString();
    log.reset();
    return health;
  });
  EXPECT_THAT(said, AllOf(HasSubstr("child of process"), HasSubstr(std::to_string(::getpid()))));
  EXPECT_EQ(std::filesystem::file_size(dir_ / "log/00000000000000000001.log"), size);
  EXPECT_THAT(log::OpenEmbeddedLog(Options()), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(log->Step());
  EXPECT_THAT(log->End({1, 0}), IsOkAndHolds(Offset{2}));
}

TEST_F(PosixTest, ADirectoryOfSomebodyElseIsReadAndNotWritten) {
  {
    auto log = Open();
    AppendOne(*log);
    ASSERT_THAT(log->Close(), IsOk());
  }
  std::filesystem::permissions(dir_.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(dir_ / "log", std::filesystem::perms(0555));
  const std::string said = InChild([&] {
    BecomeNobody();
    std::string text = log::OpenEmbeddedLog(Options()).status().ToString() + "\n";
    auto reader = log::OpenEmbeddedLogReader({dir_ / "log"});
    text += reader.ok() ? "read to " + std::to_string((*reader)->End({1, 0})->value)
                        : reader.status().ToString();
    return text;
  });
  std::filesystem::permissions(dir_ / "log", std::filesystem::perms(0755));
  EXPECT_THAT(said, AllOf(HasSubstr("PERMISSION_DENIED"), HasSubstr(dir_ / "log"),
                          HasSubstr("right to write"), HasSubstr("read to 1")));
}

TEST_F(PosixTest, APlaceWhereNoLogCanBeMadeIsNamed) {
  std::filesystem::permissions(dir_.path(), std::filesystem::perms(0555));
  const std::string said = InChild([&] {
    BecomeNobody();
    return log::OpenEmbeddedLog(Options()).status().ToString();
  });
  std::filesystem::permissions(dir_.path(), std::filesystem::perms(0755));
  EXPECT_THAT(said, AllOf(HasSubstr("PERMISSION_DENIED"), HasSubstr(dir_ / "log")));
}

TEST_F(PosixTest, AFileInPlaceOfADirectoryIsNamed) {
  std::ofstream(dir_ / "log") << "not a directory";
  const auto status = log::OpenEmbeddedLog(Options()).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(dir_ / "log"));
}

}  // namespace
}  // namespace commander::test
