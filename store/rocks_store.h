// rocks_store.h: stores in RocksDB, below one data directory.
//
//     auto factory = store::NewRocksStoreFactory(
//         {.data_directory = "data", .clock = &Clock::System(), .sink = sink});
//     auto store = factory->Open("store/accounts");
//
// Rows are as FORMAT.md says.  Not for two processes at once: the engine holds the
// lock of the data directory.  To read beside it: rocks_reader.h.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

#include "commander/environment.h"
#include "commander/log_sink.h"
#include "store/store.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace commander::store {

struct RocksStoreOptions {
  // Stores are made below it as they are opened, it itself too.
  std::filesystem::path data_directory;

  // Bound on blocks read and rows not yet flushed, of all stores of the factory together, in bytes;
  // at least kMinStoreMemoryBytes.  Half of it at most is rows not yet flushed: when they grow
  // beyond that, RocksDB flushes by itself.
  std::size_t memory_bytes = std::size_t{64} << 20;

  // Names what is moved aside.  Must outlive the factory and its stores; required.
  Clock* clock = nullptr;

  LogSink sink = nullptr;

  // Where files are; null: the machine's own.  For tests that inject faults.
  rocksdb::Env* env = nullptr;
};

inline constexpr std::size_t kMinStoreMemoryBytes = std::size_t{8} << 20;

// Thread-safe.  Its stores may outlive it.
//
// Names are as IsStoreName() has them.  Open() fails with
//   kInvalidArgument: another name.
//   kResourceExhausted, kPermissionDenied, kInternal: the device, or the store is open already;
//     nothing was moved.
// A store that is damaged, or of a format that this RocksDB does not know, is renamed to
// "<name>.damaged-<UTC time>", which the sink is told, and a new one is made.
std::unique_ptr<StoreFactory> NewRocksStoreFactory(RocksStoreOptions options);

}  // namespace commander::store
