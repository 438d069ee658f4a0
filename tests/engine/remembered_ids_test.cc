// Which commands are remembered, and where.
#include "engine/remembered_ids.h"

#include <gtest/gtest.h>

#include "tests/support/memory_store.h"
#include "tests/support/status_matchers.h"

namespace commander::internal {
namespace {

using test::IsOk;
using test::MemoryStoreFactory;

class RememberedIdsTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kWindow = 1'000;
  static constexpr std::size_t kBlock = 2;

  RememberedIdsTest() : store_(*stores_.Open("store")), family_(*store_->OpenFamily("p0")) {}

  static MessageId Id(std::uint64_t n) { return MessageId::FromText(std::to_string(n)); }
  static absl::Status Remember(RememberedIds& ids, std::uint64_t n, std::int64_t asked_ns = 0) {
    store::RememberedId id;
    id.id = Id(n);
    id.outcome = {n};
    id.asked_ns = asked_ns;
    return ids.Remember(id, false);
  }
  void Write(const store::Batch& batch) { ASSERT_THAT(store_->Write(family_, batch), IsOk()); }

  MemoryStoreFactory stores_;
  const std::unique_ptr<store::Store> store_;
  const store::FamilyId family_;
};

// A block was dropped from memory while its write-back was still on the way, and could not be read.
TEST_F(RememberedIdsTest, KeepsWhatIsOnItsWayToTheStore) {
  RememberedIds ids(*store_, family_, kWindow, 1, kBlock);
  ASSERT_THAT(ids.Load(), IsOk());
  for (std::uint64_t n = 0; n < 40; ++n) ASSERT_THAT(Remember(ids, n), IsOk());
  store::Batch batch;
  ids.TakeChanges(&batch);
  for (std::uint64_t n = 40; n < 60; ++n) ASSERT_THAT(Remember(ids, n), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto found, ids.Find(Id(0), 0));
  EXPECT_TRUE(found.has_value());

  Write(batch);
  ids.Written();
  for (std::uint64_t n = 0; n < 60; ++n) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto again, ids.Find(Id(n), 0));
    ASSERT_TRUE(again.has_value()) << n;
    EXPECT_EQ(again->id.outcome.value, n);
  }
}

}  // namespace
}  // namespace commander::internal
