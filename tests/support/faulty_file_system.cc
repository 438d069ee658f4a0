#include "tests/support/faulty_file_system.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace commander::test {

struct FaultyFileSystem::Node {
  bool directory = false;
  // A file: what readers see, what is on the device, and what the device may hold of
  // every sector and of the size besides.
  std::string data;
  std::string disk;
  std::map<std::size_t, std::vector<std::string>> versions;
  std::vector<std::size_t> sizes;
  // A directory: the same of its names.
  std::map<std::string, NodePtr> names;
  std::map<std::string, NodePtr> names_on_disk;
  std::vector<Change> changes;
};

class FaultyFileSystem::OpenFile final : public log::File {
 public:
  OpenFile(FaultyFileSystem& files, NodePtr node, std::string path, bool writable)
      : files_(files),
        node_(std::move(node)),
        path_(std::move(path)),
        writable_(writable),
        generation_(files.generation_) {}

  absl::StatusOr<std::size_t> Read(std::uint64_t at, std::span<std::byte> out) override {
    const std::lock_guard lock(files_.mutex_);
    if (absl::Status s = files_.CheckAlive(generation_); !s.ok()) return s;
    if (at >= node_->data.size()) return std::size_t{0};
    const std::size_t n = std::min<std::uint64_t>(out.size(), node_->data.size() - at);
    const auto broken = files_.broken_.find(path_);
    if (broken != files_.broken_.end()) {
      const auto byte = broken->second.lower_bound(at);
      if (byte != broken->second.end() && *byte < at + n) {
        return absl::DataLossError(
            absl::StrCat("cannot read ", path_, " at byte ", *byte, ": Input/output error"));
      }
    }
    std::memcpy(out.data(), node_->data.data() + at, n);
    return n;
  }

  absl::StatusOr<std::size_t> Write(std::uint64_t at, std::span<const iovec> pieces) override {
    if (!writable_) return absl::FailedPreconditionError("written, but opened for reading");
    std::unique_lock lock(files_.mutex_);
    if (absl::Status s = files_.CheckAlive(generation_); !s.ok()) return s;
    return files_.WriteTo(*node_, at, pieces, path_);
  }

  absl::Status Sync() override {
    const std::lock_guard lock(files_.mutex_);
    if (absl::Status s = files_.CheckAlive(generation_); !s.ok()) return s;
    return files_.SyncFile(*node_, path_);
  }

  absl::Status Truncate(std::uint64_t size) override {
    if (!writable_) return absl::FailedPreconditionError("cut, but opened for reading");
    const std::lock_guard lock(files_.mutex_);
    if (absl::Status s = files_.CheckAlive(generation_); !s.ok()) return s;
    return files_.TruncateFile(*node_, size, path_);
  }

  absl::StatusOr<std::uint64_t> Size() override {
    const std::lock_guard lock(files_.mutex_);
    if (absl::Status s = files_.CheckAlive(generation_); !s.ok()) return s;
    return node_->data.size();
  }

 private:
  FaultyFileSystem& files_;
  const NodePtr node_;
  const std::string path_;
  const bool writable_;
  const std::uint64_t generation_;
};

class FaultyFileSystem::Lock final : public log::DirectoryLock {
 public:
  Lock(FaultyFileSystem& files, NodePtr node)
      : files_(files), node_(std::move(node)), generation_(files.generation_) {}
  ~Lock() override {
    const std::lock_guard lock(files_.mutex_);
    if (generation_ == files_.generation_) files_.locked_.erase(node_.get());
  }

 private:
  FaultyFileSystem& files_;
  const NodePtr node_;
  const std::uint64_t generation_;
};

FaultyFileSystem::FaultyFileSystem(std::uint64_t seed, Options options)
    : options_(options), random_(seed), root_(std::make_shared<Node>()) {
  root_->directory = true;
  const auto data = std::make_shared<Node>();
  data->directory = true;
  root_->names["data"] = root_->names_on_disk["data"] = data;
}

