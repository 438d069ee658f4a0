#include "store/rocks_options.h"

#include <utility>

#include "rocksdb/file_checksum.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/listener.h"
#include "rocksdb/table.h"

namespace commander::store {
namespace {

// A full disk makes a database read-only until a thread of RocksDB, which looks every five seconds,
// finds space again.  The store does it itself, at the next call: DB::Resume(), which RocksDB
// refuses while that thread is at it.
class ResumeByHand : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status error,
                            bool* auto_recovery) override {
    if (error.IsNoSpace()) *auto_recovery = false;
  }
};

}  // namespace

SharedMemory NewSharedMemory(std::size_t bytes) {
  SharedMemory memory;
  memory.cache = rocksdb::NewLRUCache(bytes);
  memory.write_buffers = std::make_shared<rocksdb::WriteBufferManager>(bytes / 2, memory.cache);
  return memory;
}

rocksdb::DBOptions NewDbOptions(const SharedMemory& memory, std::shared_ptr<rocksdb::Logger> logger,
                                rocksdb::Env* env) {
  rocksdb::DBOptions options;
  if (env != nullptr) options.env = env;
  options.info_log = std::move(logger);
  options.write_buffer_manager = memory.write_buffers;

  // What was deleted must not live on in places that no compaction reaches: no write-ahead log that
  // is kept or used again, no files that are deleted slowly, no rows in messages.
  options.recycle_log_file_num = 0;
  options.WAL_ttl_seconds = 0;
  options.WAL_size_limit_MB = 0;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.allow_data_in_errors = false;

  // A checksum of each whole file in the manifest: a file swapped for another one is found.
  options.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  options.paranoid_checks = true;

  options.listeners.push_back(std::make_shared<ResumeByHand>());

  // No thread and no file for statistics.
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;

  // Every flush adds to the manifest, and a reader beside us reads all of it.
  options.max_manifest_file_size = std::size_t{4} << 20;
  return options;
}

rocksdb::ColumnFamilyOptions NewFamilyOptions(const SharedMemory& memory) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = memory.cache;
  // Indexes and filters count in the budget, too; those of the newest files stay.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  // A new aggregate is looked up once and not found: without a read of a block.
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;

  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  // Memory that a family takes with its first row: a store may have many, most of them idle.
  options.arena_block_size = std::size_t{64} << 10;
  options.level_compaction_dynamic_level_bytes = true;
  options.enable_blob_files = false;
  return options;
}

}  // namespace commander::store
