// faulty_file_system.h: a file system in memory that forgets what a real one may forget.
//
//     FaultyFileSystem files(seed);
//     files.CrashAt(17);                       // at the 17th effect from now
//     ... the log runs into it ...
//     files.Restart(Loss::kPower);             // what was not synced may be gone
//
// A write reaches the page cache.  Until it is synced, a power loss may leave any of
// the versions that a sector had since the last sync, any of the sizes that the file
// had, and of the changes to a directory any part.  A sync that fails marks sectors
// clean, whether they were written or not.  A kill loses nothing that was written.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/log/file_system.h"

namespace commander::test {

enum class Loss {
  kKill,   // the process ends; the page cache stays
  kPower,  // everything that is not on the device may be lost
};

// Thread-safe.  The directory /data is there.
class FaultyFileSystem : public log::FileSystem {
 public:
  struct Options {
    std::size_t sector_bytes = 64;
    // Blocks that a file was given and nobody wrote hold bytes of other files after a
    // power loss (ext4 data=writeback), not zeros.
    bool stale_blocks = false;
  };

  explicit FaultyFileSystem(std::uint64_t seed) : FaultyFileSystem(seed, Options()) {}
  FaultyFileSystem(std::uint64_t seed, Options options);
  ~FaultyFileSystem() override;

  // ---- Faults.
  // The `n`-th effect from now (write, sync, name, size) is the process's last, done in
  // part, wholly or not at all; from then on every call fails.  0: none.
  void CrashAt(std::uint64_t n);
  bool crashed() const;
  // The process ends here (files that are open stay so without effect, locks are
  // given back) and another one begins.
  void Restart(Loss loss);
  // Sectors that are clean may be forgotten by the page cache and read again.
  void EvictCleanSectors();
  // Sectors that can still be given out; nothing: as many as wanted.
  void SetFreeSectors(std::optional<std::uint64_t> sectors);
  // How probably a sync fails.
  void SetSyncFailures(double probability);
  void FailNextSync(absl::Status status = absl::DataLossError("cannot sync: Input/output error"));
  void FailNextWrite(absl::Status status);
  // Reads that touch this byte of the file fail with EIO.
  void BreakByte(const std::string& path, std::uint64_t at);
  // Every effect and every lock is refused as on a read-only mount.
  void SetReadOnly(bool read_only);
  void SetKind(log::FileSystemKind kind);
  void SetProcessId(std::int64_t id);
  // Called before each effect, not while it runs itself.
  void SetHook(std::function<void()> hook);
  // Called by Pause().
  void SetPauseHook(std::function<void()> hook);

  // ---- For tests that look or do damage.
  std::uint64_t effects() const;
  bool Exists(const std::string& path) const;
  std::string Contents(const std::string& path) const;
  // On the device, too.
  void SetContents(const std::string& path, std::string bytes);
  void Delete(const std::string& path);
  // All files below `directory`, by path.
  std::map<std::string, std::string> Snapshot(const std::string& directory) const;
  // Makes everything below `directory` as in the snapshot, files that it lacks gone.
  void Restore(const std::string& directory, const std::map<std::string, std::string>& snapshot);

  // ---- log::FileSystem
  absl::StatusOr<std::unique_ptr<log::File>> OpenForReading(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<log::File>> OpenForWriting(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<log::File>> Create(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  absl::Status MakeDirectory(const std::string& directory) override;
  absl::Status SyncDirectory(const std::string& directory) override;
  absl::StatusOr<std::unique_ptr<log::DirectoryLock>> LockDirectory(
      const std::string& directory) override;
  absl::StatusOr<log::FileSystemKind> KindOf(const std::string& directory) override;
  absl::Status CheckWritable(const std::string& directory) override;
  std::int64_t ProcessId() override;
  void Pause(absl::Duration duration) override;

 private:
  struct Node;
  using NodePtr = std::shared_ptr<Node>;
  using Change = std::vector<std::pair<std::string, NodePtr>>;  // null: the name is gone
  class OpenFile;
  class Lock;

  // Before every effect: counts, runs the hook, says whether the process dies in it.
  bool Effect();
  absl::Status Die();
  absl::Status CheckAlive(std::uint64_t generation) const;
  bool Coin(double probability);
  std::size_t Pick(std::size_t n);  // 0 to n - 1

  NodePtr Find(const std::string& path) const;
  NodePtr Parent(const std::string& path, std::string* name) const;
  absl::Status ChangeNames(const std::string& directory, const Change& change);

  std::string Sector(const std::string& bytes, std::size_t i) const;
  void PutSector(std::string* bytes, std::size_t i, const std::string& sector) const;
  absl::StatusOr<std::size_t> WriteTo(Node& file, std::uint64_t at, std::span<const iovec> pieces,
                                      const std::string& path);
  absl::Status SyncFile(Node& file, const std::string& path);
  absl::Status TruncateFile(Node& file, std::uint64_t size, const std::string& path);
  void LoseUnsynced(Node& file, bool keep_cache);
  void LoseNames(Node& directory);
  std::vector<NodePtr> AllNodes() const;

  mutable std::recursive_mutex mutex_;
  const Options options_;
  std::mt19937_64 random_;
  NodePtr root_;
  std::uint64_t generation_ = 0;
  std::uint64_t effects_ = 0;
  std::uint64_t crash_at_ = 0;
  bool crashed_ = false;
  std::optional<std::uint64_t> free_sectors_;
  double sync_failures_ = 0;
  absl::Status fail_next_sync_;
  absl::Status fail_next_write_;
  std::map<std::string, std::set<std::uint64_t>> broken_;
  bool read_only_ = false;
  log::FileSystemKind kind_ = log::FileSystemKind::kOverwriting;
  std::int64_t process_ = 1000;
  std::function<void()> hook_;
  std::function<void()> pause_hook_;
  bool in_hook_ = false;
  std::set<const Node*> locked_;
};

}  // namespace commander::test
