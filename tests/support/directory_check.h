// directory_check.h: the checker's rules on a real data directory of the bank.
//
//     COMMANDER_ASSERT_OK_AND_ASSIGN(const std::vector<std::string> violations,
//                                    CheckDirectory(data, sent, {.min_window_ns = …, …}));
//     EXPECT_THAT(violations, IsEmpty());
//
// Reads the embedded log and the RocksDB stores of the group "accounts" and of the projection
// "balances" as they are: nothing is opened for writing, recovered or repaired.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/support/checker.h"
#include "tests/support/group_history.h"

namespace commander::test {

// One sentence for each rule that is broken.  What was never made holds nothing; with
// `options.complete` the stores must have been made and folded to the end of the log.
//   Errors: log or stores cannot be read.
absl::StatusOr<std::vector<std::string>> CheckDirectory(const std::filesystem::path& data,
                                                        std::span<const Sent> sent,
                                                        const CheckOptions& options);

// The same where the log is elsewhere: `history` is what it says.
absl::StatusOr<std::vector<std::string>> CheckStores(const std::filesystem::path& data,
                                                     const GroupHistory& history,
                                                     std::span<const Sent> sent,
                                                     const CheckOptions& options);

}  // namespace commander::test
