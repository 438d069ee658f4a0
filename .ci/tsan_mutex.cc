// Tells the thread sanitizer of the locks of abseil, whose installed library is not instrumented:
// without it whatever such a lock guards is reported as a race.  Part of each program of
// tsan.cmake, whose functions a linker prefers to those of the shared library.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdlib>

#include "absl/synchronization/mutex.h"

namespace {

using Function = void (*)(absl::Mutex*);

// The function of the library that has the name of `ours`.
template <typename Member>
Function Library(Member ours) {
  void* address = nullptr;
  static_assert(sizeof(ours) >= sizeof(address));
  __builtin_memcpy(&address, &ours, sizeof(address));
  Dl_info info{};
  if (dladdr(address, &info) == 0 || info.dli_sname == nullptr) std::abort();
  void* const found = dlsym(RTLD_NEXT, info.dli_sname);
  if (found == nullptr) std::abort();
  return reinterpret_cast<Function>(found);
}

}  // namespace

void absl::Mutex::Lock() {
  static const Function lock = Library(&absl::Mutex::Lock);
  __tsan_mutex_pre_lock(this, 0);
  lock(this);
  __tsan_mutex_post_lock(this, 0, 0);
}

void absl::Mutex::Unlock() {
  static const Function unlock = Library(&absl::Mutex::Unlock);
  __tsan_mutex_pre_unlock(this, 0);
  unlock(this);
  __tsan_mutex_post_unlock(this, 0);
}

void absl::Mutex::ReaderLock() {
  static const Function lock = Library(&absl::Mutex::ReaderLock);
  __tsan_mutex_pre_lock(this, __tsan_mutex_read_lock);
  lock(this);
  __tsan_mutex_post_lock(this, __tsan_mutex_read_lock, 0);
}

void absl::Mutex::ReaderUnlock() {
  static const Function unlock = Library(&absl::Mutex::ReaderUnlock);
  __tsan_mutex_pre_unlock(this, __tsan_mutex_read_lock);
  unlock(this);
  __tsan_mutex_post_unlock(this, __tsan_mutex_read_lock);
}

// RocksDB's threads and locks are those of a library that is not instrumented either.
extern "C" const char* __tsan_default_suppressions() { return "race:librocksdb.so\n"; }
