// parked_queues.h: the commands of parked aggregates, in order, each aggregate its own queue.
//
// An aggregate is parked while its queue is not empty.  Staged: as the batches under way will leave
// the queues; committed: as the log has them.  Not thread-safe: whoever owns the partition calls.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "commander/position.h"
#include "store/store.h"

namespace commander::internal {

struct ParkedCommand {
  Offset source;           // of the command
  Offset outcome;          // of its record of kind parked …
  bool committed = false;  // … once that is known
};

class ParkedQueues {
 public:
  using Queue = std::deque<ParkedCommand>;

  absl::Status Load(const store::Store& store, store::FamilyId family);

  // As staged; null where the aggregate is not parked.
  const Queue* Find(std::string_view key) const;
  // As committed, in order of keys.
  const std::map<std::string, Queue, std::less<>>& committed() const { return committed_; }

  // A decision parks the command, or takes it out of its queue.
  void StagePush(std::string_view key, Offset source);
  void StagePop(std::string_view key, Offset source);
  void DropStaged();

  // The same, committed.  Pop() returns whether the command was parked.
  void CommitPush(std::string_view key, Offset source, Offset outcome);
  bool CommitPop(std::string_view key, Offset source);

  // What a write-back must put and delete so that the store holds the same.
  void TakeChanges(store::Batch* batch);

 private:
  std::map<std::string, Queue, std::less<>> committed_;
  std::map<std::string, Queue, std::less<>> staged_;
  store::Batch changes_;
};

}  // namespace commander::internal
