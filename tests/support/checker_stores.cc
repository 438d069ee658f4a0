// The half of the checker that looks into stores.
#include <xxhash.h>

#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "store/layout.h"
#include "tests/support/bank.capnp.h"
#include "tests/support/checker_walk.h"

namespace commander::test {
namespace {

std::string Group(const GroupHistory& history, std::uint16_t partition) {
  return absl::StrCat("the store of ", history.group, "[", partition, "]");
}

// The words of a stored struct, as a message to read.
class StoredStruct {
 public:
  explicit StoredStruct(std::span<const std::uint64_t> words)
      : segment_{kj::arrayPtr(reinterpret_cast<const capnp::word*>(words.data()), words.size())},
        message_(kj::arrayPtr(segment_, 1)) {}
  template <class T>
  typename T::Reader get() {
    return message_.getRoot<T>();
  }

 private:
  kj::ArrayPtr<const capnp::word> segment_[1];
  capnp::SegmentArrayMessageReader message_;
};

}  // namespace

void Checker::CheckState(const store::StoreReader& store, store::FamilyId family,
                         std::uint16_t partition) {
  const std::string where = Group(history_, partition);
  const auto stored = store.Get(family, store::PartitionKey());
  if (!stored.ok()) return Violation(absl::StrCat(where, ": ", stored.status().ToString()));
  store::PartitionRow row;
  if (stored->has_value()) {
    const auto decoded = store::DecodePartition(**stored);
    if (!decoded.ok()) return Violation(absl::StrCat(where, ": ", decoded.status().ToString()));
    row = *decoded;
  }
  const PartitionHistory& history = history_.partitions[partition];
  if (row.next > history.end) {
    return Violation(absl::StrCat(where, " is ahead of the log: ", row.next.value));
  }
  PartitionWalk walk(history, options_, [](const std::string&) {});
  if (!walk.WalkTo(row.next)) {
    return Violation(absl::StrCat(where, " stands within an outcome: ", row.next.value));
  }
  const PartitionModel& model = walk.model();
  if (row.consumed != model.consumed || row.last_time_ns != model.time_ns ||
      row.last_asked_ns != model.asked_ns) {
    Violation(absl::StrCat(where, ": consumed position or times are not those of the log: ",
                           row.consumed.value, " for ", model.consumed.value));
  }
  std::map<std::string, ModelAccount> expected;
  for (const auto& [key, account] : model.accounts) {
    if (account.version > 0) expected.emplace(key, account);
  }
  const std::string start = store::StateKey("");
  const auto cursor = store.Scan(family, start, store::PrefixEnd(start));
  for (; cursor->Valid(); cursor->Next()) {
    const std::string key(store::KeyOfState(cursor->key()));
    const auto decoded = store::DecodeState(cursor->value());
    const auto at = expected.find(key);
    if (!decoded.ok() || at == expected.end()) {
      Violation(absl::StrCat(where, ": the state of ", key, " is damaged or of nobody"));
      continue;
    }
    const ModelAccount& account = at->second;
    bool same = decoded->version == account.version && !decoded->state.empty() == account.exists;
    if (same && account.exists) {
      StoredStruct state(decoded->state);
      same = state.get<bank::Account>().getCents() == account.cents &&
             account.owner == state.get<bank::Account>().getOwner().cStr();
    }
    if (!same) {
      Violation(absl::StrCat(where, " at event offset ", row.next.value, ": the state of ", key,
                             " is not the fold of the log, which has version ", account.version,
                             ", the store ", decoded->version));
    }
    expected.erase(at);
  }
  for (const auto& [key, account] : expected) {
    Violation(absl::StrCat(where, " at event offset ", row.next.value, ": the state of ", key,
                           " is missing"));
  }
  CheckIds(model, store, family, where);
  CheckQueues(model, store, family, where);
}

void Checker::CheckIds(const PartitionModel& model, const store::StoreReader& store,
                       store::FamilyId family, const std::string& where) {
  std::map<std::pair<std::uint64_t, MessageId>, const PartitionModel::Remembered*> expected;
  for (const auto& [key_id, remembered] : model.ids) {
    expected[{XXH3_64bits(key_id.first.data(), key_id.first.size()), key_id.second}] = &remembered;
  }
  std::set<std::pair<std::uint64_t, MessageId>> there;
  const std::string start = store::IdBlockKey(0).substr(0, 1);
  const auto cursor = store.Scan(family, start, store::PrefixEnd(start));
  for (; cursor->Valid(); cursor->Next()) {
    const auto ids = store::DecodeIds(cursor->value());
    if (!ids.ok()) return Violation(absl::StrCat(where, ": ", ids.status().ToString()));
    for (const store::RememberedId& id : *ids) {
      const auto at = expected.find({id.key_hash, id.id});
      // A text id that ran again after the window may have an older row, too.
      if (at == expected.end() || id.outcome > at->second->outcome) {
        Violation(absl::StrCat(where, " remembers ", id.id.ToString(), " wrongly"));
        continue;
      }
      if (id.outcome != at->second->outcome) continue;
      if (id.parked != at->second->parked) {
        Violation(absl::StrCat(where, " remembers ", id.id.ToString(), " wrongly as parked"));
      }
      there.insert(at->first);
    }
  }
  for (const auto& [key_id, remembered] : expected) {
    const bool needed = remembered->parked ||
                        model.asked_ns - remembered->asked_ns <= options_.min_window_ns + kSkewNs;
    if (needed && !there.contains(key_id)) {
      Violation(absl::StrCat(where, " has forgotten ", key_id.second.ToString(), " of source ",
                             remembered->source.value));
    }
  }
}

void Checker::CheckQueues(const PartitionModel& model, const store::StoreReader& store,
                          store::FamilyId family, const std::string& where) {
  std::map<std::string, std::deque<Offset>> queues;
  const std::string start = store::QueueKey({}, Offset{0}).substr(0, 1);
  const auto cursor = store.Scan(family, start, store::PrefixEnd(start));
  for (; cursor->Valid(); cursor->Next()) {
    const auto row = store::DecodeQueue(cursor->key(), cursor->value());
    if (!row.ok()) return Violation(absl::StrCat(where, ": ", row.status().ToString()));
    queues[row->key].push_back(row->source);
    const auto at = model.parked_at.find(row->source);
    if (at == model.parked_at.end() || at->second != row->outcome) {
      Violation(absl::StrCat(where, ": the parked command ", row->source.value,
                             " is not in the log where the store says"));
    }
  }
  if (queues != model.queues) Violation(absl::StrCat(where, ": parked queues are others"));
}

void Checker::CheckBalances(const store::StoreReader& store, store::FamilyId family) {
  std::map<std::string, ModelBalance> expected;
  for (std::uint16_t p = 0; p < history_.partitions.size(); ++p) {
    const auto stored =
        store.Get(family, store::PartitionKey(absl::StrCat(history_.group, "-events"), p));
    if (!stored.ok()) return Violation(stored.status().ToString());
    if (!stored->has_value()) continue;
    const auto row = store::DecodePartition(**stored);
    if (!row.ok()) return Violation(row.status().ToString());
    if (row->next > history_.partitions[p].end) Violation("a projection is ahead of the log");
    for (const LoggedOutcome& outcome : history_.partitions[p].outcomes) {
      Offset offset = outcome.first;
      for (const LoggedEvent& event : outcome.events) {
        if (offset < row->next) expected[outcome.key].Apply(event);
        ++offset;
      }
    }
  }
  std::erase_if(expected, [](const auto& row) { return !row.second.exists; });
  std::map<std::string, ModelBalance> found;
  const std::string start = store::ProjectionKey("");
  const auto cursor = store.Scan(family, start, store::PrefixEnd(start));
  for (; cursor->Valid(); cursor->Next()) {
    const auto row = store::DecodeProjection(cursor->value());
    if (!row.ok()) return Violation(row.status().ToString());
    StoredStruct balance(row->row);
    const auto reader = balance.get<bank::Balance>();
    found[std::string(store::KeyOfProjection(cursor->key()))] = {true, reader.getCents(),
                                                                 reader.getEvents()};
  }
  if (found != expected) {
    Violation(absl::StrCat("the projection has ", found.size(), " rows, a fold of the log ",
                           expected.size(), ", or they differ"));
  }
}

}  // namespace commander::test
