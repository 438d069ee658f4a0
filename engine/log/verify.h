// verify.h: reads a whole log and names everything that is wrong with it.
//
//     auto report = VerifyEmbeddedLog({.directory = "data/log"});
//     for (const Finding& f : report->findings) std::cout << f.path << ':' << f.at << ' ' <<
//     f.what;
//
// Nothing is locked, written or repaired; a writer may run meanwhile.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/log/options.h"

namespace commander::log {

enum class FindingKind {
  kDamaged,   // something stands there that nobody wrote
  kMissing,   // a file or frames that must be there are not
  kTornTail,  // what a crash, or a writer at work, left behind the last frame; nothing is lost
  kUnusable,  // `durable` says nothing; a power loss may leave it so, opening writes it again
};

struct Finding {
  FindingKind kind = FindingKind::kDamaged;
  std::string path;      // the file, which may be missing
  std::uint64_t at = 0;  // byte in it
  std::string what;      // one sentence
};

struct VerifyReport {
  std::uint64_t segments = 0;
  std::uint64_t frames = 0;  // valid ones
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // of the valid frames
  std::uint64_t topics = 0;
  std::uint64_t schemas = 0;
  std::vector<Finding> findings;

  // Whether nothing is damaged or missing.
  bool ok() const;
};

//   kNotFound: there is no log in the directory.
//   kPermissionDenied and others: the directory cannot be read.  What is wrong with
//     one file is a finding.
absl::StatusOr<VerifyReport> VerifyEmbeddedLog(const EmbeddedLogReaderOptions& options);

}  // namespace commander::log
