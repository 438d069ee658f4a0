// rocks_rows.h: an open RocksDB and its families, for reading; what the store and the
// reader have in common.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/internal/shared_mutex.h"
#include "rocksdb/db.h"
#include "store/store.h"

namespace commander::store {

using RocksFamily = std::shared_ptr<rocksdb::ColumnFamilyHandle>;

inline rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
inline std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// Thread-safe, but for Close() and the destructor.
class RocksRows : public StoreReader {
 public:
  // `handles` are of `db`, in any order.  `name` is for messages.
  RocksRows(std::string name, std::unique_ptr<rocksdb::DB> db,
            const std::vector<rocksdb::ColumnFamilyHandle*>& handles);
  ~RocksRows() override;
  RocksRows(const RocksRows&) = delete;
  RocksRows& operator=(const RocksRows&) = delete;

  std::vector<std::string> FamilyNames() const override;
  absl::StatusOr<FamilyId> FindFamily(std::string_view name) const override;
  absl::StatusOr<std::optional<std::string>> Get(FamilyId family,
                                                 std::string_view key) const override;
  std::unique_ptr<Cursor> Scan(FamilyId family, std::string_view start,
                               std::string_view end) const override;

  const std::string& name() const { return name_; }
  rocksdb::DB* db() const { return db_.get(); }  // null when closed

  struct Family {
    std::string name;
    RocksFamily handle;  // null where it was dropped and could not be made again
  };
  // kInvalidArgument where there is none, kFailedPrecondition when closed.
  absl::StatusOr<Family> Find(FamilyId family) const;
  // The same, and kInternal where it is null.
  absl::StatusOr<RocksFamily> Handle(FamilyId family) const;
  // Takes `handle` over: as a new family, or in the place of one that was dropped.
  FamilyId Add(rocksdb::ColumnFamilyHandle* handle);
  void Replace(FamilyId family, rocksdb::ColumnFamilyHandle* handle);
  // "store accounts, family p0"
  std::string Describe(FamilyId family) const;

  // kFailedPrecondition, and nothing done, while cursors are there.
  absl::Status Close();

 private:
  RocksFamily Own(rocksdb::ColumnFamilyHandle* handle) const;

  const std::string name_;
  std::unique_ptr<rocksdb::DB> db_;
  mutable std::atomic<int> cursors_ = 0;
  mutable internal::SharedMutex mutex_;  // guards what follows
  std::vector<Family> families_;         // FamilyId n is at n - 1
};

}  // namespace commander::store
