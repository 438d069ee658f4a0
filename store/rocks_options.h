// rocks_options.h: how every RocksDB of the engine is set up, and why.
#pragma once

#include <cstddef>
#include <memory>

#include "rocksdb/cache.h"
#include "rocksdb/env.h"
#include "rocksdb/options.h"
#include "rocksdb/write_buffer_manager.h"

namespace commander::store {

// What the databases of one factory share: blocks read and rows not yet flushed live in one budget.
struct SharedMemory {
  std::shared_ptr<rocksdb::Cache> cache;
  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers;  // counted inside the cache
};
SharedMemory NewSharedMemory(std::size_t bytes);

// `env` null: the machine's own.
rocksdb::DBOptions NewDbOptions(const SharedMemory& memory, std::shared_ptr<rocksdb::Logger> logger,
                                rocksdb::Env* env);
rocksdb::ColumnFamilyOptions NewFamilyOptions(const SharedMemory& memory);

}  // namespace commander::store
