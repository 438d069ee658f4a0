// embedded_log.h: a log in segment files of its own, for one machine (FORMAT.md).
//
//     auto log = OpenEmbeddedLog({.directory = "data/log", .clock = &clock, .random = &random});
//     auto topic = (*log)->OpenTopic({"bank-commands", TopicKind::kCommands, 8});
//     auto status = (*log)->Append({*topic, 0}, message, ticket, /*wake=*/true);
//     while ((*log)->Step()) {}   // writes, syncs, tells the ticket
//
// One frame a group commit: what clients and workers have ready goes into one
// write and one sync.  A commit is never aborted here: a full device delays it, any
// other failure stops the log, and health() says why.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/log/log.h"
#include "engine/log/options.h"

namespace commander::log {

// Opens the log in `options.directory`, or makes it, and locks it.  Reads the active
// segment.  Beyond what log.h says:
//   - Append(): kInvalidArgument for a record that is empty or above
//     `max_record_bytes`, kResourceExhausted also above `max_pending_bytes`.
//   - Step() also returns false where the device is full; WaitForWork() then waits a
//     moment, so that the usual loop tries again.
//   - Callbacks come from Step() and Close(), one frame's after another's; they may
//     call everything except these two.
//   - A batch that is not well-formed (no entries, an unknown partition, entries
//     too large) is told kAborted with kInvalidArgument.
//   kUnavailable: another process, which the message names, or this one has it open.
//   kPermissionDenied: the directory cannot be written.
//   kDataLoss: damage or missing files, with path and place.  Nothing was changed.
//   kFailedPrecondition: a network file system, another log's segment, an unknown format.
//   kResourceExhausted: no space to make a new log.
absl::StatusOr<std::unique_ptr<Log>> OpenEmbeddedLog(EmbeddedLogOptions options);

// Reads the log of another process, or one that nobody has open, up to the last frame
// that was synced.  Where the log does not say which that is (a backup), up to the last
// valid one.  Thread-safe.
class EmbeddedLogReader : public LogReader {
 public:
  // Returns true as soon as there are frames that no call before has seen, false
  // when `timeout` has passed without.
  virtual absl::StatusOr<bool> WaitForMore(absl::Duration timeout) = 0;
};

//   kNotFound: there is no log in the directory.
//   Otherwise as OpenEmbeddedLog(), less the lock.
absl::StatusOr<std::unique_ptr<EmbeddedLogReader>> OpenEmbeddedLogReader(
    EmbeddedLogReaderOptions options);

}  // namespace commander::log
