// core.h: an engine without threads: log, stores, workers, projections, and the sending of
// commands.
//
// Whoever owns it calls the Step()s: EngineThreads from threads, a simulation from one.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/engine.h"
#include "commander/privacy.h"
#include "crypto/key_store.h"
#include "engine/call.h"
#include "engine/crash_counter.h"
#include "engine/envelope.h"
#include "engine/ledger_topic.h"
#include "engine/projection_worker.h"
#include "engine/schema.h"
#include "engine/wiring.h"
#include "engine/worker.h"
#include "engine/write_back.h"

namespace commander::internal {

// Sizes that a simulation makes small, so that a few commands reach what lies behind them.
struct Limits {
  std::size_t decide_at_once = 64;  // commands between two looks at what was committed meanwhile
  std::size_t batch_outcomes = 4096;
  std::size_t id_block = 4096;  // remembered ids that are dropped together
  // Ids kept in memory, of all partitions together; older ones are read from the store.
  std::size_t id_bytes = std::size_t{64} << 20;
};

// What an engine stands on.
struct Environment {
  std::unique_ptr<log::Log> log;
  std::unique_ptr<store::StoreFactory> stores;
  Clock* clock = nullptr;
  RandomSource* random = nullptr;
  // A slot of memory that outlives the process, for a partition of a group; may give null.
  std::function<CrashSlot*(const std::string& group, std::uint16_t partition)> crash_slot;
  // Opens, or makes, the store of keys.  Called where some type is personal, or `has_keys`.
  std::function<absl::StatusOr<std::unique_ptr<crypto::KeyStore>>(
      crypto::LedgerLog& ledger, std::function<absl::Status()> drop_caches)>
      open_keys;
  bool has_keys = false;  // there is a store of keys, from before
  // Somebody should call the worker's, or projection's, Step().  `index` counts workers, in the
  // order of Core::workers(), or projections.
  std::function<void(std::size_t index)> wake_worker;
  std::function<void(std::size_t index)> wake_projection;
  Limits limits = {};
};

class Core {
 public:
  //   Errors as Engine::Open.
  static absl::StatusOr<std::unique_ptr<Core>> Open(EngineOptions options, Wiring wiring,
                                                    Environment environment);
  ~Core();

  // A command on its way: who waits for what, and the worker that will decide it.
  struct Sent {
    std::shared_ptr<Call> call;
    Worker* worker = nullptr;
    std::size_t worker_index = 0;
  };
  struct SendOptions {
    Call::Wants wants = Call::Wants::kOutcome;
    // Wait for room until the deadline, or fail at once.
    bool wait = false;
    // The sender will call the worker's Step() itself.
    bool leads = false;
  };
  // Puts the command into the log.  `done` may be empty: then the caller waits on the call.
  absl::StatusOr<Sent> Send(const GroupBase& group, std::string_view key, CommandDraft draft,
                            const CommandOptions& options, SendOptions how, Call::Done done);

  // Which worker decides the commands of that key.
  absl::StatusOr<std::size_t> WorkerIndex(const GroupBase& group, std::string_view key);

  absl::StatusOr<Outcome> FindOutcome(const GroupBase& group, std::string_view key,
                                      std::string_view id);
  absl::StatusOr<std::vector<ParkedAggregate>> Parked(const GroupBase& group);
  absl::StatusOr<ProjectionWorker*> FindProjection(const ProjectionBase& projection);
  EngineStatus Status();

  // As Privacy says.
  absl::StatusOr<ErasureReceipt> Erase(const Subject& subject, std::string_view reason);
  absl::StatusOr<SubjectStatus> StatusOf(const Subject& subject);

  // Everything once, in turn; false: nothing was left to do.
  bool StepAll();

  log::Log& log() { return *environment_.log; }
  WriteBackQueue& write_backs() { return write_backs_; }
  Outstanding& outstanding() { return outstanding_; }
  const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }
  const std::vector<std::unique_ptr<ProjectionWorker>>& projections() const { return projections_; }
  SchemaSet& schemas() { return *schemas_; }
  const EngineOptions& options() const { return options_; }
  // The latest time in the log at Open(), of commands and outcomes.
  std::int64_t last_time_ns() const { return last_time_ns_; }

  // No new commands and queries from now on.
  void Refuse() { closed_ = true; }
  bool closed() const { return closed_; }
  // What is said then.
  static absl::Status Closed();
  // After all Step()s have ended: writes stores back, closes them and the log, and answers whoever
  // still waits with kCancelled.  The first error.
  absl::Status Close();

 private:
  struct CommandType {
    std::atomic<bool> stored{false};
  };
  struct GroupRuntime {
    const GroupBase* group = nullptr;
    std::unique_ptr<store::Store> store;
    std::uint16_t commands = 0;  // topic numbers
    std::uint16_t events = 0;
    std::size_t first_worker = 0;  // in workers_
    absl::flat_hash_map<std::string, std::unique_ptr<CommandType>> commands_known;
  };

  Core(EngineOptions options, Wiring wiring, Environment environment);
  // kAborted: as of the log.
  absl::Status OpenAll();
  absl::Status OpenKeys();
  // Every worker writes back and forgets what it has decoded.  Waits for all.
  absl::Status DropDecoded();
  absl::Status OpenGroups();
  absl::Status OpenGroup(GroupBase& group);
  absl::Status OpenProjections();
  // Once all workers and projections are there.
  void ListenToEvents();
  absl::Status CheckPartitions(const GroupRuntime& runtime);
  // Of the last command and outcome of a partition.
  absl::Status CheckLastRecords(const GroupRuntime& group, std::uint16_t partition);
  absl::Status CheckClock(const GroupRuntime& group, std::uint16_t partition,
                          const EnvelopeReader& last);
  absl::Status CheckCommand(const GroupRuntime& group, std::uint16_t partition,
                            const EnvelopeReader& last);
  absl::StatusOr<GroupRuntime*> Find(const GroupBase& group);
  absl::StatusOr<CommandType*> FindType(GroupRuntime& group, const Type& type);

  const EngineOptions options_;
  const Wiring wiring_;
  Environment environment_;
  const std::string log_id_;
  std::unique_ptr<SchemaSet> schemas_;
  std::unique_ptr<LedgerTopic> ledger_;
  std::unique_ptr<crypto::KeyStore> keys_;  // null: nothing is personal
  std::shared_mutex erasures_;              // shared by calls that use keys_ for a while
  WriteBackQueue write_backs_;
  Outstanding outstanding_;
  std::vector<std::unique_ptr<GroupRuntime>> groups_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<store::Store>> projection_stores_;
  std::vector<std::unique_ptr<ProjectionWorker>> projections_;
  std::map<log::TopicPartition, std::vector<std::size_t>>
      readers_;                      // projections, by what they fold
  std::atomic<bool> closed_{false};  // no new commands
  bool shut_ = false;                // Close() has run
  std::int64_t last_time_ns_ = 0;
  std::mutex ids_mutex_;
  IdSource ids_;
};

}  // namespace commander::internal
