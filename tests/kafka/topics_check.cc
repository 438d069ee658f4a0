#include "tests/kafka/topics_check.h"

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "commander/internal/status_macros.h"
#include "tests/kafka/plain_reader.h"
#include "tests/support/directory_check.h"
#include "tests/support/group_history.h"

namespace commander::test {
namespace {

absl::StatusOr<GroupHistory> ReadHistory(const std::string& brokers, const std::string& group) {
  const auto log = PlainReader::Read(brokers, group, group);
  if (absl::IsNotFound(log.status())) return GroupHistory{.group = group, .partitions = {}};
  if (!log.ok()) return log.status();
  return ReadGroup(**log, group, false);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> CheckTopics(const std::string& brokers,
                                                     const std::string& group,
                                                     const std::filesystem::path& data,
                                                     std::span<const Sent> sent,
                                                     const CheckOptions& options) {
  const absl::Time late = absl::Now() + absl::Seconds(20);
  while (true) {
    COMMANDER_ASSIGN_OR_RETURN(const GroupHistory history, ReadHistory(brokers, group));
    COMMANDER_ASSIGN_OR_RETURN(std::vector<std::string> violations,
                               CheckStores(data, history, sent, options));
    if (violations.empty() || absl::Now() > late) return violations;
  }
}

}  // namespace commander::test
