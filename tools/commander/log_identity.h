// log_identity.h: whether a store is a fold of this log.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "engine/log/log.h"
#include "store/layout.h"

namespace commander::cli {

// `row` says how far a store has folded a partition of the topic.
//   kFailedPrecondition: of another log, or further than this one goes, or the last record that it
//     folded is another one than stands there; the message says what to do.
//   Others: the log cannot be read.
absl::Status CheckBelongs(const std::string& store, const store::PartitionRow& row,
                          const log::TopicInfo& topic, std::uint16_t partition,
                          log::LogReader& log);

}  // namespace commander::cli
