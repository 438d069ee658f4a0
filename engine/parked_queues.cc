#include "engine/parked_queues.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "commander/internal/status_macros.h"
#include "store/layout.h"

namespace commander::internal {
namespace {

using Queues = std::map<std::string, ParkedQueues::Queue, std::less<>>;

// A queue is in the order of its sources.
ParkedQueues::Queue::iterator PlaceIn(ParkedQueues::Queue& queue, Offset source) {
  return std::lower_bound(
      queue.begin(), queue.end(), source,
      [](const ParkedCommand& command, Offset wanted) { return command.source < wanted; });
}

ParkedCommand* FindIn(Queues& queues, std::string_view key, Offset source) {
  const auto queue = queues.find(key);
  if (queue == queues.end()) return nullptr;
  const auto command = PlaceIn(queue->second, source);
  return command == queue->second.end() || command->source != source ? nullptr : &*command;
}

void Push(Queues& queues, std::string_view key, const ParkedCommand& command) {
  if (ParkedCommand* known = FindIn(queues, key, command.source)) {
    *known = command;
    return;
  }
  ParkedQueues::Queue& queue = queues[std::string(key)];
  queue.insert(PlaceIn(queue, command.source), command);
}

bool Pop(Queues& queues, std::string_view key, Offset source) {
  const auto queue = queues.find(key);
  if (queue == queues.end()) return false;
  const auto command = PlaceIn(queue->second, source);
  if (command == queue->second.end() || command->source != source) return false;
  queue->second.erase(command);
  if (queue->second.empty()) queues.erase(queue);
  return true;
}

}  // namespace

absl::Status ParkedQueues::Load(const store::Store& store, store::FamilyId family) {
  committed_.clear();
  changes_ = {};
  const std::string start = store::QueueKey({}, Offset{0}).substr(0, 1);
  const std::unique_ptr<store::Cursor> cursor = store.Scan(family, start, store::PrefixEnd(start));
  for (; cursor->Valid(); cursor->Next()) {
    COMMANDER_ASSIGN_OR_RETURN(const store::QueueRow row,
                               store::DecodeQueue(cursor->key(), cursor->value()));
    Push(committed_, row.key, {row.source, row.outcome, true});
  }
  staged_ = committed_;
  return cursor->status();
}

const ParkedQueues::Queue* ParkedQueues::Find(std::string_view key) const {
  if (staged_.empty()) return nullptr;  // the usual case
  const auto queue = staged_.find(key);
  return queue == staged_.end() ? nullptr : &queue->second;
}

void ParkedQueues::StagePush(std::string_view key, Offset source) {
  Push(staged_, key, {source, Offset{}, false});
}

void ParkedQueues::StagePop(std::string_view key, Offset source) { Pop(staged_, key, source); }

void ParkedQueues::DropStaged() { staged_ = committed_; }

void ParkedQueues::CommitPush(std::string_view key, Offset source, Offset outcome) {
  Push(committed_, key, {source, outcome, true});
  if (ParkedCommand* staged = FindIn(staged_, key, source)) *staged = {source, outcome, true};
  changes_.Put(store::QueueKey(key, source), store::EncodeQueue(outcome));
}

bool ParkedQueues::CommitPop(std::string_view key, Offset source) {
  if (!Pop(committed_, key, source)) return false;
  changes_.Delete(store::QueueKey(key, source));
  return true;
}

void ParkedQueues::TakeChanges(store::Batch* batch) {
  for (const store::Batch::Change& change : changes_.changes()) {
    if (change.value.has_value()) {
      batch->Put(change.key, *change.value);
    } else {
      batch->Delete(change.key);
    }
  }
  changes_ = {};
}

}  // namespace commander::internal
