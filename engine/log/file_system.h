// file_system.h: what the embedded log asks of the operating system.
//
// An interface, so that a test can lose sectors, names and sizes, fail a sync,
// fill the disk, or end the process between any two of these calls.  A program uses
// FileSystem::Posix().
//
// Errors name the call, the path and the place, and carry one of these codes:
//   kResourceExhausted: ENOSPC, EDQUOT: no space on the device.
//   kPermissionDenied: EACCES, EPERM, EROFS.
//   kNotFound: ENOENT.
//   kDataLoss: EIO: the device could not read or write.
//   otherwise what absl::ErrnoToStatusCode() makes of the number.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace commander::log {

// An open file; closed by the destructor.  Reads may run beside one another and
// beside a write.
class File {
 public:
  virtual ~File() = default;

  // The bytes from `at` on; fewer than asked for only at the end of the file.
  virtual absl::StatusOr<std::size_t> Read(std::uint64_t at, std::span<std::byte> out) = 0;

  // Writes the pieces one behind the other from `at` on and returns how many bytes
  // were taken, one or more.  Fewer than given is no error; ask again for the rest.
  virtual absl::StatusOr<std::size_t> Write(std::uint64_t at, std::span<const iovec> pieces) = 0;

  // The contents, and a size that is needed to find them, are on the device.
  virtual absl::Status Sync() = 0;

  virtual absl::Status Truncate(std::uint64_t size) = 0;
  virtual absl::StatusOr<std::uint64_t> Size() = 0;
};

// Given back by its destructor, and by the end of the process.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

enum class FileSystemKind {
  kOverwriting,  // writes blocks again where they are: ext4, xfs, tmpfs and others
  kCopyOnWrite,  // btrfs, ZFS, bcachefs: writing zeros ahead buys nothing
  kNetwork,      // NFS, SMB, FUSE: locks and syncs cannot be relied on
};

// Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // The machine's own.  Never deleted.
  static FileSystem& Posix();

  virtual absl::StatusOr<std::unique_ptr<File>> OpenForReading(const std::string& path) = 0;
  virtual absl::StatusOr<std::unique_ptr<File>> OpenForWriting(const std::string& path) = 0;
  // Empty, whether it was there or not.
  virtual absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path) = 0;

  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;

  // Names in a directory, without . and .., in order.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& directory) = 0;
  // Ok if it is there already.
  virtual absl::Status MakeDirectory(const std::string& directory) = 0;
  // The names in it are on the device.
  virtual absl::Status SyncDirectory(const std::string& directory) = 0;

  // Holds for this object, whatever the path it was reached by.
  //   kUnavailable: somebody else holds it.
  virtual absl::StatusOr<std::unique_ptr<DirectoryLock>> LockDirectory(
      const std::string& directory) = 0;
  virtual absl::StatusOr<FileSystemKind> KindOf(const std::string& directory) = 0;
  // Ok where files can be made in it.  kPermissionDenied tells a read-only file
  // system from missing permission.
  virtual absl::Status CheckWritable(const std::string& directory) = 0;

  virtual std::int64_t ProcessId() = 0;
  // Lets time pass while another process may write.
  virtual void Pause(absl::Duration duration) = 0;
};

}  // namespace commander::log