FaultyFileSystem::~FaultyFileSystem() = default;

// ---------------------------------------------------------------- faults

void FaultyFileSystem::CrashAt(std::uint64_t n) {
  const std::lock_guard lock(mutex_);
  crash_at_ = n == 0 ? 0 : effects_ + n;
}

bool FaultyFileSystem::crashed() const {
  const std::lock_guard lock(mutex_);
  return crashed_;
}

bool FaultyFileSystem::Effect() {
  ++effects_;
  if (hook_ && !in_hook_) {
    in_hook_ = true;
    hook_();
    in_hook_ = false;
  }
  return crash_at_ != 0 && effects_ >= crash_at_;
}

absl::Status FaultyFileSystem::Die() {
  crashed_ = true;
  crash_at_ = 0;
  return CheckAlive(generation_);
}

absl::Status FaultyFileSystem::CheckAlive(std::uint64_t generation) const {
  if (crashed_ || generation != generation_) return absl::AbortedError("the process has ended");
  return absl::OkStatus();
}

bool FaultyFileSystem::Coin(double probability) {
  return std::uniform_real_distribution<double>(0, 1)(random_) < probability;
}

std::size_t FaultyFileSystem::Pick(std::size_t n) { return random_() % n; }

void FaultyFileSystem::Restart(Loss loss) {
  const std::lock_guard lock(mutex_);
  ++generation_;
  crashed_ = false;
  crash_at_ = 0;
  locked_.clear();
  if (loss == Loss::kKill) return;
  for (const NodePtr& node : AllNodes()) {
    if (!node->directory) LoseUnsynced(*node, /*keep_cache=*/false);
  }
  for (const NodePtr& node : AllNodes()) {
    if (node->directory) LoseNames(*node);
  }
}

void FaultyFileSystem::EvictCleanSectors() {
  const std::lock_guard lock(mutex_);
  for (const NodePtr& node : AllNodes()) {
    if (node->directory) continue;
    const std::size_t sectors =
        (node->data.size() + options_.sector_bytes - 1) / options_.sector_bytes;
    for (std::size_t i = 0; i < sectors; ++i) {
      if (!node->versions.contains(i) && Coin(.5)) PutSector(&node->data, i, Sector(node->disk, i));
    }
  }
}

void FaultyFileSystem::SetFreeSectors(std::optional<std::uint64_t> sectors) {
  const std::lock_guard lock(mutex_);
  free_sectors_ = sectors;
}

void FaultyFileSystem::SetSyncFailures(double probability) {
  const std::lock_guard lock(mutex_);
  sync_failures_ = probability;
}

void FaultyFileSystem::FailNextSync(absl::Status status) {
  const std::lock_guard lock(mutex_);
  fail_next_sync_ = std::move(status);
}

void FaultyFileSystem::FailNextWrite(absl::Status status) {
  const std::lock_guard lock(mutex_);
  fail_next_write_ = std::move(status);
}

void FaultyFileSystem::BreakByte(const std::string& path, std::uint64_t at) {
  const std::lock_guard lock(mutex_);
  broken_[path].insert(at);
}

void FaultyFileSystem::SetReadOnly(bool read_only) {
  const std::lock_guard lock(mutex_);
  read_only_ = read_only;
}

void FaultyFileSystem::SetKind(log::FileSystemKind kind) {
  const std::lock_guard lock(mutex_);
  kind_ = kind;
}

void FaultyFileSystem::SetProcessId(std::int64_t id) {
  const std::lock_guard lock(mutex_);
  process_ = id;
}

