// Rows of the stores: of partitions, states, remembered ids, parked queues and projections.
#include "store/layout.h"
#include "tests/fuzz/fuzz.h"

namespace commander::test {

std::vector<std::string> FuzzSeeds() {
  const std::uint64_t state[3] = {1, 2, 3};
  const store::RememberedId ids[2] = {{{1, 2}, 3, {4}, 5, false}, {{6, 7}, 8, {9}, 10, true}};
  return {store::EncodePartition({}),      store::EncodeState(7, state),
          store::EncodeState(8, {}, true), store::EncodeIds(ids),
          store::EncodeQueue({3}),         store::EncodeProjection(state, true)};
}

FUZZ(std::string_view bytes) {
  if (const auto row = store::DecodePartition(bytes); row.ok()) {
    Demand(store::EncodePartition(*row) == bytes, "a partition is written as it was read");
  }
  if (const auto row = store::DecodeState(bytes); row.ok()) {
    Demand(store::EncodeState(row->version, row->state, row->sealed) == bytes,
           "a state is written as it was read");
  }
  if (const auto ids = store::DecodeIds(bytes); ids.ok()) {
    Demand(store::EncodeIds(*ids) == bytes, "ids are written as they were read");
  }
  if (const auto row = store::DecodeProjection(bytes); row.ok()) {
    Demand(store::EncodeProjection(row->row, row->sealed) == bytes,
           "a row is written as it was read");
  }
  store::DecodeQueue(store::QueueKey("acct-1", {1}), bytes).IgnoreError();
  store::DecodeQueue(bytes, store::EncodeQueue({1})).IgnoreError();
  store::TopicOfPartitionKey(bytes).IgnoreError();
  for (const std::string& key :
       {store::PartitionKey(), store::PartitionKey("accounts-events", 1), store::StateKey("a"),
        store::IdBlockKey(1), store::QueueKey("a", {1}), store::ProjectionKey("a")}) {
    store::CheckRow(key, bytes).IgnoreError();
  }
  store::CheckRow(bytes, bytes).IgnoreError();
}

}  // namespace commander::test
