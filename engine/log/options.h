// options.h: how the embedded log is opened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "commander/environment.h"
#include "commander/log_sink.h"
#include "engine/log/file_system.h"

namespace commander::log {

struct EmbeddedLogOptions {
  // The log's own directory.  Made when it is missing; its parent must be there.
  std::string directory = {};

  // A segment that has as many bytes is sealed and the next one begun.  Larger ones
  // mean fewer files and a longer opening (about 10 ms for 64 MiB).  A log may be
  // opened with another value at any time.  At most 16 GiB.
  std::uint64_t segment_bytes = 64 << 20;

  // Bound on one record.  Whoever makes events allows 128 KiB more than for commands.
  std::size_t max_record_bytes = (1 << 20) + (128 << 10);

  // Bound on what waits to be written.  Append() refuses above it; outcomes always
  // enter, since they end the waiting.
  std::size_t max_pending_bytes = 64 << 20;

  // Newest frames kept in memory after they are written, for readers that follow; and
  // as much again of old frames read from files.
  std::size_t read_cache_bytes = 32 << 20;

  // Zeros that a small frame which reaches the end of the file writes behind itself,
  // so that the next ones' syncs need no metadata.  0 where the file system never
  // overwrites, whatever stands here.
  std::size_t zero_ahead_bytes = 1 << 20;

  // All must be given and outlive the log.
  Clock* clock = nullptr;
  RandomSource* random = nullptr;
  FileSystem* files = &FileSystem::Posix();

  // Told of torn tails that were cut, indexes made again, a full device, the end.
  LogSink sink = nullptr;
};

// For another process, or for tools: nothing is locked, nothing is written.
struct EmbeddedLogReaderOptions {
  std::string directory = {};
  std::size_t read_cache_bytes = 32 << 20;
  FileSystem* files = &FileSystem::Posix();
};

}  // namespace commander::log
