// key_rows_rocks.h: the rows of the store of keys in a RocksDB of their own.
#pragma once

#include "commander/log_sink.h"
#include "crypto/key_rows.h"

namespace commander::store {

// A column family for each table, a write-ahead log, and nothing that keeps deleted rows longer
// than it must.
crypto::OpenKeyRows KeyRowsOpener(LogSink sink);

}  // namespace commander::store
