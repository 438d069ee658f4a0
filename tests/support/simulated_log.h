// simulated_log.h: a log in memory for simulations of whole systems.
//
//     auto disk = std::make_shared<SimulatedDisk>(seed);
//     auto log = SimulatedLog::Open(disk, {.clock = &clock, .seed = seed});
//     ... the engine runs on *log ...
//     (*log)->Crash();                          // the process ends
//     log = SimulatedLog::Open(disk, …);        // the next one finds what was durable
//
// Keeps the contract of log.h and is free within it: a Step() makes any prefix of what
// waits durable, a commit may be aborted or end unknown, a crash may leave durable
// what nobody was told of, events may have gaps between them.  Everything follows from the seed and
// the calls.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commander/environment.h"
#include "engine/log/log.h"

namespace commander::test {

// What survives the process.  Thread-safe through the log that is open on it.
class SimulatedDisk {
 public:
  explicit SimulatedDisk(std::uint64_t seed = 1);

 private:
  friend class SimulatedLog;

  struct Stored {
    std::int64_t time_ns = 0;                             // of its frame
    std::shared_ptr<const std::vector<log::Word>> words;  // null: a gap
  };

  log::LogId id_ = {};
  std::vector<log::TopicInfo> topics_;  // number 1 first
  std::map<std::uint64_t, log::Schema> schemas_;
  std::map<log::TopicPartition, std::vector<Stored>> records_;
  std::int64_t last_time_ns_ = 0;
  bool open_ = false;
};

struct SimulatedLogOptions {
  Clock* clock = nullptr;
  std::uint64_t seed = 1;
  // How probably a Step() takes only a part of what waits.
  double partial_steps = .3;
  // How probably a Step() aborts the oldest batch that it would commit, and with it
  // all later batches of the same partition that wait.  The embedded log never does.
  double aborts = 0;
  // How probably the answer to a batch gets lost: it ends unknown, durable or aborted,
  // and the log goes on.  The embedded log never does.
  double lost_results = 0;
  // How probably a Step() ends unknown: what it took is durable or not, its tickets
  // and batches fail, and the log has stopped.
  double unknowns = 0;
  // Whether a batch leaves a gap behind it, and one that was aborted nothing else; now and then
  // there is one within a batch, too.
  bool gaps = false;
  // How probably a Poll() finds nothing yet of what is durable, as where it has to be fetched: the
  // next Step() calls the listener.
  double late_polls = 0;
  // What End() says until somebody has polled, as where another process commits meanwhile.
  std::map<log::TopicPartition, Offset> early_ends = {};
  std::size_t max_record_bytes = (1 << 20) + (128 << 10);
  std::size_t max_pending_bytes = 64 << 20;
};

// Thread-safe.
class SimulatedLog : public log::Log {
 public:
  //   kUnavailable: a log is open on the disk.
  static absl::StatusOr<std::unique_ptr<SimulatedLog>> Open(std::shared_ptr<SimulatedDisk> disk,
                                                            SimulatedLogOptions options);
  ~SimulatedLog() override;

  // ---- What a test does to it.
  // The process ends: nobody is told anything; of what waits, a prefix may have become
  // durable.  Every call fails from now on; the disk may be opened again.
  void Crash();
  // The next Step() that has a batch to commit does this to it instead.
  void AbortNext(log::CommitOutcome as = log::CommitOutcome::kAborted);
  void EndNextUnknown(bool durable);
  // No space: Append() is refused, Step() gets nowhere.
  void SetFull(bool full);
  // Poll(), Read() and End() of the partition fail with `status`, until it is OK.
  void FailReads(log::TopicPartition partition, absl::Status status);