void FaultyFileSystem::SetHook(std::function<void()> hook) {
  const std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

void FaultyFileSystem::SetPauseHook(std::function<void()> hook) {
  const std::lock_guard lock(mutex_);
  pause_hook_ = std::move(hook);
}

// ---------------------------------------------------------------- what is lost

std::string FaultyFileSystem::Sector(const std::string& bytes, std::size_t i) const {
  const std::size_t at = i * options_.sector_bytes;
  std::string sector = at < bytes.size() ? bytes.substr(at, options_.sector_bytes) : std::string();
  sector.resize(options_.sector_bytes, '\0');
  return sector;
}

void FaultyFileSystem::PutSector(std::string* bytes, std::size_t i,
                                 const std::string& sector) const {
  const std::size_t at = i * options_.sector_bytes;
  if (at >= bytes->size()) return;
  const std::size_t n = std::min(sector.size(), bytes->size() - at);
  bytes->replace(at, n, sector, 0, n);
}

void FaultyFileSystem::LoseUnsynced(Node& file, bool keep_cache) {
  enum { kNone, kAll, kMixture } mode = kMixture;
  if (const std::size_t m = Pick(5); m < 2) mode = m == 0 ? kNone : kAll;
  std::size_t size = file.disk.size();
  if (!file.sizes.empty() && mode != kNone) {
    const std::size_t n = mode == kAll ? file.sizes.size() : Pick(file.sizes.size() + 1);
    if (n > 0) size = file.sizes[n - 1];
  }
  const std::size_t before = file.disk.size();
  std::string old = file.disk;
  file.disk.resize(size, '\0');
  if (options_.stale_blocks && size > before) {
    const std::vector<NodePtr> nodes = AllNodes();
    const std::string& source = nodes[Pick(nodes.size())]->disk;
    const std::size_t from = Pick(source.size() / 8 + 1) * 8;
    for (std::size_t i = before; i < size && from + i - before < source.size(); ++i) {
      file.disk[i] = source[from + i - before];
    }
    old = file.disk;
  }
  for (const auto& [sector, versions] : file.versions) {
    const std::size_t n = mode == kNone  ? 0
                          : mode == kAll ? versions.size()
                                         : Pick(versions.size() + 1);
    PutSector(&file.disk, sector, n == 0 ? Sector(old, sector) : versions[n - 1]);
  }
  file.versions.clear();
  file.sizes.clear();
  if (!keep_cache) file.data = file.disk;
}

void FaultyFileSystem::LoseNames(Node& directory) {
  const std::size_t mode = Pick(3);
  const std::size_t prefix = Pick(directory.changes.size() + 1);
  for (std::size_t i = 0; i < directory.changes.size(); ++i) {
    const bool kept = mode == 0 ? i < prefix : mode == 1 && Coin(.5);
    if (!kept) continue;
    for (const auto& [name, node] : directory.changes[i]) {
      if (node == nullptr) {
        directory.names_on_disk.erase(name);
      } else {
        directory.names_on_disk[name] = node;
      }
    }
  }
  directory.changes.clear();
  directory.names = directory.names_on_disk;
}

std::vector<FaultyFileSystem::NodePtr> FaultyFileSystem::AllNodes() const {
  std::vector<NodePtr> nodes = {root_};
  std::set<const Node*> seen = {root_.get()};
  const auto visit = [&](const NodePtr& node) {
    if (node != nullptr && seen.insert(node.get()).second) nodes.push_back(node);
  };
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const NodePtr node = nodes[i];
    for (const auto& [name, child] : node->names) visit(child);
    for (const auto& [name, child] : node->names_on_disk) visit(child);
    for (const Change& change : node->changes) {
      for (const auto& [name, child] : change) visit(child);
    }
  }
  return nodes;
}

// ---------------------------------------------------------------- files

