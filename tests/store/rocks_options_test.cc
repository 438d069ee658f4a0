#include "store/rocks_options.h"

#include <gtest/gtest.h>
#if __has_include(<rocksdb/advanced_cache.h>)
#include <rocksdb/advanced_cache.h>  // where RocksDB 8 and later define Cache
#endif

#include <memory>

#include "rocksdb/table.h"
#include "store/rocks_logger.h"

namespace commander::store {
namespace {

// What erased data must not survive in: each of these was seen to keep deleted rows.
TEST(RocksOptionsTest, KeepsNoPlaceThatCompactionDoesNotReach) {
  const SharedMemory memory = NewSharedMemory(std::size_t{8} << 20);
  const rocksdb::DBOptions db = NewDbOptions(memory, NewRocksLogger(nullptr, "s"), nullptr);
  EXPECT_EQ(db.recycle_log_file_num, 0u);
  EXPECT_EQ(db.WAL_ttl_seconds, 0u);
  EXPECT_EQ(db.WAL_size_limit_MB, 0u);
  EXPECT_EQ(db.info_log_level, rocksdb::InfoLogLevel::WARN_LEVEL);
  EXPECT_FALSE(db.allow_data_in_errors);
  EXPECT_EQ(db.sst_file_manager, nullptr) << "it might delete files slowly";
  EXPECT_FALSE(NewFamilyOptions(memory).enable_blob_files);
}

TEST(RocksOptionsTest, SharesOneBudget) {
  constexpr std::size_t kBytes = std::size_t{16} << 20;
  const SharedMemory memory = NewSharedMemory(kBytes);
  EXPECT_EQ(memory.cache->GetCapacity(), kBytes);
  EXPECT_EQ(memory.write_buffers->buffer_size(), kBytes / 2);
  EXPECT_TRUE(memory.write_buffers->cost_to_cache());
  const rocksdb::DBOptions db = NewDbOptions(memory, NewRocksLogger(nullptr, "s"), nullptr);
  EXPECT_EQ(db.write_buffer_manager, memory.write_buffers);
  for (int family = 0; family < 2; ++family) {
    const auto factory = NewFamilyOptions(memory).table_factory;
    const auto* table = factory->GetOptions<rocksdb::BlockBasedTableOptions>();
    ASSERT_NE(table, nullptr);
    EXPECT_EQ(table->block_cache, memory.cache);
    EXPECT_TRUE(table->cache_index_and_filter_blocks);
    EXPECT_EQ(table->format_version, 5u) << "read by RocksDB 7.8 and 9.10 alike";
  }
}

}  // namespace
}  // namespace commander::store
