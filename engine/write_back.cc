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
    const std::string& key = entry->key;
    const std::uint64_t version = aggregate.version;
    if (aggregate.state == nullptr) {
      batch.Put(store::StateKey(key), store::EncodeState(version, {}));
      continue;
    }
    COMMANDER_RETURN_IF_ERROR(job.sealing->Save(
        *job.fold, {.owner = job.group, .key = key}, aggregate,
        [&](bool sealed, std::span<const Word> words) {
          batch.Put(store::StateKey(key), store::EncodeState(version, words, sealed));
        }));
  }
  // A state must not be sealed by a key that a crash could take.
  COMMANDER_RETURN_IF_ERROR(job.sealing->SyncKeys());
  COMMANDER_RETURN_IF_ERROR(job.store->Write(job.family, batch));
  return job.store->Flush(job.family);
}

}  // namespace commander::internal
