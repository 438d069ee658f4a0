// log_sink.h: where an engine's own messages go.
//
// The library prints nothing.  Give EngineOptions a LogSink to see what it has
// to say: openings, torn tails that were cut, partitions that stopped, and the
// lines of RocksDB and librdkafka.  Fields never hold payloads or keys of encryption.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace commander {

enum class LogLevel { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3 };

struct LogLine {
  LogLevel level = LogLevel::kInfo;
  std::string component;  // "engine", "log", "store", "projection", "crypto", "kafka", "rocksdb"
  std::string message;    // one sentence
  std::vector<std::pair<std::string, std::string>> fields;  // what it is about: topic, partition, …
};

// Called from any thread, also at the same time from several; must not block
// for long and must not call the engine.
using LogSink = std::function<void(const LogLine&)>;

}  // namespace commander
