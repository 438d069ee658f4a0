// topics_check.h: the checker's rules on the topics of a group of the bank, as any other consumer
// reads them, and on the stores.
//
//     COMMANDER_ASSERT_OK_AND_ASSIGN(
//         const std::vector<std::string> violations,
//         CheckTopics(brokers, group, data, reports.sent(), {.min_window_ns = …, …}));
//     EXPECT_THAT(violations, IsEmpty());
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/support/checker.h"

namespace commander::test {

// As CheckDirectory (directory_check.h); the application has the name of the group.  Topics that
// nobody made hold nothing.  Blocks for a while where rules are broken: a client is told of a
// transaction when it is decided, which is before the broker has written so into all partitions,
// and until then others do not read it.
absl::StatusOr<std::vector<std::string>> CheckTopics(const std::string& brokers,
                                                     const std::string& group,
                                                     const std::filesystem::path& data,
                                                     std::span<const Sent> sent,
                                                     const CheckOptions& options);

}  // namespace commander::test
