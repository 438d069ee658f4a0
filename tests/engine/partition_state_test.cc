// What a partition knows, folded from its outcomes.
#include "engine/partition_state.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/bank.h"
#include "tests/support/memory_store.h"
#include "tests/support/status_matchers.h"

namespace commander::internal {
namespace {

using test::IsOk;

// A parked command that was folded from the log was taken for one under way: it was read from the
// command topic, where it may be gone, instead of from its record of kind parked.
TEST(PartitionStateTest, KnowsWhereAParkedCommandIsThatItFolds) {
  test::MemoryStoreFactory stores;
  const std::unique_ptr<store::Store> store = *stores.Open("store");
  const store::FamilyId family = *store->OpenFamily("p0");
  PartitionOptions options;
  options.dedup_window_ns = 1'000'000;
  const Sealing sealing(false);
  PartitionState state(options, StateFold<test::Account>(), sealing, *store, family);
  std::string refold;
  ASSERT_THAT(state.Load(&refold), IsOk());

  OutcomeHeader header;
  header.kind = MessageKind::kParked;
  header.key = "a";
  header.source = {7};
  header.cause = MessageId::FromText("one");
  header.id = MessageId::Derive(header.cause, "parked", 0);
  const std::vector<Word> command(4);
  log::EntryBatch batch;
  AppendParked(header, command, "failed", "it fails", &batch);
  log::EntryWalk walk(batch.words());
  ASSERT_THAT(state.Fold(walk.Next(), {.name = "bank.Misbehave"}), IsOk());

  const ParkedQueues::Queue* queue = state.parked().Find("a");
  ASSERT_NE(queue, nullptr);
  EXPECT_EQ(queue->front().source, Offset{7});
  EXPECT_TRUE(queue->front().committed);
  EXPECT_EQ(queue->front().outcome, Offset{0});
}

}  // namespace
}  // namespace commander::internal
