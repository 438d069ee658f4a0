// open_log.h: the log that an engine's options ask for.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "commander/engine.h"
#include "engine/data_directory.h"
#include "engine/log/log.h"
#include "engine/wiring.h"

namespace commander::internal {

// The embedded log in the data directory, or Kafka where brokers are given.  `clock` must outlive
// it; `options` have clock and random source.
absl::StatusOr<std::unique_ptr<log::Log>> OpenLog(const EngineOptions& options,
                                                  const Wiring& wiring,
                                                  const DataDirectory& directory, Clock& clock);

}  // namespace commander::internal
