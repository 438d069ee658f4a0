#include "store/rocks_rows.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "store/status.h"

namespace commander::store {
namespace {

class RocksCursor : public Cursor {
 public:
  RocksCursor(rocksdb::DB* db, const RocksFamily& family, std::string_view start,
              std::string_view end, std::string where, std::atomic<int>& count)
      : where_(std::move(where)), end_(end), end_slice_(end_), count_(count) {
    ++count_;
    rocksdb::ReadOptions options;
    if (!end_.empty()) options.iterate_upper_bound = &end_slice_;
    iterator_.reset(db->NewIterator(options, family.get()));
    iterator_->Seek(ToSlice(start));
  }
  ~RocksCursor() override {
    iterator_.reset();
    --count_;
  }

  bool Valid() const override { return iterator_->Valid(); }
  void Next() override { iterator_->Next(); }
  std::string_view key() const override { return ToView(iterator_->key()); }
  std::string_view value() const override { return ToView(iterator_->value()); }
  absl::Status status() const override { return ToAbslStatus(iterator_->status(), where_); }

 private:
  const std::string where_;
  const std::string end_;
  const rocksdb::Slice end_slice_;
  std::atomic<int>& count_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

class FailedCursor : public Cursor {
 public:
  explicit FailedCursor(absl::Status status) : status_(std::move(status)) {}

  bool Valid() const override { return false; }
  void Next() override {}
  std::string_view key() const override { return {}; }
  std::string_view value() const override { return {}; }
  absl::Status status() const override { return status_; }

 private:
  const absl::Status status_;
};

}  // namespace

RocksRows::RocksRows(std::string name, std::unique_ptr<rocksdb::DB> db,
                     const std::vector<rocksdb::ColumnFamilyHandle*>& handles)
    : name_(std::move(name)), db_(std::move(db)) {
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    if (handle->GetName() == rocksdb::kDefaultColumnFamilyName) {
      db_->DestroyColumnFamilyHandle(handle);
    } else {
      Add(handle);
    }
  }
}

RocksRows::~RocksRows() {
  assert(cursors_ == 0);
  const std::lock_guard lock(mutex_);
  families_.clear();
}

std::vector<std::string> RocksRows::FamilyNames() const {
  std::vector<std::string> names;
  {
    const std::shared_lock lock(mutex_);
    for (const Family& family : families_) {
      if (family.handle != nullptr) names.push_back(family.name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<FamilyId> RocksRows::FindFamily(std::string_view name) const {
  const std::shared_lock lock(mutex_);
  for (std::size_t i = 0; i < families_.size(); ++i) {
    if (families_[i].handle != nullptr && families_[i].name == name) {
      return FamilyId{static_cast<std::uint32_t>(i + 1)};
    }
  }
  return absl::NotFoundError(
      absl::StrCat("store ", name_, " has no family ", internal::ToAbsl(name)));
}

absl::StatusOr<std::optional<std::string>> RocksRows::Get(FamilyId family,
                                                          std::string_view key) const {
  COMMANDER_ASSIGN_OR_RETURN(const RocksFamily handle, Handle(family));
  std::string value;
  const rocksdb::Status status =
      db_->Get(rocksdb::ReadOptions(), handle.get(), ToSlice(key), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) {
    return ToAbslStatus(status, absl::StrCat(Describe(family), ": cannot read a row"));
  }
  return std::optional<std::string>(std::move(value));
}

std::unique_ptr<Cursor> RocksRows::Scan(FamilyId family, std::string_view start,
                                        std::string_view end) const {
  const absl::StatusOr<RocksFamily> handle = Handle(family);
  if (!handle.ok()) return std::make_unique<FailedCursor>(handle.status());
  // RocksDB's bounds must not cross.
  if (!end.empty() && end <= start) return std::make_unique<FailedCursor>(absl::OkStatus());
  return std::make_unique<RocksCursor>(db_.get(), *handle, start, end,
                                       absl::StrCat(Describe(family), ": cannot scan rows"),
                                       cursors_);
}

absl::StatusOr<RocksRows::Family> RocksRows::Find(FamilyId family) const {
  const std::shared_lock lock(mutex_);
  if (db_ == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("store ", name_, " is closed"));
  }
  if (family.value == 0 || family.value > families_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("store ", name_, ": there is no family number ", family.value));
  }
  return families_[family.value - 1];
}

absl::StatusOr<RocksFamily> RocksRows::Handle(FamilyId family) const {
  COMMANDER_ASSIGN_OR_RETURN(Family found, Find(family));
  if (found.handle != nullptr) return std::move(found.handle);
  return absl::InternalError(absl::StrCat("store ", name_, ", family ", found.name,
                                          ": it was dropped and could not be made again; clear it "
                                          "once more"));
}

FamilyId RocksRows::Add(rocksdb::ColumnFamilyHandle* handle) {
  const std::lock_guard lock(mutex_);
  families_.push_back({.name = handle->GetName(), .handle = Own(handle)});
  return {static_cast<std::uint32_t>(families_.size())};
}

void RocksRows::Replace(FamilyId family, rocksdb::ColumnFamilyHandle* handle) {
  RocksFamily old;
  const std::lock_guard lock(mutex_);
  old = std::exchange(families_[family.value - 1].handle, Own(handle));
}

std::string RocksRows::Describe(FamilyId family) const {
  const std::shared_lock lock(mutex_);
  if (family.value == 0 || family.value > families_.size()) {
    return absl::StrCat("store ", name_, ", family number ", family.value);
  }
  return absl::StrCat("store ", name_, ", family ", families_[family.value - 1].name);
}

absl::Status RocksRows::Close() {
  if (const int cursors = cursors_; cursors != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("store ", name_, " cannot be closed: ", cursors, " cursors are still there"));
  }
  const std::lock_guard lock(mutex_);
  if (db_ == nullptr) return absl::OkStatus();
  families_.clear();
  const rocksdb::Status status = db_->Close();
  db_.reset();
  return ToAbslStatus(status, absl::StrCat("store ", name_, ": cannot close"));
}

RocksFamily RocksRows::Own(rocksdb::ColumnFamilyHandle* handle) const {
  if (handle == nullptr) return nullptr;
  return RocksFamily(handle, [db = db_.get()](rocksdb::ColumnFamilyHandle* family) {
    db->DestroyColumnFamilyHandle(family);
  });
}

}  // namespace commander::store
