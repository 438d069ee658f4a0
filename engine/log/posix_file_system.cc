#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "engine/log/errno_status.h"
#include "engine/log/file_system.h"

namespace commander::log {
namespace {

constexpr std::int64_t kSmbMagic = 0x517b;
constexpr std::int64_t kSmb2Magic = 0xfe534d42;
constexpr std::int64_t kCifsMagic = 0xff534d42;
constexpr std::int64_t kNfsMagic = 0x6969;
constexpr std::int64_t kFuseMagic = 0x65735546;
constexpr std::int64_t kBtrfsMagic = 0x9123683e;
constexpr std::int64_t kZfsMagic = 0x2fc12fc1;
constexpr std::int64_t kBcachefsMagic = 0xca451a4e;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

template <typename Call>
auto Retrying(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

absl::StatusOr<Descriptor> Open(const std::string& path, int flags) {
  const int fd = Retrying([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0644); });
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot open ", path));
  return Descriptor(fd);
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  absl::StatusOr<std::size_t> Read(std::uint64_t at, std::span<std::byte> out) override {
    std::size_t have = 0;
    while (have < out.size()) {
      const ssize_t n = Retrying([&] {
        return ::pread(fd_.get(), out.data() + have, out.size() - have,
                       static_cast<off_t>(at + have));
      });
      if (n < 0) return Failed("read", at + have);
      if (n == 0) break;
      have += static_cast<std::size_t>(n);
    }
    return have;
  }

  absl::StatusOr<std::size_t> Write(std::uint64_t at, std::span<const iovec> pieces) override {
    const int count = static_cast<int>(std::min<std::size_t>(pieces.size(), IOV_MAX));
    const ssize_t n = Retrying(
        [&] { return ::pwritev(fd_.get(), pieces.data(), count, static_cast<off_t>(at)); });
    if (n < 0) return Failed("write", at);
    if (n == 0) errno = ENOSPC;  // not known to happen; never taken for progress
    if (n == 0) return Failed("write", at);
    return static_cast<std::size_t>(n);
  }

  absl::Status Sync() override {
    // Not repeated after EINTR: after a failed sync nobody knows what is on the device.
    if (::fdatasync(fd_.get()) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, absl::StrCat("cannot sync ", path_));
  }

  absl::Status Truncate(std::uint64_t size) override {
    if (Retrying([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); }) == 0) {
      return absl::OkStatus();
    }
    return Failed("cut", size);
  }

  absl::StatusOr<std::uint64_t> Size() override {
    struct stat status;
    if (::fstat(fd_.get(), &status) == 0) return static_cast<std::uint64_t>(status.st_size);
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", path_));
  }

 private:
  absl::Status Failed(const char* what, std::uint64_t at) const {
    const int error = errno;
    return ErrnoStatus(error, absl::StrCat("cannot ", what, " ", path_, " at byte ", at));
  }

  const Descriptor fd_;
  const std::string path_;
};

class PosixDirectoryLock final : public DirectoryLock {
 public:
  explicit PosixDirectoryLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  // Closing gives the lock back.  A forked child that closes its copy does not: the
  // lock belongs to what both descriptors refer to (LOCK_UN would take it away).
  const Descriptor fd_;
};

class PosixFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> OpenForReading(const std::string& path) override {
    return OpenFile(path, O_RDONLY);
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForWriting(const std::string& path) override {
    return OpenFile(path, O_RDWR);
  }
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path) override {
    return OpenFile(path, O_RDWR | O_CREAT | O_TRUNC);
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, absl::StrCat("cannot rename ", from, " to ", to));
  }

  absl::Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, absl::StrCat("cannot remove ", path));
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    DIR* dir = ::opendir(directory.c_str());
    if (dir == nullptr) return ErrnoStatus(errno, absl::StrCat("cannot list ", directory));
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(dir)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    const int error = errno;
    ::closedir(dir);
    if (error != 0) return ErrnoStatus(error, absl::StrCat("cannot list ", directory));
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::Status MakeDirectory(const std::string& directory) override {
    if (::mkdir(directory.c_str(), 0755) == 0 || errno == EEXIST) return absl::OkStatus();
    return ErrnoStatus(errno, absl::StrCat("cannot make the directory ", directory));
  }

  absl::Status SyncDirectory(const std::string& directory) override {
    COMMANDER_ASSIGN_OR_RETURN(const Descriptor fd, Open(directory, O_RDONLY | O_DIRECTORY));
    if (::fsync(fd.get()) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, absl::StrCat("cannot sync the directory ", directory));
  }

  absl::StatusOr<std::unique_ptr<DirectoryLock>> LockDirectory(
      const std::string& directory) override {
    COMMANDER_ASSIGN_OR_RETURN(Descriptor fd, Open(directory, O_RDONLY | O_DIRECTORY));
    if (Retrying([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
      return ErrnoStatus(errno, absl::StrCat("cannot lock ", directory));
    }
    return std::make_unique<PosixDirectoryLock>(std::move(fd));
  }

  absl::StatusOr<FileSystemKind> KindOf(const std::string& directory) override {
    struct statfs status;
    if (Retrying([&] { return ::statfs(directory.c_str(), &status); }) != 0) {
      return ErrnoStatus(errno, absl::StrCat("cannot look at the file system of ", directory));
    }
    switch (static_cast<std::int64_t>(static_cast<std::uint32_t>(status.f_type))) {
      case kNfsMagic:
      case kSmbMagic:
      case kSmb2Magic:
      case kCifsMagic:
      case kFuseMagic:
        return FileSystemKind::kNetwork;
      case kBtrfsMagic:
      case kZfsMagic:
      case kBcachefsMagic:
        return FileSystemKind::kCopyOnWrite;
      default:
        return FileSystemKind::kOverwriting;
    }
  }

  absl::Status CheckWritable(const std::string& directory) override {
    if (::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0) {
      return absl::OkStatus();
    }
    return ErrnoStatus(errno, absl::StrCat("cannot write in ", directory));
  }

  std::int64_t ProcessId() override { return ::getpid(); }
  void Pause(absl::Duration duration) override { absl::SleepFor(duration); }

 private:
  static absl::StatusOr<std::unique_ptr<File>> OpenFile(const std::string& path, int flags) {
    COMMANDER_ASSIGN_OR_RETURN(Descriptor fd, Open(path, flags));
    return std::make_unique<PosixFile>(std::move(fd), path);
  }
};

}  // namespace

FileSystem& FileSystem::Posix() {
  static PosixFileSystem* const posix = new PosixFileSystem;
  return *posix;
}

}  // namespace commander::log
