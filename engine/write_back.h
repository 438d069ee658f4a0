// write_back.h: brings changed states, remembered ids and queues of a partition into its store.
//
// Off the partition's thread: encoding and writing a hundred thousand states must not stop
// decisions. A write-back is one batch, taken at one boundary between commits, its position inside.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "engine/fold.h"
#include "engine/partition_state.h"
#include "engine/sealing.h"
#include "store/store.h"

namespace commander::internal {

struct WriteBackJob {
  const FoldType* fold = nullptr;
  const Sealing* sealing = nullptr;
  std::string group;
  store::Store* store = nullptr;
  store::FamilyId family;
  PartitionState::WriteBack taken;
  // Called once, from Step().
  std::function<void(absl::Status, PartitionState::WriteBack)> done;
};

// Jobs in order.  Thread-safe; one thread, or a simulation, calls Step().
class WriteBackQueue {
 public:
  void Push(WriteBackJob job);
  // Does one job; false: there is none.
  bool Step();
  // Waits for a job; false: closed, and none is left.
  bool Wait();
  void Close();

 private:
  static absl::Status Write(const WriteBackJob& job);
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<WriteBackJob> jobs_;
  bool closed_ = false;
};

}  // namespace commander::internal
