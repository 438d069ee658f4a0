#include "store/rocks_store.h"

#include <algorithm>
#include <cassert>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "commander/internal/shared_mutex.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "rocksdb/db.h"
#include "store/files.h"
#include "store/names.h"
#include "store/rocks_logger.h"
#include "store/rocks_open.h"
#include "store/rocks_options.h"
#include "store/rocks_rows.h"
#include "store/status.h"

namespace commander::store {
namespace {

namespace fs = std::filesystem;
using ::commander::internal::ToAbsl;

bool IsNoSpace(const rocksdb::Status& status) {
  return status.subcode() == rocksdb::Status::kNoSpace ||
         status.subcode() == rocksdb::Status::kSpaceLimit;
}

// How often, and after what pause, a flush that did not wait is looked at again: half a minute.
constexpr int kFlushTries = 3000;
constexpr absl::Duration kFlushPause = absl::Milliseconds(10);

class RocksStore : public Store {
 public:
  RocksStore(std::unique_ptr<RocksRows> rows, rocksdb::ColumnFamilyOptions family_options)
      : family_options_(std::move(family_options)), rows_(std::move(rows)) {}
  ~RocksStore() override {
    const absl::Status status = Close();
    (void)status;  // nobody is left to be told; whoever wants to know closes
  }

  std::vector<std::string> FamilyNames() const override { return rows_->FamilyNames(); }
  absl::StatusOr<FamilyId> FindFamily(std::string_view name) const override {
    return rows_->FindFamily(name);
  }
  absl::StatusOr<std::optional<std::string>> Get(FamilyId family,
                                                 std::string_view key) const override {
    return rows_->Get(family, key);
  }
  std::unique_ptr<Cursor> Scan(FamilyId family, std::string_view start,
                               std::string_view end) const override {
    return rows_->Scan(family, start, end);
  }

  absl::StatusOr<FamilyId> OpenFamily(std::string_view name) override;
  absl::Status Write(FamilyId family, const Batch& batch) override;
  absl::Status Flush(FamilyId family) override;
  absl::Status Clear(FamilyId family) override;
  absl::Status Close() override;

 private:
  // With `families_` held, shared or exclusive.
  absl::Status FlushLocked(FamilyId family);
  absl::StatusOr<rocksdb::ColumnFamilyHandle*> CreateFamily(std::string_view name);
  // Runs `operation`; where the disk was full, and no longer is, once more.
  template <typename Operation>
  rocksdb::Status RetryWhenSpaceIsBack(Operation operation);
  // The same for an operation that makes or drops a family.
  template <typename Operation>
  rocksdb::Status ChangeFamilies(Operation operation);
  rocksdb::Status Resume();
  void AllowDeletions();  // with `resuming_` held

