#include "engine/call.h"

#include "engine/errors.h"

namespace commander::internal {

bool Outstanding::TryTake(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!HasRoom(bytes)) return false;
  ++count_;
  bytes_ += bytes;
  return true;
}

bool Outstanding::Take(std::size_t bytes, absl::Time deadline, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto room = [&] { return HasRoom(bytes); };
  ++waiting_;
  const bool there = room_.wait_until(lock, stop, absl::ToChronoTime(deadline), room);
  --waiting_;
  if (!there) return false;
  ++count_;
  bytes_ += bytes;
  return true;
}

void Outstanding::Add(Call* call) {
  const std::lock_guard lock(mutex_);
  call->next_ = first_;
  if (first_ != nullptr) first_->previous_ = call;
  first_ = call;
}

void Outstanding::Remove(Call* call, std::size_t bytes) {
  bool notify = false;
  {
    const std::lock_guard lock(mutex_);
    if (call->previous_ != nullptr) call->previous_->next_ = call->next_;
    if (call->next_ != nullptr) call->next_->previous_ = call->previous_;
    if (first_ == call) first_ = call->next_;
    --count_;
    bytes_ -= bytes;
    notify = waiting_ > 0;
  }
  if (notify) room_.notify_all();
}

std::vector<std::shared_ptr<Call>> Outstanding::Live() const {
  std::vector<std::shared_ptr<Call>> live;
  const std::lock_guard lock(mutex_);
  for (Call* call = first_; call != nullptr; call = call->next_) {
    // One whose last owner just let go waits for our lock, and is no more.
    if (std::shared_ptr<Call> held = call->weak_from_this().lock()) live.push_back(std::move(held));
  }
  return live;
}

std::size_t Outstanding::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

bool Outstanding::WaitEmpty(absl::Time deadline) {
  std::unique_lock lock(mutex_);
  ++waiting_;
  const bool empty =
      room_.wait_until(lock, absl::ToChronoTime(deadline), [&] { return count_ == 0; });
  --waiting_;
  return empty;
}

Call::Call(Outstanding& outstanding, std::size_t bytes, MessageId id, Wants wants,
           absl::Time deadline, Done done)
    : outstanding_(outstanding),
      bytes_(bytes),
      id_(id),
      wants_(wants),
      deadline_(deadline),
      has_callback_(static_cast<bool>(done)),
      done_(std::move(done)) {
  outstanding_.Add(this);
}

bool Call::Complete(absl::StatusOr<Outcome> result) {
  if (completed_.exchange(true)) return false;
  if (!result.ok()) result = WithCommand(result.status(), id_);
  if (has_callback_) {
    Done done = std::move(done_);
    done(std::move(result));
    return true;
  }
  {
    const std::lock_guard lock(mutex_);
    result_ = std::move(result);
    // Inside the lock: the waiter may take this object away as soon as it sees the result.
    changed_.notify_all();
  }
  return true;
}

void Call::OnDurable(Offset) {
  if (wants_ == Wants::kDurable) Complete(Outcome());
}

void Call::OnFailed(const absl::Status& status) { Complete(status); }

std::optional<absl::StatusOr<Outcome>> Call::Wait(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto there = [&] { return result_.has_value(); };
  changed_.wait_until(lock, stop, absl::ToChronoTime(deadline_), there);
  return result_;
}

}  // namespace commander::internal
