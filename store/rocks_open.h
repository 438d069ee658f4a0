// rocks_open.h: opens a RocksDB with all the families that it has.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "rocksdb/db.h"
#include "rocksdb/options.h"

namespace commander::store {

struct OpenedDb {
  rocksdb::Status status;
  std::unique_ptr<rocksdb::DB> db;                     // null unless ok
  std::vector<rocksdb::ColumnFamilyHandle*> families;  // to be destroyed before it
};

// Makes the database where there is none.
OpenedDb OpenReadWrite(rocksdb::DBOptions options, const rocksdb::ColumnFamilyOptions& family,
                       const std::filesystem::path& directory);

// Writes nothing, nowhere.
OpenedDb OpenReadOnly(const rocksdb::DBOptions& options, const rocksdb::ColumnFamilyOptions& family,
                      const std::filesystem::path& directory);

}  // namespace commander::store