absl::StatusOr<std::size_t> FaultyFileSystem::WriteTo(Node& file, std::uint64_t at,
                                                      std::span<const iovec> pieces,
                                                      const std::string& path) {
  std::string bytes;
  for (const iovec& piece : pieces) {
    bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  const bool dies = Effect();
  if (read_only_) return absl::PermissionDeniedError(path + ": Read-only file system");
  if (dies) {
    if (Coin(.4)) return Die();
    bytes.resize(Pick(bytes.size() + 1));
  }
  if (!fail_next_write_.ok()) return std::exchange(fail_next_write_, absl::OkStatus());
  if (free_sectors_.has_value()) {
    const std::size_t sector = options_.sector_bytes;
    const std::uint64_t have = (file.data.size() + sector - 1) / sector;
    const std::uint64_t room_end = (have + *free_sectors_) * sector;
    if (room_end <= at) {
      if (dies) return Die();
      return absl::ResourceExhaustedError(
          absl::StrCat("cannot write ", path, " at byte ", at, ": No space left on device"));
    }
    if (bytes.size() > room_end - at) bytes.resize(room_end - at);
    const std::uint64_t need = (at + bytes.size() + sector - 1) / sector;
    if (need > have) *free_sectors_ -= need - have;
  }
  const std::uint64_t end = at + bytes.size();
  if (file.data.size() < end) file.data.resize(end, '\0');
  file.data.replace(at, bytes.size(), bytes);
  if (!bytes.empty()) {
    for (std::size_t i = at / options_.sector_bytes; i <= (end - 1) / options_.sector_bytes; ++i) {
      file.versions[i].push_back(Sector(file.data, i));
    }
  }
  if (end > file.disk.size() || !file.sizes.empty()) file.sizes.push_back(file.data.size());
  if (dies) return Die();
  return bytes.size();
}

absl::Status FaultyFileSystem::SyncFile(Node& file, const std::string& path) {
  if (Effect()) return Die();
  absl::Status failed = std::exchange(fail_next_sync_, absl::OkStatus());
  if (failed.ok() && Coin(sync_failures_)) failed = absl::DataLossError("cannot sync " + path);
  if (!failed.ok()) {
    LoseUnsynced(file, /*keep_cache=*/true);
    return failed;
  }
  if (!file.sizes.empty()) file.disk.resize(file.data.size(), '\0');
  file.sizes.clear();
  for (const auto& [sector, versions] : file.versions) {
    PutSector(&file.disk, sector, Sector(file.data, sector));
  }
  file.versions.clear();
  return absl::OkStatus();
}

absl::Status FaultyFileSystem::TruncateFile(Node& file, std::uint64_t size,
                                            const std::string& path) {
  const bool dies = Effect();
  if (read_only_) return absl::PermissionDeniedError(path + ": Read-only file system");
  if (dies && Coin(.5)) return Die();
  if (size != file.data.size()) {
    file.data.resize(size, '\0');
    if (size % options_.sector_bytes != 0) {
      const std::size_t sector = (size - 1) / options_.sector_bytes;
      file.versions[sector].push_back(Sector(file.data, sector));
    }
    file.sizes.push_back(size);
  }
  return dies ? Die() : absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<log::File>> FaultyFileSystem::OpenForReading(
    const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckAlive(generation_); !s.ok()) return s;
  NodePtr node = Find(path);
  if (node == nullptr || node->directory) {
    return absl::NotFoundError(absl::StrCat("cannot open ", path, ": No such file or directory"));
  }
  return std::make_unique<OpenFile>(*this, std::move(node), path, false);
}

absl::StatusOr<std::unique_ptr<log::File>> FaultyFileSystem::OpenForWriting(
    const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckAlive(generation_); !s.ok()) return s;
  if (read_only_) return absl::PermissionDeniedError(path + ": Read-only file system");
  NodePtr node = Find(path);
  if (node == nullptr || node->directory) {
    return absl::NotFoundError(absl::StrCat("cannot open ", path, ": No such file or directory"));
  }
  return std::make_unique<OpenFile>(*this, std::move(node), path, true);
}

