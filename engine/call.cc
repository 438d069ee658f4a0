#include "engine/call.h"

#include "engine/errors.h"

namespace commander::internal {

bool Outstanding::TryAdd(Call& call) {
  const std::lock_guard lock(mutex_);
  if (!HasRoom(call.bytes_)) return false;
  Link(call);
  return true;
}

bool Outstanding::Add(Call& call, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto room = [&] { return HasRoom(call.bytes_); };
  if (!room()) {
    ++waiting_;
    const bool there = room_.wait_until(lock, stop, absl::ToChronoTime(call.deadline()), room);
    --waiting_;
    if (!there) return false;
  }
  Link(call);
  return true;
}

void Outstanding::Link(Call& call) {
  ++count_;
  bytes_ += call.bytes_;
  call.counted_ = true;
  ++unanswered_;
  call.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &call;
  first_ = &call;
}

void Outstanding::Remove(Call& call) {
  bool notify = false;
  {
    const std::lock_guard lock(mutex_);
    if (!call.counted_) return;
    if (call.previous_ != nullptr) call.previous_->next_ = call.next_;
    if (call.next_ != nullptr) call.next_->previous_ = call.previous_;
    if (first_ == &call) first_ = call.next_;
    --count_;
    bytes_ -= call.bytes_;
    notify = waiting_ > 0;
  }
  if (notify) room_.notify_all();
  if (!call.completed()) Answered();  // the log did not take it, and its sender knows
}

void Outstanding::Answered() {
  if (--unanswered_ > 0 || !awaited_) return;
  const std::lock_guard lock(mutex_);
  room_.notify_all();
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

bool Outstanding::WaitAnswered(absl::Time deadline) {
  std::unique_lock lock(mutex_);
  awaited_ = true;
  return room_.wait_until(lock, absl::ToChronoTime(deadline), [&] { return unanswered_ == 0; });
}

Call::Call(Outstanding& outstanding, std::size_t bytes, MessageId id, Wants wants, absl::Time now,
           absl::Duration timeout, Done done)
    : outstanding_(outstanding),
      bytes_(bytes),
      id_(id),
      wants_(wants),
      timeout_(timeout),
      deadline_(now + timeout),
      done_(std::move(done)),
      waiter_(done_ ? nullptr : std::make_unique<Waiter>()) {}

bool Call::Complete(absl::StatusOr<Outcome> result) {
  if (completed_.exchange(true)) return false;
  if (!result.ok()) result = WithCommand(result.status(), id_);
  if (waiter_ == nullptr) {
    if (outstanding_.run_elsewhere_ && !outstanding_.OnItsThread()) {
      CallBackElsewhere(std::move(result));
    } else {
      Done done = std::move(done_);
      done(std::move(result));
      outstanding_.Answered();
    }
    return true;
  }
  const std::lock_guard lock(waiter_->mutex);
  waiter_->result = std::move(result);
  outstanding_.Answered();
  // Inside the lock: the sender may take this object away as soon as it sees the result.
  waiter_->changed.notify_all();
  return true;
}

void Call::CallBackElsewhere(absl::StatusOr<Outcome> result) {
  outstanding_.run_elsewhere_(
      [done = std::move(done_), result = std::move(result), outstanding = &outstanding_]() mutable {
        done(std::move(result));
        outstanding->Answered();
      });
}

Call::~Call() {
  // The log let go of it at Close, and has no more to say.
  if (sent_ && waiter_ == nullptr && outstanding_.run_elsewhere_ && !completed_.exchange(true)) {
    CallBackElsewhere(WithCommand(
        WithCode(absl::CancelledError("the engine was closed; the outcome may still come"),
                 "commander.closed"),
        id_));
  }
  outstanding_.Remove(*this);
}

void Call::OnDurable(Offset) {
  if (wants_ == Wants::kDurable) Complete(Outcome());
}

void Call::OnFailed(const absl::Status& status) { Complete(status); }

absl::StatusOr<Outcome> Call::Wait(const std::stop_token& stop,
                                   const std::function<absl::Status()>& give_up) {
  std::unique_lock lock(waiter_->mutex);
  const auto there = [&] { return waiter_->result.has_value(); };
  if (there() || waiter_->changed.wait_until(lock, stop, absl::ToChronoTime(deadline_), there)) {
    return *std::move(waiter_->result);
  }
  lock.unlock();
  Complete(give_up());  // unless somebody else just has
  lock.lock();
  waiter_->changed.wait(lock, there);
  return *std::move(waiter_->result);
}

}  // namespace commander::internal
