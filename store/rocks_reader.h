// rocks_reader.h: reads a store without leaving a trace, also beside the engine that
// writes it.
//
//     for (const std::string& name : *store::RocksStoreNames("data")) {
//       auto reader = store::OpenRocksStoreReader({.directory = fs::path("data") / name});
//       …
//     }
//
// A reader sees the store as it was flushed when it was opened, in all families at
// once, and goes on seeing that.  Nothing is created, locked or touched in the
// directory, which may be mounted read-only.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "commander/log_sink.h"
#include "store/names.h"
#include "store/store.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace commander::store {

struct RocksReaderOptions {
  std::filesystem::path directory;                   // of one store: data/store/accounts
  std::size_t memory_bytes = std::size_t{16} << 20;  // for blocks that were read
  LogSink sink = nullptr;
  rocksdb::Env* env = nullptr;  // null: the machine's own.  For tests.
};

// Takes a descriptor for each table file: they stay readable when a writer's compaction removes
// them. Where that happens while they are being opened, it begins again.
//   kNotFound: there is no store.
//   kDataLoss: it is damaged; the message names the file.
//   kAborted: a writer kept changing it; try again.
//   kInternal: it cannot be read (permissions, a failing device).
absl::StatusOr<std::unique_ptr<StoreReader>> OpenRocksStoreReader(
    const RocksReaderOptions& options);

}  // namespace commander::store
