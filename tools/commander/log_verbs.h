// log_verbs.h: `commander log read` and `commander log tail`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/subject.h"
#include "tools/commander/context.h"
#include "tools/commander/exit.h"

namespace commander::cli {

// Which records are shown.  What is empty does not restrict.
struct LogFilter {
  std::vector<std::string> topics;
  std::string group;  // its two topics
  std::optional<std::uint16_t> partition;
  std::string key;  // as keys.h prints it
  std::vector<std::string> types;
  std::vector<std::string> kinds;
  std::uint64_t limit = 0;             // 0: none
  std::optional<crypto::Kid> subject;  // whose key seals their personal fields
};

struct LogReadOptions {
  std::filesystem::path data;
  LogFilter filter;
  std::vector<std::string> range;
  std::string after;  // where an earlier call was interrupted
};

struct LogTailOptions {
  std::filesystem::path data;
  LogFilter filter;
  std::uint64_t lines = 10;
  bool follow = false;
  double timeout_seconds = 0;  // 0: none
};

// kFound where there were records that could not be decoded.
absl::StatusOr<Exit> LogRead(const LogReadOptions& options, Context& context);
// Following ends with kInterrupted, kTimedOut, or at the limit.
absl::StatusOr<Exit> LogTail(const LogTailOptions& options, Context& context);

}  // namespace commander::cli