  const rocksdb::ColumnFamilyOptions family_options_;
  const std::unique_ptr<RocksRows> rows_;
  // Shared by what writes rows, exclusive for what makes and drops families.
  internal::SharedMutex families_;
  std::mutex resuming_;  // guards what follows
  // Files that are of no use any more stay until the manifest can be written again.
  bool deletions_disabled_ = false;
};

absl::StatusOr<FamilyId> RocksStore::OpenFamily(std::string_view name) {
  if (name.empty() || name == rocksdb::kDefaultColumnFamilyName) {
    return absl::InvalidArgumentError(absl::StrCat(
        "store ", rows_->name(), ": a family cannot have the name \"", ToAbsl(name), "\""));
  }
  const std::lock_guard lock(families_);
  if (rows_->db() == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("store ", rows_->name(), " is closed"));
  }
  if (absl::StatusOr<FamilyId> found = rows_->FindFamily(name); found.ok()) return found;
  COMMANDER_ASSIGN_OR_RETURN(rocksdb::ColumnFamilyHandle * handle, CreateFamily(name));
  return rows_->Add(handle);
}

absl::Status RocksStore::Write(FamilyId family, const Batch& batch) {
  const std::shared_lock lock(families_);
  COMMANDER_ASSIGN_OR_RETURN(const RocksFamily handle, rows_->Handle(family));
  // Each change has a few bytes of its own: kind, family, lengths.
  constexpr std::size_t kChangeBytes = 16;
  rocksdb::WriteBatch rows(batch.bytes() + kChangeBytes * batch.changes().size());
  for (const Batch::Change& change : batch.changes()) {
    const rocksdb::Status status =
        change.value.has_value()
            ? rows.Put(handle.get(), ToSlice(change.key), ToSlice(*change.value))
            : rows.Delete(handle.get(), ToSlice(change.key));
    if (!status.ok()) {
      return ToAbslStatus(status, absl::StrCat(rows_->Describe(family), ": cannot form a batch"));
    }
  }
  rocksdb::WriteOptions options;
  options.disableWAL = true;  // what a crash takes is folded again
  const rocksdb::Status status =
      RetryWhenSpaceIsBack([&] { return rows_->db()->Write(options, &rows); });
  if (status.ok()) return absl::OkStatus();
  return ToAbslStatus(status, absl::StrCat(rows_->Describe(family), ": cannot write a batch of ",
                                           batch.changes().size(), " rows"));
}

absl::Status RocksStore::Flush(FamilyId family) {
  const std::shared_lock lock(families_);
  return FlushLocked(family);
}

absl::Status RocksStore::FlushLocked(FamilyId family) {
  COMMANDER_ASSIGN_OR_RETURN(const RocksFamily handle, rows_->Handle(family));
  rocksdb::FlushOptions options;
  options.allow_write_stall = true;  // the caller waits for the disk, not for a quiet moment
  const std::string where = absl::StrCat(rows_->Describe(family), ": cannot flush");
  for (int tries = 0; tries < kFlushTries; ++tries) {
    const rocksdb::Status status =
        RetryWhenSpaceIsBack([&] { return rows_->db()->Flush(options, handle.get()); });
    if (!status.ok()) return ToAbslStatus(status, where);
    // Once an attempt to resume after an error has failed, Flush() says OK without waiting for the
    // flush that it has begun (RocksDB 7.8.3, WaitForFlushMemTables).
    std::uint64_t waiting = 0;
    if (!rows_->db()->GetIntProperty(handle.get(), rocksdb::DB::Properties::kNumImmutableMemTable,
                                     &waiting) ||
        waiting == 0) {
      return absl::OkStatus();
    }
    absl::SleepFor(kFlushPause);
  }
  return absl::InternalError(absl::StrCat(where, ": rows still wait in memory; reopen the store"));
}

absl::Status RocksStore::Clear(FamilyId family) {
  const std::lock_guard lock(families_);
  COMMANDER_ASSIGN_OR_RETURN(RocksRows::Family old, rows_->Find(family));
  const std::string where = absl::StrCat(rows_->Describe(family), ": cannot clear");
  if (old.handle != nullptr) {
    // One durable record of the manifest: afterwards none of the rows can come back.
    const rocksdb::Status status =
        ChangeFamilies([&] { return rows_->db()->DropColumnFamily(old.handle.get()); });
    if (!status.ok()) return ToAbslStatus(status, where);
    rows_->Replace(family, nullptr);
    old.handle.reset();  // its files go with the last handle
  }
  COMMANDER_ASSIGN_OR_RETURN(rocksdb::ColumnFamilyHandle * handle, CreateFamily(old.name));
  rows_->Replace(family, handle);
  return absl::OkStatus();
}

absl::Status RocksStore::Close() {
  const std::lock_guard lock(families_);
  if (rows_->db() == nullptr) return absl::OkStatus();
  absl::Status first;
  // RocksDB's closing would flush, too, but not say when it fails.
  for (const std::string& name : rows_->FamilyNames()) {
    const absl::StatusOr<FamilyId> family = rows_->FindFamily(name);
    first.Update(family.status());
    if (family.ok()) first.Update(FlushLocked(*family));
  }
  first.Update(rows_->Close());
  return first;
}

absl::StatusOr<rocksdb::ColumnFamilyHandle*> RocksStore::CreateFamily(std::string_view name) {
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  const rocksdb::Status status = ChangeFamilies(
      [&] { return rows_->db()->CreateColumnFamily(family_options_, std::string(name), &handle); });
  if (status.ok()) return handle;
  return ToAbslStatus(
      status, absl::StrCat("store ", rows_->name(), ": cannot make the family ", ToAbsl(name)));
}

template <typename Operation>
rocksdb::Status RocksStore::RetryWhenSpaceIsBack(Operation operation) {
  rocksdb::Status status = operation();
  // A flush in the background that found no space has made the database read-only.
  if (!IsNoSpace(status) || !Resume().ok()) return status;
  return operation();
}

template <typename Operation>
rocksdb::Status RocksStore::ChangeFamilies(Operation operation) {
  return RetryWhenSpaceIsBack([&] {
    rocksdb::Status status = operation();
    const std::lock_guard lock(resuming_);
    if (status.ok()) {
      AllowDeletions();
    } else if (status.IsIOError() && !deletions_disabled_) {
      // RocksDB 7.8 does this itself when it cannot write the manifest for a flush, but forgets it
      // where it is for a family, and Resume() asserts it.
      deletions_disabled_ = rows_->db()->DisableFileDeletions().ok();
    }
    return status;
  });
}

// Tries again what failed in the background, and goes on with a new manifest where the old one
// could not be written.
rocksdb::Status RocksStore::Resume() {
  const std::lock_guard lock(resuming_);
  rocksdb::Status status = rows_->db()->Resume();
  if (status.ok()) AllowDeletions();
  return status;
}

void RocksStore::AllowDeletions() {
  if (deletions_disabled_) deletions_disabled_ = !rows_->db()->EnableFileDeletions().ok();
}

class RocksStoreFactory : public StoreFactory {
 public:
  explicit RocksStoreFactory(RocksStoreOptions options)
      : options_(std::move(options)),
        memory_(NewSharedMemory(std::max(options_.memory_bytes, kMinStoreMemoryBytes))) {
    assert(options_.clock != nullptr);
  }

