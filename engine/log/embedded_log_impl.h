// embedded_log_impl.h: the parts of the embedded log put together.
//
// Three locks, taken in this order: the right to step (one thread forms and writes
// frames), the catalog's (one thread makes topics and schemas), `mutex_` (everything
// in memory; held for microseconds, never while a file is touched).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/log/log.h"
#include "engine/log/opening.h"
#include "engine/log/options.h"
#include "engine/log/tail.h"

namespace commander::log {

class EmbeddedLog final : public Log {
 public:
  EmbeddedLog(EmbeddedLogOptions options, OpenedLog opened);
  ~EmbeddedLog() override;

  LogId id() const override { return id_; }
  absl::StatusOr<std::vector<TopicInfo>> Topics() override;
  absl::StatusOr<std::vector<Schema>> Schemas() override;
  absl::StatusOr<Offset> Begin(TopicPartition partition) override;
  absl::StatusOr<Offset> End(TopicPartition partition) override;
  absl::StatusOr<Offset> Poll(TopicPartition partition, Offset from, std::size_t max_bytes,
                              std::vector<Record>* out) override;
  absl::StatusOr<Record> Read(TopicPartition partition, Offset offset) override;
  absl::StatusOr<std::optional<Record>> ReadLast(TopicPartition partition) override;

  absl::StatusOr<std::uint16_t> OpenTopic(const TopicSettings& settings) override;
  absl::Status StoreSchema(const Schema& schema) override;
  void SetBarrier(std::function<absl::Status()> barrier) override;
  // The directory's lock says whose it is.
  absl::Status Acquire(std::string_view, std::uint16_t, std::uint16_t) override {
    return absl::OkStatus();
  }
  absl::Status Append(TopicPartition commands, std::span<const Word> message,
                      std::shared_ptr<Ticket> ticket, bool wake) override;
  std::vector<std::shared_ptr<Ticket>> TakeTickets(TopicPartition commands) override;
  void Commit(CommitBatch batch) override;
  bool Step(bool try_only) override;
  void WaitForWork() override;
  void Wake() override;
  void SetListener(TopicPartition partition, std::function<void()> listener) override;
  absl::Status health() const override;
  absl::Status Close() override;

 private:
  struct Listener {
    std::mutex mutex;  // held while the function runs
    std::function<void()> function;
  };
  // Callers that learn something, gathered under the lock and told without it.
  struct News {
    std::shared_ptr<PendingFrame> frame;  // that is synced
    std::vector<std::pair<std::shared_ptr<Ticket>, absl::Status>> failed;
    std::vector<std::pair<std::function<void(const CommitResult&)>, CommitResult>> refused;
    std::vector<std::shared_ptr<Listener>> listeners;
    std::vector<std::shared_ptr<PendingFrame>> forgotten;

    bool empty() const { return frame == nullptr && failed.empty() && refused.empty(); }
  };

  // The right to step, or false: another thread has it and `try_only`, or this one has it.
  bool TakeStepRight(bool try_only);
  void GiveStepRight();
  bool StepWithRight();
  // Writes `frame`, the one in flight.  True where that changed anything.
  absl::Status PassBarrier();
  bool WriteFrame(const std::shared_ptr<PendingFrame>& frame);
  void WriteIndexes();
  static void Tell(News news);

  absl::Status CheckBatch(const CommitBatch& batch) const;
  absl::Status Collect(TopicPartition partition, std::uint64_t from, std::uint64_t limit,
                       std::size_t max_bytes, std::vector<Record>* out);

  // With `mutex_` held.
  absl::Status CheckPartition(TopicPartition partition) const;
  std::uint64_t VisibleEnd(TopicPartition partition) const;
  // The log stops: nothing is written from now on.
  void Stop(absl::Status why);
  // Moves everything that can never be answered well to `news`.
  void GatherFailed(News* news);
  std::shared_ptr<Listener> ListenerOf(TopicPartition partition);
  void Signal();

  // ok unless this is a forked child of the process that opened the log.
  absl::Status CheckProcess() const;
  void Say(LogLevel level, std::string message) const;
  absl::Status PutCatalogFile(const std::string& directory, const std::string& name,
                              const std::string& bytes);

  const EmbeddedLogOptions options_;
  FileSystem& files_;
  const LogId id_;
  const std::int64_t process_;
  std::unique_ptr<DirectoryLock> directory_lock_;
  const std::unique_ptr<SegmentSet> segments_;
  std::unique_ptr<SegmentWriter> writer_;  // of whoever has the right to step

  std::mutex catalog_mutex_;

  mutable std::mutex mutex_;  // guards what follows
  std::map<std::uint16_t, TopicInfo> topics_;
  Tail tail_;
  std::shared_ptr<PendingFrame> in_flight_;
  std::vector<std::pair<std::function<void(const CommitResult&)>, CommitResult>> refused_;
  std::map<TopicPartition, std::shared_ptr<Listener>> listeners_;
  std::function<absl::Status()> barrier_;
  absl::Status stopped_;
  absl::Status no_space_;  // not ok: the frame in flight waits for space
  bool closed_ = false;

  // Stepping and waiting for work.
  bool stepping_ = false;
  std::thread::id stepper_;
  std::condition_variable step_free_;
  bool signalled_ = false;
  std::condition_variable work_;
};

}  // namespace commander::log
