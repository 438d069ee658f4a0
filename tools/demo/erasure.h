// erasure.h: erases one real uploader and shows what that does, and what it leaves.
#pragma once

#include <optional>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"

namespace commander::demo {

struct ErasureOptions {
  std::string data;   // holds an import; no engine has it open
  std::string input;  // of that import
  // File whose first line is the address of the person.  Else the most active uploader of several
  // source packages.
  std::optional<std::string> email_file;
  std::string brokers = {};  // of that import, if it is on Apache Kafka
};

// Erases the person in `data`, deletes the stores, has them made again from the log, and searches
// the directory before and after; then does the same with the person's releases stored without
// marks, in a directory beside `data` that it removes; on Kafka, in topics that it names.  Tells it
// step by step on `out`, each step with "ok" or "FAILED"; returns whether all are ok.  Once the
// person is erased, neither name nor address is printed.
//   kNotFound: there is nobody to erase, or the file names nobody of the changelogs.
absl::StatusOr<bool> ShowErasure(const ErasureOptions& options, std::ostream& out);

}  // namespace commander::demo
