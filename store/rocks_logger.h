// rocks_logger.h: RocksDB's own lines, warnings and errors only, into a LogSink.
//
// A database that is given one writes no LOG file.
#pragma once

#include <memory>
#include <string>

#include "commander/log_sink.h"
#include "rocksdb/env.h"

namespace commander::store {

// `store` names the store in the lines; an empty sink drops them.
std::shared_ptr<rocksdb::Logger> NewRocksLogger(LogSink sink, std::string store);

}  // namespace commander::store