absl::StatusOr<std::unique_ptr<log::File>> FaultyFileSystem::Create(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckAlive(generation_); !s.ok()) return s;
  if (read_only_) return absl::PermissionDeniedError(path + ": Read-only file system");
  NodePtr node = Find(path);
  if (node == nullptr) {
    if (free_sectors_ == std::uint64_t{0}) {
      return absl::ResourceExhaustedError(
          absl::StrCat("cannot open ", path, ": No space left on device"));
    }
    std::string name;
    if (Parent(path, &name) == nullptr) return absl::NotFoundError("cannot open " + path);
    node = std::make_shared<Node>();
    const std::string directory = path.substr(0, path.rfind('/'));
    if (absl::Status s = ChangeNames(directory, {{name, node}}); !s.ok()) return s;
  } else if (!node->data.empty()) {
    if (absl::Status s = TruncateFile(*node, 0, path); !s.ok()) return s;
  }
  return std::make_unique<OpenFile>(*this, std::move(node), path, true);
}

// ---------------------------------------------------------------- names

FaultyFileSystem::NodePtr FaultyFileSystem::Find(const std::string& path) const {
  NodePtr node = root_;
  std::string_view rest = path;
  while (!rest.empty()) {
    while (rest.starts_with('/')) rest.remove_prefix(1);
    if (rest.empty()) break;
    const std::string name(rest.substr(0, rest.find('/')));
    rest.remove_prefix(name.size());
    const auto child = node->names.find(name);
    if (!node->directory || child == node->names.end()) return nullptr;
    node = child->second;
  }
  return node;
}

FaultyFileSystem::NodePtr FaultyFileSystem::Parent(const std::string& path,
                                                   std::string* name) const {
  const std::size_t slash = path.rfind('/');
  *name = path.substr(slash + 1);
  NodePtr parent = Find(path.substr(0, slash));
  return parent != nullptr && parent->directory ? parent : nullptr;
}

absl::Status FaultyFileSystem::ChangeNames(const std::string& directory, const Change& change) {
  const bool dies = Effect();
  if (dies && Coin(.5)) return Die();
  const NodePtr node = Find(directory);
  node->changes.push_back(change);
  for (const auto& [name, child] : change) {
    if (child == nullptr) {
      node->names.erase(name);
    } else {
      node->names[name] = child;
    }
  }
  return dies ? Die() : absl::OkStatus();
}

absl::Status FaultyFileSystem::Rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckAlive(generation_); !s.ok()) return s;
  if (read_only_) return absl::PermissionDeniedError(from + ": Read-only file system");
  std::string name;
  const NodePtr parent = Parent(from, &name);
  std::string new_name;
  if (Find(from) == nullptr || Parent(to, &new_name) != parent) {
    return absl::NotFoundError(absl::StrCat("cannot rename ", from, " to ", to));
  }
  return ChangeNames(from.substr(0, from.rfind('/')), {{name, nullptr}, {new_name, Find(from)}});
}

absl::Status FaultyFileSystem::Remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckAlive(generation_); !s.ok()) return s;
  if (read_only_) return absl::PermissionDeniedError(path + ": Read-only file system");
  std::string name;
  if (Find(path) == nullptr || Parent(path, &name) == nullptr) {
    return absl::NotFoundError("cannot remove " + path);
  }
  return ChangeNames(path.substr(0, path.rfind('/')), {{name, nullptr}});
}

absl::StatusOr<std::vector<std::string>> FaultyFileSystem::List(const std::string& directory) {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckAlive(generation_); !s.ok()) return s;
  const NodePtr node = Find(directory);
  if (node == nullptr || !node->directory) {
    return absl::NotFoundError(absl::StrCat("cannot list ", directory));
  }
  std::vector<std::string> names;
  for (const auto& [name, child] : node->names) names.push_back(name);
  return names;
}

