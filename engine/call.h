// call.h: one command that was sent from this process, until its sender has been told.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "commander/id.h"
#include "commander/outcome.h"
#include "engine/log/log.h"

namespace commander::internal {

// Bounds what is sent and not answered, for the whole engine.  Thread-safe.
class Outstanding {
 public:
  Outstanding(std::size_t max_count, std::size_t max_bytes)
      : max_count_(max_count), max_bytes_(max_bytes) {}

  // False: no room.
  bool TryTake(std::size_t bytes);
  // Waits for room until `deadline` or a stop; false: none.
  bool Take(std::size_t bytes, absl::Time deadline, const std::stop_token& stop);
  void Give(std::size_t bytes);
  std::size_t count() const;
  // Waits until nothing is outstanding; false at the deadline.
  bool WaitEmpty(absl::Time deadline);

 private:
  bool HasRoom(std::size_t bytes) const {
    return count_ < max_count_ && (count_ == 0 || bytes_ + bytes <= max_bytes_);
  }
  const std::size_t max_count_;
  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable_any room_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

// Completed once: by the worker with the outcome, by the log when it is durable (where that is all
// that is asked), by a deadline, or by Close.  Holds its share of Outstanding until the log is done
// with the command, whether or not its sender still waits.  Thread-safe.
class Call final : public log::Ticket {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<Outcome>)>;
  enum class Wants { kOutcome, kDurable };

  Call(Outstanding& outstanding, std::size_t bytes, MessageId id, Wants wants, Done done)
      : outstanding_(outstanding), bytes_(bytes), id_(id), wants_(wants), done_(std::move(done)) {}
  ~Call() override { outstanding_.Give(bytes_); }

  const MessageId& id() const { return id_; }
  // Somebody still waits for the outcome.
  bool wants_outcome() const {
    return wants_ == Wants::kOutcome && !completed_.load(std::memory_order_relaxed);
  }

  // The first of these counts; false: it had been completed before.
  bool Complete(absl::StatusOr<Outcome> result);

  // log::Ticket
  void OnDurable(Offset offset) override;
  void OnFailed(const absl::Status& status) override;

  // For callers that wait: nothing at the deadline or when stopped.
  std::optional<absl::StatusOr<Outcome>> Wait(absl::Time deadline, const std::stop_token& stop);

 private:
  Outstanding& outstanding_;
  const std::size_t bytes_;
  const MessageId id_;
  const Wants wants_;
  std::atomic<bool> completed_{false};
  Done done_;  // empty: somebody waits
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<absl::StatusOr<Outcome>> result_;
};

}  // namespace commander::internal
