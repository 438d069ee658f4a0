#include "tests/support/memory_store.h"

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"

namespace commander::test {
namespace {

using ::commander::internal::ToAbsl;
using Rows = std::map<std::string, std::string, std::less<>>;

void Apply(const store::Batch& batch, Rows& rows) {
  for (const store::Batch::Change& change : batch.changes()) {
    if (change.value.has_value()) {
      rows.insert_or_assign(change.key, *change.value);
    } else {
      rows.erase(change.key);
    }
  }
}

struct Family {
  Rows flushed;
  std::vector<store::Batch> pending;  // written since, oldest first
  Rows now;                           // what readers see

  void Flush() {
    for (const store::Batch& batch : pending) Apply(batch, flushed);
    pending.clear();
  }
  void Crash(std::size_t kept) {
    pending.resize(kept);
    Flush();
    now = flushed;
  }
};

struct Content {
  std::map<std::string, Family, std::less<>> families;
  bool open = false;
};

class MemoryCursor : public store::Cursor {
 public:
  MemoryCursor(Rows rows, absl::Status status)
      : rows_(std::move(rows)), at_(rows_.begin()), status_(std::move(status)) {}

  bool Valid() const override { return at_ != rows_.end(); }
  void Next() override { ++at_; }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }
  absl::Status status() const override { return status_; }

 private:
  const Rows rows_;
  Rows::const_iterator at_;
  const absl::Status status_;
};

}  // namespace

struct MemoryStoreFactory::Disk {
  std::mutex mutex;  // guards what follows
  std::map<std::string, Content, std::less<>> stores;
  std::uint64_t crashes = 0;
  int failing_writes = 0;
  int failing_gets = 0;
};

class MemoryStoreFactory::MemoryStore : public store::Store {
 public:
  MemoryStore(std::shared_ptr<Disk> disk, std::string name, std::uint64_t life)
      : disk_(std::move(disk)), name_(std::move(name)), life_(life) {}
  ~MemoryStore() override { (void)Close(); }

  std::vector<std::string> FamilyNames() const override {
    const std::lock_guard lock(disk_->mutex);
    std::vector<std::string> names;
    const absl::StatusOr<Content*> content = Find();
    if (!content.ok()) return names;
    for (const auto& [name, family] : (*content)->families) names.push_back(name);
    return names;
  }

  absl::StatusOr<store::FamilyId> FindFamily(std::string_view name) const override {
    const std::lock_guard lock(disk_->mutex);
    COMMANDER_ASSIGN_OR_RETURN(Content * content, Find());
    if (content->families.find(name) == content->families.end()) {
      return absl::NotFoundError(absl::StrCat("store ", name_, " has no family ", ToAbsl(name)));
    }
    return IdOf(name);
  }

  absl::StatusOr<store::FamilyId> OpenFamily(std::string_view name) override {
    if (name.empty() || name == "default") {
      return absl::InvalidArgumentError(
          absl::StrCat("a family cannot have the name \"", ToAbsl(name), "\""));
    }
    const std::lock_guard lock(disk_->mutex);
    COMMANDER_ASSIGN_OR_RETURN(Content * content, Find());
    content->families.try_emplace(std::string(name));
    return IdOf(name);
  }

  absl::StatusOr<std::optional<std::string>> Get(store::FamilyId id,
                                                 std::string_view key) const override {
    const std::lock_guard lock(disk_->mutex);
    COMMANDER_ASSIGN_OR_RETURN(const Family* family, Find(id));
    if (disk_->failing_gets > 0) {
      --disk_->failing_gets;
      return absl::InternalError(absl::StrCat("store ", name_, ": a bad sector"));
    }
    const auto row = family->now.find(key);
    if (row == family->now.end()) return std::optional<std::string>();
    return std::optional<std::string>(row->second);
  }

  std::unique_ptr<store::Cursor> Scan(store::FamilyId id, std::string_view start,
                                      std::string_view end) const override {
    const std::lock_guard lock(disk_->mutex);
    const absl::StatusOr<const Family*> family = Find(id);
    if (!family.ok()) return std::make_unique<MemoryCursor>(Rows(), family.status());
    if (!end.empty() && end <= start)
      return std::make_unique<MemoryCursor>(Rows(), absl::OkStatus());
    const Rows& rows = (*family)->now;
    return std::make_unique<MemoryCursor>(
        Rows(rows.lower_bound(start), end.empty() ? rows.end() : rows.lower_bound(end)),
        absl::OkStatus());
  }

