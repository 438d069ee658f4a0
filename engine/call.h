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
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "commander/id.h"
#include "commander/outcome.h"
#include "engine/log/log.h"

namespace commander::internal {

class Call;

// What is sent and not answered, of the whole engine, and the bound on it.  Thread-safe.
class Outstanding {
 public:
  Outstanding(std::size_t max_count, std::size_t max_bytes)
      : max_count_(max_count), max_bytes_(max_bytes) {}

  // Takes room for the call.  False: there is none.
  bool TryAdd(Call& call);
  // Waits for room until the call's deadline or a stop; false: none.
  bool Add(Call& call, const std::stop_token& stop);
  std::size_t count() const;
  // Waits until every sender has been told; false at the deadline.
  bool WaitAnswered(absl::Time deadline);
  // All calls that exist.
  std::vector<std::shared_ptr<Call>> Live() const;

  using Callback = absl::AnyInvocable<void()>;
  // Callbacks run on threads of the engine alone, since whoever sends may hold what they want.
  // Those that come up on another thread go to `run`; without one they run where they come up.
  void SetCallbackThread(std::function<void(Callback)> run) { run_elsewhere_ = std::move(run); }
  // This thread is one of the engine's, for as long as it lives.
  void TakeThread() { engine_of_thread_ = this; }
  bool OnItsThread() const { return engine_of_thread_ == this; }

 private:
  friend class Call;
  void Link(Call& call);
  void Remove(Call& call);
  void Answered();
  bool HasRoom(std::size_t bytes) const {
    return count_ < max_count_ && (count_ == 0 || bytes_ + bytes <= max_bytes_);
  }
  const std::size_t max_count_;
  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable_any room_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  std::size_t waiting_ = 0;
  Call* first_ = nullptr;
  std::atomic<std::size_t> unanswered_{0};
  std::atomic<bool> awaited_{false};  // somebody is in WaitAnswered()
  std::function<void(Callback)> run_elsewhere_;
  inline static thread_local const Outstanding* engine_of_thread_ = nullptr;
};

// Completed once: by the worker with the outcome, by the log when it is durable (where that is all
// that is asked), by a deadline, or by Close.  Holds its share of Outstanding until the log is done
// with the command, whether or not its sender still waits.  Thread-safe.
class Call final : public log::Ticket, public std::enable_shared_from_this<Call> {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<Outcome>)>;
  enum class Wants { kOutcome, kDurable };

  // Without `done` its sender calls Wait().  Not counted before Outstanding::Add().
  Call(Outstanding& outstanding, std::size_t bytes, MessageId id, Wants wants, absl::Time now,
       absl::Duration timeout, Done done);
  ~Call() override;

  const MessageId& id() const { return id_; }
  absl::Time deadline() const { return deadline_; }
  absl::Duration timeout() const { return timeout_; }
  // Nobody waits on a thread of his own: the engine watches the deadline.
  bool has_callback() const { return waiter_ == nullptr; }
  // Somebody still waits for the outcome.
  bool wants_outcome() const {
    return wants_ == Wants::kOutcome && !completed_.load(std::memory_order_relaxed);
  }

  // The first of these counts; false: it had been completed before.
  bool Complete(absl::StatusOr<Outcome> result);

  // The log has it: whatever happens now, its sender is told.
  void MarkSent() { sent_ = true; }

  // log::Ticket
  void OnDurable(Offset offset) override;
  void OnFailed(const absl::Status& status) override;

  // For callers that wait: the result, or, at the deadline or when stopped, what `give_up` says.
  absl::StatusOr<Outcome> Wait(const std::stop_token& stop,
                               const std::function<absl::Status()>& give_up);
  bool completed() const { return completed_.load(std::memory_order_acquire); }

 private:
  friend class Outstanding;
  // Only for a sender that waits: a condition variable costs an allocation.
  struct Waiter {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::optional<absl::StatusOr<Outcome>> result;
  };
  void CallBackElsewhere(absl::StatusOr<Outcome> result);
  Outstanding& outstanding_;
  const std::size_t bytes_;
  const MessageId id_;
  const Wants wants_;
  const absl::Duration timeout_;
  const absl::Time deadline_;
  std::atomic<bool> completed_{false};
  Done done_;
  const std::unique_ptr<Waiter> waiter_;
  bool counted_ = false;
  bool sent_ = false;
  // Of the list of Outstanding, under its mutex.
  Call* previous_ = nullptr;
  Call* next_ = nullptr;
};

}  // namespace commander::internal
