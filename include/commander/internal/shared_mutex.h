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

#include <cstdlib>

namespace commander::internal {

// Not recursive: a reader that locks again waits for a writer that waits for it.  Where the lock
// cannot be had (EDEADLK: this thread writes already, EAGAIN: too many readers) the program is
// aborted: nobody goes on without it.
class SharedMutex {
 public:
  SharedMutex() {
    pthread_rwlockattr_t kind;
    Require(pthread_rwlockattr_init(&kind));
    Require(pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP));
    Require(pthread_rwlock_init(&lock_, &kind));
    Require(pthread_rwlockattr_destroy(&kind));
  }
  ~SharedMutex() { Require(pthread_rwlock_destroy(&lock_)); }
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;

  void lock() { Require(pthread_rwlock_wrlock(&lock_)); }
  void unlock() { Require(pthread_rwlock_unlock(&lock_)); }
  void lock_shared() { Require(pthread_rwlock_rdlock(&lock_)); }
  void unlock_shared() { Require(pthread_rwlock_unlock(&lock_)); }

 private:
  static void Require(int error) {
    if (error != 0) std::abort();
  }

  pthread_rwlock_t lock_;
};

}  // namespace commander::internal
