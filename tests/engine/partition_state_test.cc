// What a partition knows, folded from its outcomes.
#include "engine/partition_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/partitioner.h"
#include "tests/support/bank.h"
#include "tests/support/memory_store.h"
#include "tests/support/status_matchers.h"

namespace commander::internal {
namespace {

using test::IsOk;
using test::StatusIs;
using ::testing::HasSubstr;

class PartitionStateTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(state_.Load(&refold_), IsOk()); }

  static PartitionOptions Options() {
    PartitionOptions options;
    options.dedup_window_ns = 1'000'000;
    return options;
  }
  // Folds the only record of an outcome of command `source`.
  absl::Status FoldNothing(std::uint64_t offset, std::uint64_t source) {
    OutcomeHeader header;
    header.kind = MessageKind::kNothing;
    header.key = "a";
    header.source = {source};
    header.cause = MessageId::FromText(std::to_string(source));
    header.id = MessageId::Derive(header.cause, "nothing", 0);
    log::EntryBatch batch;
    AppendNothing(header, &batch);
    log::EntryWalk walk(batch.words());
    return state_.Fold({offset}, walk.Next(), {});
  }

  test::MemoryStoreFactory stores_;
  const std::unique_ptr<store::Store> store_ = *stores_.Open("store");
  const store::FamilyId family_ = *store_->OpenFamily("p0");
  const Sealing sealing_{false};
  PartitionState state_{Options(), StateFold<test::Account>(), sealing_, *store_, family_};
  std::string refold_;
};

// A parked command that was folded from the log was taken for one under way: it was read from the
// command topic, where it may be gone, instead of from its record of kind parked.
TEST_F(PartitionStateTest, KnowsWhereAParkedCommandIsThatItFolds) {
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
  ASSERT_THAT(state_.Fold({3}, walk.Next(), {.name = "bank.Misbehave"}), IsOk());

  const ParkedQueues::Queue* queue = state_.parked().Find("a");
  ASSERT_NE(queue, nullptr);
  EXPECT_EQ(queue->front().source, Offset{7});
  EXPECT_TRUE(queue->front().committed);
  EXPECT_EQ(queue->front().outcome, Offset{3});
}

TEST_F(PartitionStateTest, CountsRecordsWhateverGapsLieBetweenThem) {
  ASSERT_THAT(FoldNothing(2, 0), IsOk());
  EXPECT_EQ(state_.next(), Offset{3});
  ASSERT_THAT(FoldNothing(10, 1), IsOk());
  EXPECT_EQ(state_.next(), Offset{11});
  EXPECT_EQ(state_.consumed(), Offset{2});
  EXPECT_EQ(state_.unsaved_records(), 2u);
  state_.CommitBatch(3, {20}, {}, 0);
  EXPECT_EQ(state_.next(), Offset{21});
  EXPECT_EQ(state_.unsaved_records(), 5u);

  ASSERT_THAT(store_->Write(family_, state_.TakeWriteBack().batch), IsOk());
  EXPECT_EQ(state_.unsaved_records(), 0u);
  ASSERT_THAT(state_.Load(&refold_), IsOk());
  EXPECT_EQ(state_.next(), Offset{21});
  EXPECT_EQ(state_.unsaved_records(), 0u);
}

TEST_F(PartitionStateTest, RefusesARecordBelowWhatItHasFolded) {
  ASSERT_THAT(FoldNothing(2, 0), IsOk());
  for (const std::uint64_t below : {0, 2}) {
    EXPECT_THAT(FoldNothing(below, 1),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("offset " + std::to_string(below) + ": it came again")));
  }
  EXPECT_EQ(state_.next(), Offset{3});
  EXPECT_EQ(state_.consumed(), Offset{1});
  EXPECT_EQ(state_.unsaved_records(), 1u);
  EXPECT_THAT(FoldNothing(3, 1), IsOk());
}

// Partitions were added to the group's topics, and it was opened with the new number: the old ones
// kept keys that the new ones knew nothing of.
TEST_F(PartitionStateTest, RefusesWhatIsOfAnotherPartition) {
  PartitionOptions options = Options();
  options.partitions = 2;
  PartitionState state(options, StateFold<test::Account>(), sealing_, *store_, family_);
  ASSERT_THAT(state.Load(&refold_), IsOk());
  std::string key[2];  // by partition
  for (char name = 'a'; key[0].empty() || key[1].empty(); ++name) {
    key[PartitionOf(std::string(1, name), 2)] = name;
  }
  const auto fold = [&](const std::string& of) {
    OutcomeHeader header;
    header.kind = MessageKind::kEvent;
    header.version = 1;
    header.key = of;
    header.cause = MessageId::FromText(of);
    header.id = MessageId::Derive(header.cause, "event", 0);
    EventDraft draft(TypeOf<bank::Deposited>());
    draft.payload().initAs<bank::Deposited>();
    const FinishedMessage message = Finish(draft, header);
    return state.Fold(state.next(), message.words(), {.name = "bank.Deposited"});
  };
  EXPECT_THAT(fold(key[0]), IsOk());
  const auto refused = StatusIs(absl::StatusCode::kFailedPrecondition,
                                HasSubstr("its key belongs to partition 1 of 2"));
  EXPECT_THAT(fold(key[1]), refused);

  store::Batch batch;
  batch.Put(store::PartitionKey(), store::EncodePartition({}));
  batch.Put(store::StateKey(key[0]), store::EncodeState(1, {}));
  ASSERT_THAT(store_->Write(family_, batch), IsOk());
  EXPECT_THAT(state.Load(&refold_), IsOk());
  batch.Put(store::StateKey(key[1]), store::EncodeState(1, {}));
  ASSERT_THAT(store_->Write(family_, batch), IsOk());
  EXPECT_THAT(state.Load(&refold_), refused);
}

}  // namespace
}  // namespace commander::internal
