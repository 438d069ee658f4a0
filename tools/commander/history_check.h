// history_check.h: whether what lies in the log and in the states of a group fits together.
//
// Damage that checksums cannot see, because somebody wrote it: records that are no messages,
// payloads that are not sealed as they should be, events whose versions have a gap, a type without
// a schema, states whose version is not that of their events.  Not seen: a state with the right
// version and wrong contents; that takes a fold.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "tools/commander/data.h"

namespace commander::cli {

struct Mismatch {
  std::string where;  // "accounts-events[3] offset 12", "key acct-1"
  std::string what;   // one sentence
};
using OnMismatch = std::function<absl::Status(const Mismatch&)>;

// Every record of the topic.  Memory grows with the number of aggregates of a partition, 16 bytes
// each, not with the length of the log.
//   kDataLoss: the log is damaged, which verifying the log tells.
absl::Status CheckTopic(Data& data, const log::TopicInfo& topic, std::uint64_t* records,
                        const OnMismatch& on_mismatch);

// The ledger of erasures: that each record continues the one before it and is signed.
absl::Status CheckLedger(Data& data, const OnMismatch& on_mismatch);

// Every state of the group against the events up to where the store stands.
//   Errors as above, and those of the store.
absl::Status CheckStates(Data& data, const std::string& group, const OnMismatch& on_mismatch);

}  // namespace commander::cli
