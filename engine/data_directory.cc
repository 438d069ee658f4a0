#include "engine/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "commander/internal/status_macros.h"

namespace commander::internal {
namespace {

// One slot a partition, for every number that a partition can have.
constexpr std::size_t kSlots = 65'536;
constexpr std::size_t kRunningBytes = kSlots * sizeof(CrashSlot);

absl::Status ErrnoStatus(int error, const std::string& what) {
  const std::string message = absl::StrCat(what, ": ", std::generic_category().message(error));
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(
          absl::StrCat(message, "; the engine needs a directory that it may write"));
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(message);
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return absl::InvalidArgumentError(message);
    default:
      return absl::InternalError(message);
  }
}

std::string OwnerOf(int lock) {
  std::array<char, 32> text{};
  const ssize_t got = pread(lock, text.data(), text.size() - 1, 0);
  int pid = 0;
  const absl::string_view line =
      absl::StripAsciiWhitespace(absl::string_view(text.data(), got > 0 ? std::size_t(got) : 0));
  if (!absl::SimpleAtoi(line, &pid)) return "another process";
  return absl::StrCat("process ", pid);
}

// Each of them that is made is synced into its parent.
absl::Status MakeDirectories(const std::filesystem::path& path) {
  std::error_code error;
  if (path.empty() || std::filesystem::is_directory(path, error)) return absl::OkStatus();
  const std::filesystem::path parent = path.parent_path();
  COMMANDER_RETURN_IF_ERROR(MakeDirectories(parent));
  std::filesystem::create_directory(path, error);
  if (error == std::errc::file_exists) error = std::make_error_code(std::errc::not_a_directory);
  if (error) return ErrnoStatus(error.value(), absl::StrCat("data directory ", path.string()));
  const std::string name = parent.empty() ? "." : parent.string();
  const int directory = open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return ErrnoStatus(errno, name);
  const int reason = fsync(directory) == 0 ? 0 : errno;
  close(directory);
  return reason == 0 ? absl::OkStatus() : ErrnoStatus(reason, name);
}

}  // namespace

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::Open(const std::string& path) {
  std::error_code error;
  COMMANDER_RETURN_IF_ERROR(MakeDirectories(path));
  const std::string name = absl::StrCat(path, "/LOCK");
  const int lock = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0) return ErrnoStatus(errno, name);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    const std::string owner = OwnerOf(lock);
    close(lock);
    if (reason != EWOULDBLOCK) return ErrnoStatus(reason, name);
    return absl::FailedPreconditionError(
        absl::StrCat("data directory ", path, " is in use by ", owner,
                     "; stop it, or give this engine a directory of its own"));
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(lock, 0) != 0 ||
      pwrite(lock, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    const int reason = errno;
    close(lock);
    return ErrnoStatus(reason, name);
  }
  return std::unique_ptr<DataDirectory>(new DataDirectory(path, lock));
}

DataDirectory::~DataDirectory() {
  for (const auto& [group, mapping] : running_) {
    if (mapping.address != nullptr) munmap(mapping.address, mapping.bytes);
  }
  close(lock_);
}

absl::StatusOr<std::string> DataDirectory::InstanceId(RandomSource& random) const {
  constexpr std::size_t kBytes = 16;
  const std::string name = (path_ / "INSTANCE").string();
  int file = open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    std::array<char, 2 * kBytes + 2> text{};
    const ssize_t got = read(file, text.data(), text.size());
    const int reason = errno;
    close(file);
    if (got < 0) return ErrnoStatus(reason, name);
    const absl::string_view id =
        absl::StripAsciiWhitespace(absl::string_view(text.data(), static_cast<std::size_t>(got)));
    if (id.size() == 2 * kBytes && std::all_of(id.begin(), id.end(), absl::ascii_isxdigit)) {
      return std::string(id);
    }
    return absl::DataLossError(absl::StrCat(
        name, " is damaged; delete it: this engine then waits until the group's old session ends"));
  }
  if (errno != ENOENT) return ErrnoStatus(errno, name);
  std::array<std::uint8_t, kBytes> bytes{};
  random.Fill(bytes);
  const std::string id = absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  // Whole or not at all; losing it in a crash costs a session time-out.
  const std::string unfinished = name + ".new";
  file = open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return ErrnoStatus(errno, unfinished);
  const bool written = write(file, id.data(), id.size()) == static_cast<ssize_t>(id.size()) &&
                       fsync(file) == 0 && rename(unfinished.c_str(), name.c_str()) == 0;
  const int reason = errno;
  close(file);
  if (!written) return ErrnoStatus(reason, name);
  return id;
}

CrashSlot* DataDirectory::Slot(const std::string& group, std::uint16_t partition,
                               const LogSink& sink) {
  const auto [at, added] = running_.try_emplace(group);
  if (added) {
    const std::filesystem::path directory = path_ / "running";
    const std::string name = (directory / group).string();
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    const int file = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    void* address = MAP_FAILED;
    // Allocated: a store into a page for which a full disk has no room would end the process.
    if (file >= 0) errno = posix_fallocate(file, 0, kRunningBytes);
    if (file >= 0 && errno == 0) {
      address = mmap(nullptr, kRunningBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    }
    const int reason = errno;
    if (file >= 0) close(file);
    if (address != MAP_FAILED) {
      at->second = {address, kRunningBytes};
    } else if (sink) {
      sink({LogLevel::kWarning,
            "engine",
            absl::StrCat("cannot map ", name, " (", std::generic_category().message(reason),
                         "): a command that kills the process will not be parked"),
            {{"group", group}}});
    }
  }
  if (at->second.address == nullptr) return nullptr;
  return static_cast<CrashSlot*>(at->second.address) + partition;
}

}  // namespace commander::internal
