// opening.h: from a directory to a log that can be written, by the rules of opening.
//
// Nothing that is found counts before it is on the device: the last frame is written
// again (a failed sync may have left it clean in memory and absent on disk) and
// segment and directories are synced before anybody sees a record.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>

#include "absl/status/statusor.h"
#include "engine/log/file_system.h"
#include "engine/log/log.h"
#include "engine/log/options.h"
#include "engine/log/segment_set.h"
#include "engine/log/segment_writer.h"

namespace commander::log {

struct OpenedLog {
  std::unique_ptr<DirectoryLock> lock;
  LogId id = {};
  std::map<std::uint16_t, TopicInfo> topics;
  std::unique_ptr<SegmentSet> segments;
  std::unique_ptr<SegmentWriter> writer;
};

// Takes the lock, makes the log where there is none, repairs what a crash may leave
// and nothing else.
//   kUnavailable: another process, which the message names, or this one has it open.
//   kPermissionDenied: the directory cannot be written.
//   kDataLoss: damage, with file and place.  Nothing was changed.
//   kFailedPrecondition: a network file system, another log's segment, an unknown format.
absl::StatusOr<OpenedLog> OpenForWriting(const EmbeddedLogOptions& options);

}  // namespace commander::log
