#include "store/key_rows_rocks.h"

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "rocksdb/db.h"
#include "store/rocks_logger.h"
#include "store/rocks_options.h"
#include "store/rocks_rows.h"
#include "store/status.h"

namespace commander::store {
namespace {

namespace fs = std::filesystem;
using crypto::Durability;
using crypto::KeyTable;

constexpr std::size_t kMemoryBytes = std::size_t{16} << 20;

class RocksKeyRows : public crypto::KeyRows {
 public:
  RocksKeyRows(std::string place, std::unique_ptr<rocksdb::DB> db,
               std::vector<rocksdb::ColumnFamilyHandle*> families)
      : place_(std::move(place)), db_(std::move(db)), families_(std::move(families)) {}
  ~RocksKeyRows() override {
    if (db_ != nullptr) Close().IgnoreError();  // whoever wants to know it calls Close()
  }

  absl::StatusOr<std::optional<std::string>> Get(KeyTable table, std::string_view key) override {
    std::string value;
    const rocksdb::Status got = db_->Get({}, Family(table), ToSlice(key), &value);
    if (got.IsNotFound()) return std::nullopt;
    if (!got.ok()) return Error(got, "cannot read a row of");
    return value;
  }

  absl::Status Scan(KeyTable table, std::string_view prefix, Row row) override {
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}, Family(table)));
    for (at->Seek(ToSlice(prefix)); at->Valid() && at->key().starts_with(ToSlice(prefix));
         at->Next()) {
      COMMANDER_RETURN_IF_ERROR(row(ToView(at->key()), ToView(at->value())));
    }
    return at->status().ok() ? absl::OkStatus() : Error(at->status(), "cannot scan");
  }

  absl::Status Write(const crypto::KeyRowBatch& batch, Durability durability) override {
    rocksdb::WriteBatch changes;
    for (const auto& change : batch.changes) {
      const rocksdb::Status added =
          change.value.has_value()
              ? changes.Put(Family(change.table), ToSlice(change.key), ToSlice(*change.value))
              : changes.Delete(Family(change.table), ToSlice(change.key));
      if (!added.ok()) return Error(added, "cannot write to");
    }
    rocksdb::WriteOptions options;
    options.sync = durability == Durability::kSynced;
    const rocksdb::Status written = db_->Write(options, &changes);
    return written.ok() ? absl::OkStatus() : Error(written, "cannot write to");
  }

  absl::Status Sync() override {
    const rocksdb::Status synced = db_->FlushWAL(/*sync=*/true);
    return synced.ok() ? absl::OkStatus() : Error(synced, "cannot sync");
  }

  absl::Status Compact() override;

  absl::Status Close() override {
    // Into tables, where each block is checked: what lies behind a damaged place of the journal
    // would be dropped with it.
    rocksdb::Status flushed = db_->FlushWAL(/*sync=*/true);
    if (flushed.ok()) flushed = db_->Flush({}, families_);
    for (rocksdb::ColumnFamilyHandle* const family : families_) {
      const rocksdb::Status destroyed = db_->DestroyColumnFamilyHandle(family);
      if (!destroyed.ok()) return Error(destroyed, "cannot close");
    }
    families_.clear();
    const rocksdb::Status closed = db_->Close();
    db_.reset();
    if (!flushed.ok()) return Error(flushed, "cannot flush");
    return closed.ok() ? absl::OkStatus() : Error(closed, "cannot close");
  }

 private:
  // The default family is the first, and stays empty.
  rocksdb::ColumnFamilyHandle* Family(KeyTable table) const {
    return families_[1 + static_cast<std::size_t>(table)];
  }
  absl::Status Error(const rocksdb::Status& status, std::string_view what) const {
    return ToAbslStatus(status, std::string(what) + " the rows of keys " + place_);
  }

  const std::string place_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

absl::Status RocksKeyRows::Compact() {
  const auto failed = [&](const rocksdb::Status& status) {
    return Error(status, "cannot compact");
  };
  // All families: one that is not flushed keeps the journal of all.
  rocksdb::Status done = db_->FlushWAL(/*sync=*/true);
  if (done.ok()) done = db_->Flush({}, families_);
  if (!done.ok()) return failed(done);
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  for (const KeyTable table : {KeyTable::kKey, KeyTable::kTag}) {
    done = db_->CompactRange(options, Family(table), nullptr, nullptr);
    if (!done.ok()) return failed(done);
  }
  // What was replaced goes now, and not when a thread comes to it.
  done = db_->DisableFileDeletions();
  if (done.ok()) done = db_->EnableFileDeletions();
  return done.ok() ? absl::OkStatus() : failed(done);
}

absl::StatusOr<std::unique_ptr<crypto::KeyRows>> Open(const LogSink& sink,
                                                      const fs::path& directory, bool create) {
  std::error_code error;
  if (!create && !fs::exists(directory / "CURRENT", error)) {
    return absl::DataLossError(absl::StrCat("CORRUPT: the rows of keys ", directory.string(),
                                            " are missing; restore them"));
  }
  const SharedMemory memory = NewSharedMemory(kMemoryBytes);
  rocksdb::DBOptions options = NewDbOptions(memory, NewRocksLogger(sink, "keys"), nullptr);
  options.create_if_missing = create;
  options.create_missing_column_families = create;
  options.error_if_exists = create;
  // Else RocksDB calls it an error that there is none.
  if (create) {
    const rocksdb::Status made = options.env->CreateDirIfMissing(directory.string());
    if (!made.ok()) return ToAbslStatus(made, "cannot make " + directory.string());
  }
  // A torn end was never durable.  RocksDB takes a damaged place of the journal for one.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.avoid_flush_during_recovery = false;
  options.avoid_flush_during_shutdown = false;
  std::vector<rocksdb::ColumnFamilyDescriptor> tables = {
      {rocksdb::kDefaultColumnFamilyName, NewFamilyOptions(memory)}};
  for (const char* const name : crypto::kKeyTableNames) {
    tables.emplace_back(name, NewFamilyOptions(memory));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::Open(options, directory.string(), tables, &families, &db);
  if (!opened.ok()) {
    return ToAbslStatus(opened, "cannot open the rows of keys " + directory.string());
  }
  return std::make_unique<RocksKeyRows>(directory.string(), std::unique_ptr<rocksdb::DB>(db),
                                        std::move(families));
}

}  // namespace

crypto::OpenKeyRows KeyRowsOpener(LogSink sink) {
  return [sink = std::move(sink)](const fs::path& directory, bool create) {
    return Open(sink, directory, create);
  };
}

}  // namespace commander::store
