// shared_mutex.h: a std::shared_mutex whose writers do not starve.
//
//     const std::shared_lock lock(mutex_);  // a reader
//     const std::unique_lock lock(mutex_);  // a writer
//
// That of libstdc++ lets readers in as long as there are any.  absl::Mutex is no choice: Debian 13
// builds abseil with its detection of deadlocks, but its header tells that of no mutex's end where
// NDEBUG is defined, so that the program is aborted when a new mutex has the address of an old one.
#pragma once

#include <pthread.h>

namespace commander::internal {

// Not recursive: a reader that locks again waits for a writer that waits for it.
class SharedMutex {
 public:
  SharedMutex() {
    pthread_rwlockattr_t kind;
    pthread_rwlockattr_init(&kind);
    pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&lock_, &kind);
    pthread_rwlockattr_destroy(&kind);
  }
  ~SharedMutex() { pthread_rwlock_destroy(&lock_); }
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;

  void lock() { pthread_rwlock_wrlock(&lock_); }
  void unlock() { pthread_rwlock_unlock(&lock_); }
  void lock_shared() { pthread_rwlock_rdlock(&lock_); }
  void unlock_shared() { pthread_rwlock_unlock(&lock_); }

 private:
  pthread_rwlock_t lock_;
};

}  // namespace commander::internal
