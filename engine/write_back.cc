#include "engine/write_back.h"

#include <utility>

#include "commander/internal/status_macros.h"
#include "store/layout.h"

namespace commander::internal {

void WriteBackQueue::Push(WriteBackJob job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_all();
}

bool WriteBackQueue::Step() {
  WriteBackJob job;
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.empty()) return false;
    job = std::move(jobs_.front());
    jobs_.pop_front();
  }
  absl::Status status = Write(job);
  job.done(std::move(status), std::move(job.taken));
  return true;
}

bool WriteBackQueue::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || !jobs_.empty(); });
  return !jobs_.empty();
}

void WriteBackQueue::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

absl::Status WriteBackQueue::Write(const WriteBackJob& job) {
  store::Batch batch = job.taken.batch;
  for (const auto& [entry, aggregate] : job.taken.states) {
    std::vector<Word> words;
    if (aggregate.state != nullptr) {
      COMMANDER_ASSIGN_OR_RETURN(words, SaveFold(*job.fold, aggregate.state.get()));
    }
    batch.Put(store::StateKey(entry->key), store::EncodeState(aggregate.version, words));
  }
  COMMANDER_RETURN_IF_ERROR(job.store->Write(job.family, batch));
  return job.store->Flush(job.family);
}

}  // namespace commander::internal
