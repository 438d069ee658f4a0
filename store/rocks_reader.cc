#include "store/rocks_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "store/manifest.h"
#include "store/names.h"
#include "store/rocks_logger.h"
#include "store/rocks_open.h"
#include "store/rocks_options.h"
#include "store/rocks_rows.h"
#include "store/status.h"

namespace commander::store {
namespace {

namespace fs = std::filesystem;

// Beside a writer that flushed and compacted without a pause, one attempt in six failed.
constexpr int kAttempts = 20;

}  // namespace

// RocksDB has two ways to open a database that another process writes.  Its secondary instance
// follows the writer, but where a table is missing it shows an older, or empty, store without a
// word. The read-only instance fails, and is all that is needed: we look once.
absl::StatusOr<std::unique_ptr<StoreReader>> OpenRocksStoreReader(
    const RocksReaderOptions& options) {
  const fs::path& directory = options.directory;
  const std::string name = StoreNameOf(directory);
  const SharedMemory memory = NewSharedMemory(options.memory_bytes);
  rocksdb::DBOptions db_options =
      NewDbOptions(memory, NewRocksLogger(options.sink, name), options.env);
  db_options.max_open_files = -1;  // all tables are opened now and stay

  absl::Status failure;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    COMMANDER_ASSIGN_OR_RETURN(const ManifestState before, ReadManifestState(directory));
    OpenedDb opened = OpenReadOnly(db_options, NewFamilyOptions(memory), directory);
    if (opened.status.ok()) {
      return std::make_unique<RocksRows>(name, std::move(opened.db), opened.families);
    }
    failure = ToAbslStatus(
        opened.status, absl::StrCat("cannot read the store ", name, " in ", directory.string()));
    // CURRENT may be replaced, and the manifest go, between the two looks at them.
    const absl::StatusOr<ManifestState> after = ReadManifestState(directory);
    if (after.ok() && *after == before) return failure;
  }
  return absl::AbortedError(absl::StrCat("the store ", name, " in ", directory.string(),
                                         " is being written and changed while reading ", kAttempts,
                                         " times; try again (", failure.ToString(), ")"));
}

}  // namespace commander::store
