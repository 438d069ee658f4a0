// projection_worker.h: folds one projection into its store.
//
// An object with a Step(), as a Worker.  Rows and positions reach the store in one batch.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/engine.h"
#include "commander/projection.h"
#include "engine/fold.h"
#include "engine/log/log.h"
#include "engine/sealing.h"
#include "engine/types.h"
#include "store/layout.h"
#include "store/store.h"

namespace commander::internal {

// One partition of one source.
struct ProjectionSource {
  std::string group;
  std::string topic;
  log::TopicPartition events;
};

struct ProjectionEnvironment {
  log::Log* log = nullptr;
  SchemaSet* schemas = nullptr;
  const Sealing* sealing = nullptr;
  store::Store* store = nullptr;
  LogSink sink;
  std::string log_id;  // hexadecimal
  // The store is flushed after so many events; what is not flushed is folded again after a crash.
  std::size_t flush_events = 0;
};

// Thread-safe; one thread at a time calls Step().
class ProjectionWorker {
 public:
  ProjectionWorker(const ProjectionBase& projection, std::vector<ProjectionSource> sources,
                   ProjectionEnvironment environment);

  // Reads the positions and checks the store against the log.
  //   kFailedPrecondition: it is of another log, or ahead of this one.
  absl::Status Open();

  // Folds some of what is there; false when there was nothing.
  bool Step();

  // Waits until `position` is folded.
  //   kFailedPrecondition: the projection has stopped, wherever the position is.
  absl::Status Await(const Position& position, absl::Time deadline);
  // Waits until what was in the log at Open() is folded.
  absl::Status AwaitReady(absl::Time deadline);

  absl::Status Get(std::string_view key,
                   const std::function<void(capnp::AnyPointer::Reader)>& use) const;
  absl::Status Scan(
      std::string_view prefix, std::string_view after, std::size_t limit,
      const std::function<void(std::string_view, capnp::AnyPointer::Reader)>& use) const;

  std::vector<PartitionStatus> Status() const;
  absl::Status Flush();
  // When it returns, nothing that was decoded before is in memory any more.
  void PassStep();
  // Wakes everybody who waits, with this error.
  void Stop(absl::Status why);
  // Answers queries with this error from now on; returns when none is reading any more.
  void Refuse(absl::Status why);

  const std::string& name() const { return projection_.name(); }

 private:
  struct Source {
    ProjectionSource place;
    store::PartitionRow row;  // what is stored
    Offset polled;            // guarded by mutex_: everything below is folded; may lie behind gaps
    Offset ready;             // what was in the log at Open()
  };
  // Rows touched and not written yet; no state: removed.
  struct Pending {
    Aggregate row;  // its version says nothing
  };

  // How many records were folded.
  absl::StatusOr<std::size_t> FoldFrom(Source& source);
  absl::Status FoldRecords(Source& source, const std::vector<log::Record>& records);
  absl::Status FoldRecord(const Source& source, const log::Record& record,
                          absl::flat_hash_map<std::string, Pending>* rows);
  absl::StatusOr<Keys> KeysOf(const RowFold& keyed, const EnvelopeReader& envelope,
                              const EventMetadata& metadata) const;
  absl::StatusOr<Pending*> Row(const std::string& key,
                               absl::flat_hash_map<std::string, Pending>* rows);
  absl::Status Check(Source& source);
  absl::Status StoppedLocked() const;
  absl::Status WaitFor(const std::function<bool()>& done, absl::Time deadline,
                       const std::string& what);

  Sealing::RowPlace PlaceOf(std::string_view key) const { return {owner_, key, true}; }

  const ProjectionBase& projection_;
  const ProjectionEnvironment environment_;
  const std::string owner_;  // "by-city@2"
  std::mutex step_mutex_;
  store::FamilyId family_;
  std::vector<Source> sources_;
  TypeNames names_;
  std::size_t unflushed_ = 0;

  mutable std::shared_mutex queries_mutex_;  // shared by queries while they read
  absl::Status refused_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  absl::Status stopped_;
};

}  // namespace commander::internal