  absl::Status Write(store::FamilyId id, const store::Batch& batch) override {
    const std::lock_guard lock(disk_->mutex);
    COMMANDER_ASSIGN_OR_RETURN(Family * family, Find(id));
    if (batch.empty()) return absl::OkStatus();
    if (disk_->failing_writes > 0) {
      --disk_->failing_writes;
      return absl::ResourceExhaustedError(absl::StrCat("store ", name_, ": no space"));
    }
    Apply(batch, family->now);
    family->pending.push_back(batch);
    return absl::OkStatus();
  }

  absl::Status Flush(store::FamilyId id) override {
    const std::lock_guard lock(disk_->mutex);
    COMMANDER_ASSIGN_OR_RETURN(Family * family, Find(id));
    family->Flush();
    return absl::OkStatus();
  }

  absl::Status Clear(store::FamilyId id) override {
    const std::lock_guard lock(disk_->mutex);
    COMMANDER_ASSIGN_OR_RETURN(Family * family, Find(id));
    *family = Family();
    return absl::OkStatus();
  }

  absl::Status Close() override {
    const std::lock_guard lock(disk_->mutex);
    if (closed_) return absl::OkStatus();
    closed_ = true;
    if (life_ != disk_->crashes) return absl::OkStatus();
    Content& content = disk_->stores.find(name_)->second;
    for (auto& [name, family] : content.families) family.Flush();
    content.open = false;
    return absl::OkStatus();
  }

 private:
  // With the disk's mutex held.
  absl::StatusOr<Content*> Find() const {
    if (closed_) return absl::FailedPreconditionError(absl::StrCat("store ", name_, " is closed"));
    if (life_ != disk_->crashes) {
      return absl::UnavailableError(absl::StrCat("store ", name_, ": its process has crashed"));
    }
    return &disk_->stores.find(name_)->second;
  }
  absl::StatusOr<Family*> Find(store::FamilyId id) const {
    COMMANDER_ASSIGN_OR_RETURN(Content * content, Find());
    if (id.value == 0 || id.value > names_.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("store ", name_, ": there is no family number ", id.value));
    }
    return &content->families.find(names_[id.value - 1])->second;
  }
  store::FamilyId IdOf(std::string_view name) const {
    std::size_t i = 0;
    while (i < names_.size() && names_[i] != name) ++i;
    if (i == names_.size()) names_.emplace_back(name);
    return {static_cast<std::uint32_t>(i + 1)};
  }

  const std::shared_ptr<Disk> disk_;
  const std::string name_;
  const std::uint64_t life_;
  // Guarded by the disk's mutex.
  bool closed_ = false;
  // FamilyId n is of the family of the n-th name.
  mutable std::vector<std::string> names_;
};

MemoryStoreFactory::MemoryStoreFactory() : disk_(std::make_shared<Disk>()) {}
MemoryStoreFactory::~MemoryStoreFactory() = default;

absl::StatusOr<std::unique_ptr<store::Store>> MemoryStoreFactory::Open(std::string_view name) {
  const std::lock_guard lock(disk_->mutex);
  Content& content = disk_->stores.try_emplace(std::string(name)).first->second;
  if (content.open) {
    return absl::FailedPreconditionError(absl::StrCat("store ", ToAbsl(name), " is open already"));
  }
  content.open = true;
  return std::make_unique<MemoryStore>(disk_, std::string(name), disk_->crashes);
}

absl::StatusOr<std::vector<std::string>> MemoryStoreFactory::Names() {
  const std::lock_guard lock(disk_->mutex);
  std::vector<std::string> names;
  for (const auto& [name, content] : disk_->stores) names.push_back(name);
  return names;
}

void MemoryStoreFactory::Crash(std::uint64_t seed) {
  const std::lock_guard lock(disk_->mutex);
  ++disk_->crashes;
  std::mt19937_64 random(seed);
  for (auto& [name, content] : disk_->stores) {
    content.open = false;
    for (auto& [family_name, family] : content.families) {
      family.Crash(random() % (family.pending.size() + 1));
    }
  }
}

void MemoryStoreFactory::FailWrites(int count) {
  const std::lock_guard lock(disk_->mutex);
  disk_->failing_writes = count;
}

void MemoryStoreFactory::FailGets(int count) {
  const std::lock_guard lock(disk_->mutex);
  disk_->failing_gets = count;
}

bool MemoryStoreFactory::Remove(std::string_view name) {
  const std::lock_guard lock(disk_->mutex);
  const auto found = disk_->stores.find(name);
  if (found == disk_->stores.end() || found->second.open) return false;
  disk_->stores.erase(found);
  return true;
}

}  // namespace commander::test