  // ---- log::Log
  log::LogId id() const override { return disk_->id_; }
  absl::StatusOr<std::vector<log::TopicInfo>> Topics() override;
  absl::StatusOr<std::vector<log::Schema>> Schemas() override;
  absl::StatusOr<Offset> Begin(log::TopicPartition partition) override;
  absl::StatusOr<Offset> End(log::TopicPartition partition) override;
  absl::StatusOr<Offset> Poll(log::TopicPartition partition, Offset from, std::size_t max_bytes,
                              std::vector<log::Record>* out) override;
  absl::StatusOr<log::Record> Read(log::TopicPartition partition, Offset offset) override;
  absl::StatusOr<std::optional<log::Record>> ReadLast(log::TopicPartition partition) override;
  absl::StatusOr<std::uint16_t> OpenTopic(const log::TopicSettings& settings) override;
  absl::Status StoreSchema(const log::Schema& schema) override;
  void SetBarrier(std::function<absl::Status()> barrier) override { barrier_ = std::move(barrier); }
  absl::Status Acquire(std::string_view group, std::uint16_t commands,
                       std::uint16_t events) override;
  absl::Status Append(log::TopicPartition commands, std::span<const log::Word> message,
                      std::shared_ptr<log::Ticket> ticket, bool wake) override;
  std::vector<std::shared_ptr<log::Ticket>> TakeTickets(log::TopicPartition commands) override;
  void Commit(log::CommitBatch batch) override;
  bool Step(bool try_only) override;
  void WaitForWork() override;
  void Wake() override;
  void SetListener(log::TopicPartition partition, std::function<void()> listener) override;
  absl::Status health() const override;
  absl::Status Close() override;

 private:
  using Words = std::shared_ptr<const std::vector<log::Word>>;
  using Told = std::vector<std::function<void()>>;

  // One command or one batch, in the order in which they came.
  struct Item {
    log::TopicPartition partition;  // a batch: of its events
    std::vector<Words> messages;
    std::int64_t time_ns = 0;
    std::size_t bytes = 0;
    std::shared_ptr<log::Ticket> ticket;
    bool batch = false;
    log::TopicPartition commands;
    Offset consumed;
    bool lost = false;  // its result will be
    std::function<void(const log::CommitResult&)> done;
  };
  struct Command {  // as Poll() hands it out
    std::uint64_t offset = 0;
    std::int64_t time_ns = 0;
    Words words;
    std::shared_ptr<log::Ticket> ticket;
  };

  SimulatedLog(std::shared_ptr<SimulatedDisk> disk, SimulatedLogOptions options);

  bool Coin(double probability);
  bool StepLocked(bool all, Told* told);
  void AbortBatch(std::size_t index, log::CommitOutcome outcome, Told* told);
  // The offsets of its records.
  std::vector<Offset> MakeDurable(const Item& item, std::int64_t frame_time_ns);
  static log::CommitResult Committed(std::vector<Offset> offsets);
  void StopLocked(absl::Status why, Told* told);
  absl::Status CheckBatch(const log::CommitBatch& batch) const;
  absl::Status CheckPartition(log::TopicPartition partition) const;
  const log::TopicInfo& Topic(log::TopicPartition partition) const;
  std::uint64_t DurableEnd(log::TopicPartition partition) const;
  absl::StatusOr<Offset> Collect(log::TopicPartition partition, std::uint64_t from,
                                 std::uint64_t limit, std::size_t max_bytes,
                                 std::vector<log::Record>* out);
  void AddListener(log::TopicPartition partition, Told* told);

  const std::shared_ptr<SimulatedDisk> disk_;
  const SimulatedLogOptions options_;

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  std::deque<Item> pending_;
  std::size_t pending_bytes_ = 0;
  // Commands of this process from the consumed position on, durable or not.
  std::map<log::TopicPartition, std::deque<Command>> commands_;
  std::map<log::TopicPartition, std::uint64_t> next_;
  std::map<log::TopicPartition, absl::Status> read_errors_;
  Told refused_;  // told by the next Step()
  std::set<log::TopicPartition> polled_;
  std::set<log::TopicPartition> fetching_;  // their listeners, too
  absl::Status stopped_;
  bool crashed_ = false;
  bool closed_ = false;
  bool full_ = false;
  std::optional<log::CommitOutcome> abort_next_;
  int unknown_next_ = 0;  // 1: not durable, 2: durable
  std::function<absl::Status()> barrier_;

  std::mutex step_mutex_;
  std::mutex listeners_mutex_;  // held while one runs
  std::map<log::TopicPartition, std::function<void()>> listeners_;
  bool signalled_ = false;
  std::condition_variable work_;
};

}  // namespace commander::test