absl::Status FaultyFileSystem::MakeDirectory(const std::string& directory) {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckAlive(generation_); !s.ok()) return s;
  if (Find(directory) != nullptr) return absl::OkStatus();
  if (read_only_) return absl::PermissionDeniedError(directory + ": Read-only file system");
  if (free_sectors_ == std::uint64_t{0}) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot make ", directory, ": No space left on device"));
  }
  std::string name;
  if (Parent(directory, &name) == nullptr) return absl::NotFoundError("cannot make " + directory);
  const auto node = std::make_shared<Node>();
  node->directory = true;
  return ChangeNames(directory.substr(0, directory.rfind('/')), {{name, node}});
}

absl::Status FaultyFileSystem::SyncDirectory(const std::string& directory) {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckAlive(generation_); !s.ok()) return s;
  const NodePtr node = Find(directory);
  if (node == nullptr || !node->directory) {
    return absl::NotFoundError(absl::StrCat("cannot open ", directory));
  }
  if (Effect()) return Die();
  node->names_on_disk = node->names;
  node->changes.clear();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<log::DirectoryLock>> FaultyFileSystem::LockDirectory(
    const std::string& directory) {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckAlive(generation_); !s.ok()) return s;
  NodePtr node = Find(directory);
  if (node == nullptr) return absl::NotFoundError(absl::StrCat("cannot open ", directory));
  if (!locked_.insert(node.get()).second) {
    return absl::UnavailableError(absl::StrCat("cannot lock ", directory));
  }
  return std::make_unique<Lock>(*this, std::move(node));
}

absl::StatusOr<log::FileSystemKind> FaultyFileSystem::KindOf(const std::string&) {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckAlive(generation_); !s.ok()) return s;
  return kind_;
}

absl::Status FaultyFileSystem::CheckWritable(const std::string& directory) {
  const std::lock_guard lock(mutex_);
  if (!read_only_) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("cannot write in ", directory, ": Read-only file system"));
}

std::int64_t FaultyFileSystem::ProcessId() {
  const std::lock_guard lock(mutex_);
  return process_;
}

void FaultyFileSystem::Pause(absl::Duration) {
  std::function<void()> hook;
  {
    const std::lock_guard lock(mutex_);
    hook = pause_hook_;
  }
  if (hook) hook();
}

// ---------------------------------------------------------------- for tests

std::uint64_t FaultyFileSystem::effects() const {
  const std::lock_guard lock(mutex_);
  return effects_;
}

bool FaultyFileSystem::Exists(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return Find(path) != nullptr;
}

std::string FaultyFileSystem::Contents(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return Find(path)->data;
}

void FaultyFileSystem::SetContents(const std::string& path, std::string bytes) {
  const std::lock_guard lock(mutex_);
  std::string name;
  const NodePtr parent = Parent(path, &name);
  NodePtr& node = parent->names[name];
  if (node == nullptr) node = std::make_shared<Node>();
  parent->names_on_disk[name] = node;
  node->data = node->disk = std::move(bytes);
  node->versions.clear();
  node->sizes.clear();
}

void FaultyFileSystem::Delete(const std::string& path) {
  const std::lock_guard lock(mutex_);
  std::string name;
  const NodePtr parent = Parent(path, &name);
  parent->names.erase(name);
  parent->names_on_disk.erase(name);
}

std::map<std::string, std::string> FaultyFileSystem::Snapshot(const std::string& directory) const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::string> files;
  const std::function<void(const Node&, const std::string&)> visit = [&](const Node& node,
                                                                         const std::string& path) {
    if (!node.directory) files[path] = node.data;
    for (const auto& [name, child] : node.names) visit(*child, absl::StrCat(path, "/", name));
  };
  if (const NodePtr node = Find(directory)) visit(*node, directory);
  return files;
}

void FaultyFileSystem::Restore(const std::string& directory,
                               const std::map<std::string, std::string>& snapshot) {
  const std::lock_guard lock(mutex_);
  for (const auto& [path, bytes] : Snapshot(directory)) {
    if (!snapshot.contains(path)) Delete(path);
  }
  for (const auto& [path, bytes] : snapshot) SetContents(path, bytes);
}

}  // namespace commander::test
