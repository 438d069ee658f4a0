// key_rows.h: the rows of the store of keys, as crypto/ needs them; store/ keeps them in RocksDB.
//
//     KeyRowBatch batch;
//     batch.Put(KeyTable::kKey, kid, sealed);
//     COMMANDER_RETURN_IF_ERROR(rows.Write(batch, Durability::kUnsynced));
//     COMMANDER_RETURN_IF_ERROR(rows.Sync());  // a crash of the machine keeps it now
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace commander::crypto {

// FORMAT.md says what they hold.  The order is persistent in no place; the names are.
enum class KeyTable { kKey, kTag, kFence, kGone, kJob, kLedger };
inline constexpr int kKeyTables = 6;
inline constexpr const char* kKeyTableNames[kKeyTables] = {"key",  "tag", "fence",
                                                           "gone", "job", "ledger"};

enum class Durability { kUnsynced, kSynced };

// Changes that are made together or not at all.
struct KeyRowBatch {
  struct Change {
    KeyTable table;
    std::string key;
    std::optional<std::string> value;  // nothing: the row goes
  };
  std::vector<Change> changes;

  void Put(KeyTable table, std::string key, std::string value) {
    changes.push_back({table, std::move(key), std::move(value)});
  }
  void Delete(KeyTable table, std::string key) {
    changes.push_back({table, std::move(key), std::nullopt});
  }
};

// Batches reach the disk in the order in which they were written: a synced one makes all before it
// durable.  Thread-safe, but for Close() and the destructor.  After an error of Write(), Sync() or
// Compact() the store of keys calls nothing but Close().
class KeyRows {
 public:
  virtual ~KeyRows() = default;

  // Nothing where there is no such row.
  virtual absl::StatusOr<std::optional<std::string>> Get(KeyTable table, std::string_view key) = 0;

  // Calls `row` with each row whose key starts with `prefix`, in their order, as of one moment;
  // ends with the first error that it returns.
  using Row = absl::FunctionRef<absl::Status(std::string_view key, std::string_view value)>;
  virtual absl::Status Scan(KeyTable table, std::string_view prefix, Row row) = 0;

  virtual absl::Status Write(const KeyRowBatch& batch, Durability durability) = 0;

  // Everything written before is durable.
  virtual absl::Status Sync() = 0;

  // After it no live file holds a row that was deleted before.
  virtual absl::Status Compact() = 0;

  virtual absl::Status Close() = 0;
};

// Opens the rows in a directory.  With `create` it makes them, durably, and the directory; without
// it, rows that are not there are kDataLoss.
using OpenKeyRows = std::function<absl::StatusOr<std::unique_ptr<KeyRows>>(
    const std::filesystem::path& directory, bool create)>;

}  // namespace commander::crypto