  absl::StatusOr<std::unique_ptr<Store>> Open(std::string_view name) override;
  absl::StatusOr<std::vector<std::string>> Names() override {
    return RocksStoreNames(options_.data_directory);
  }

 private:
  OpenedDb OpenAt(const std::string& name, const fs::path& directory) const;
  absl::Status MoveAside(const std::string& name, const fs::path& directory,
                         const std::string& why);

  const RocksStoreOptions options_;
  const SharedMemory memory_;
};

// Where the file that names the manifest is gone, RocksDB takes the directory for an empty one and
// deletes the tables that it finds.
bool HasTablesButNoManifest(const fs::path& directory) {
  std::error_code error;
  if (fs::exists(directory / "CURRENT", error)) return false;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".sst") return true;
  }
  return false;
}

absl::StatusOr<std::unique_ptr<Store>> RocksStoreFactory::Open(std::string_view name) {
  if (!IsStoreName(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", absl::Utf8SafeCEscape(ToAbsl(name)),
                     "\" cannot name a store: expected store/ or projections/ and a name of "
                     "letters, digits and . _ - @, as in store/accounts"));
  }
  const std::string store_name(name);
  const fs::path directory = options_.data_directory / store_name;
  std::error_code error;
  fs::create_directories(directory.parent_path(), error);
  if (error) return FileError("cannot make the directory", directory.parent_path(), error);

  if (HasTablesButNoManifest(directory)) {
    COMMANDER_RETURN_IF_ERROR(MoveAside(store_name, directory, "its file CURRENT is missing"));
  }
  // RocksDB would warn of a directory that is not there yet.
  fs::create_directory(directory, error);
  if (error) return FileError("cannot make the directory", directory, error);
  OpenedDb opened = OpenAt(store_name, directory);
  if (IsDamage(opened.status)) {
    COMMANDER_RETURN_IF_ERROR(MoveAside(store_name, directory, opened.status.ToString()));
    opened = OpenAt(store_name, directory);
  }
  if (!opened.status.ok()) {
    return ToAbslStatus(opened.status, absl::StrCat("cannot open the store ", store_name, " in ",
                                                    directory.string()));
  }
  auto rows = std::make_unique<RocksRows>(store_name, std::move(opened.db), opened.families);
  return std::make_unique<RocksStore>(std::move(rows), NewFamilyOptions(memory_));
}

OpenedDb RocksStoreFactory::OpenAt(const std::string& name, const fs::path& directory) const {
  return OpenReadWrite(NewDbOptions(memory_, NewRocksLogger(options_.sink, name), options_.env),
                       NewFamilyOptions(memory_), directory);
}

absl::Status RocksStoreFactory::MoveAside(const std::string& name, const fs::path& directory,
                                          const std::string& why) {
  const std::string time = absl::FormatTime(
      "%Y%m%dT%H%M%SZ", absl::FromUnixNanos(options_.clock->NowNanos()), absl::UTCTimeZone());
  const std::string wanted = absl::StrCat(directory.string(), ToAbsl(kDamagedMark), time);
  std::error_code error;
  std::string target = wanted;
  for (int n = 2; fs::exists(target, error); ++n) target = absl::StrCat(wanted, "-", n);
  fs::rename(directory, target, error);
  if (error) return FileError("cannot move the damaged store aside:", directory, error);
  if (options_.sink) {
    options_.sink({.level = LogLevel::kWarning,
                   .component = "store",
                   .message = absl::StrCat("the store ", name, " cannot be opened (", why,
                                           "): it was moved to ", target,
                                           " and is folded again from the log"),
                   .fields = {{"store", name}, {"moved_to", target}}});
  }
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<StoreFactory> NewRocksStoreFactory(RocksStoreOptions options) {
  return std::make_unique<RocksStoreFactory>(std::move(options));
}

}  // namespace commander::store
