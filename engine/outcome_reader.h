// outcome_reader.h: outcomes as callers get them, from the log.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "commander/outcome.h"
#include "engine/log/log.h"
#include "engine/outcome_builder.h"

namespace commander::internal {

// Where the outcomes of a partition are.
struct OutcomePlace {
  log::LogReader* log = nullptr;
  log::TopicPartition events;
  std::string log_id;  // hexadecimal
  std::string topic;
  std::string group;
  const Sealing* sealing = nullptr;
};

// Hexadecimal digits of a log's id, as positions have them.
std::string LogIdText(const log::LogId& id);

// The outcome of command `id` whose first record is at `first`.  May read from disk.
//   kDataLoss: there is no whole outcome at that place, or it cannot be opened.
absl::StatusOr<Outcome> ReadOutcome(const OutcomePlace& place, Offset first, const MessageId& id,
                                    const OutcomeBuilder::TypeOf& type_of);

}  // namespace commander::internal
