// data_directory.h: the directory of one engine: its lock, and what outlives a process without a
// log.
//
//     LOCK              flock'ed by the engine; holds its process id, a hint for messages
//     INSTANCE          on Kafka: the name of this owner among the members of its groups
//     log/              the embedded log
//     store/<group>/    own states, RocksDB
//     projections/<name>@<version>/
//     running/<group>   which command each partition is deciding (crash_counter.h)
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "commander/environment.h"
#include "commander/log_sink.h"
#include "engine/crash_counter.h"

namespace commander::internal {

class DataDirectory {
 public:
  // Creates it where it is missing, and locks it.
  //   kFailedPrecondition: another engine has it; its process id is named.
  //   kPermissionDenied: it cannot be created or written.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Open(const std::string& path);
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // 32 hexadecimal digits, made once.
  //   kDataLoss: the file holds something else.
  absl::StatusOr<std::string> InstanceId(RandomSource& random) const;
  // Null, with a warning to the sink, where it cannot be had: then nothing is counted.
  CrashSlot* Slot(const std::string& group, std::uint16_t partition, const LogSink& sink);

 private:
  struct Mapping {
    void* address = nullptr;
    std::size_t bytes = 0;
  };
  explicit DataDirectory(std::filesystem::path path, int lock)
      : path_(std::move(path)), lock_(lock) {}

  const std::filesystem::path path_;
  const int lock_;
  std::map<std::string, Mapping> running_;
};

}  // namespace commander::internal
