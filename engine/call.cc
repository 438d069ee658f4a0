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
  if (!room_.wait_until(lock, stop, absl::ToChronoTime(deadline), room)) return false;
  ++count_;
  bytes_ += bytes;
  return true;
}

void Outstanding::Give(std::size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    --count_;
    bytes_ -= bytes;
  }
  room_.notify_all();
}

std::size_t Outstanding::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

bool Outstanding::WaitEmpty(absl::Time deadline) {
  std::unique_lock lock(mutex_);
  return room_.wait_until(lock, absl::ToChronoTime(deadline), [&] { return count_ == 0; });
}

bool Call::Complete(absl::StatusOr<Outcome> result) {
  if (completed_.exchange(true)) return false;
  if (!result.ok()) result = WithCommand(result.status(), id_);
  if (done_) {
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

std::optional<absl::StatusOr<Outcome>> Call::Wait(absl::Time deadline,
                                                  const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto there = [&] { return result_.has_value(); };
  changed_.wait_until(lock, stop, absl::ToChronoTime(deadline), there);
  return result_;
}

}  // namespace commander::internal
