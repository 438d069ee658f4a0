#include "store/rocks_open.h"

#include <string>
#include <system_error>

namespace commander::store {
namespace {

using Families = std::vector<rocksdb::ColumnFamilyDescriptor>;

rocksdb::Status ListFamilies(const rocksdb::DBOptions& options,
                             const rocksdb::ColumnFamilyOptions& family, const std::string& path,
                             Families* families) {
  std::vector<std::string> names;
  const rocksdb::Status status = rocksdb::DB::ListColumnFamilies(options, path, &names);
  for (const std::string& name : names) families->emplace_back(name, family);
  return status;
}

}  // namespace

OpenedDb OpenReadWrite(rocksdb::DBOptions options, const rocksdb::ColumnFamilyOptions& family,
                       const std::filesystem::path& directory) {
  OpenedDb opened;
  Families families;
  std::error_code error;
  if (std::filesystem::exists(directory / "CURRENT", error)) {
    opened.status = ListFamilies(options, family, directory.string(), &families);
    if (!opened.status.ok()) return opened;
  } else {
    families.emplace_back(rocksdb::kDefaultColumnFamilyName, family);
    // Else RocksDB calls it an error that there is none.
    opened.status = options.env->CreateDirIfMissing(directory.string());
    if (!opened.status.ok()) return opened;
  }
  options.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  opened.status = rocksdb::DB::Open(options, directory.string(), families, &opened.families, &db);
  opened.db.reset(db);
  return opened;
}

OpenedDb OpenReadOnly(const rocksdb::DBOptions& options, const rocksdb::ColumnFamilyOptions& family,
                      const std::filesystem::path& directory) {
  OpenedDb opened;
  Families families;
  opened.status = ListFamilies(options, family, directory.string(), &families);
  if (!opened.status.ok()) return opened;
  rocksdb::DB* db = nullptr;
  opened.status =
      rocksdb::DB::OpenForReadOnly(options, directory.string(), families, &opened.families, &db);
  opened.db.reset(db);
  return opened;
}

}  // namespace commander::store
