#include "tests/support/memory_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/store/store_conformance.h"
#include "tests/support/status_matchers.h"

namespace commander::test {
namespace {

class MemoryHarness : public StoreHarness {
 public:
  store::StoreFactory& factory() override { return factory_; }
  void Crash(std::uint64_t seed) override { factory_.Crash(seed); }

 private:
  MemoryStoreFactory factory_;
};

INSTANTIATE_TEST_SUITE_P(Memory, StoreConformanceTest, ::testing::Values([] {
                           return std::unique_ptr<StoreHarness>(new MemoryHarness);
                         }));

// How many of `batches` batches that were not flushed a crash with `seed` leaves.
int LeftBy(std::uint64_t seed, int batches) {
  MemoryStoreFactory disk;
  auto store = *disk.Open("store/accounts");
  const store::FamilyId family = *store->OpenFamily("p0");
  for (int i = 1; i <= batches; ++i) {
    store::Batch batch;
    batch.Put("m", absl::StrCat(i));
    EXPECT_THAT(store->Write(family, batch), IsOk());
  }
  disk.Crash(seed);
  store = *disk.Open("store/accounts");
  return std::stoi((*store->Get(*store->OpenFamily("p0"), "m")).value_or("0"));
}

TEST(MemoryStoreTest, CrashesTheSameFromTheSameSeedAndReachesBothEnds) {
  bool all = false;
  bool none = false;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const int left = LeftBy(seed, 4);
    EXPECT_EQ(left, LeftBy(seed, 4));
    all |= left == 4;
    none |= left == 0;
  }
  EXPECT_TRUE(all);
  EXPECT_TRUE(none);
}

TEST(MemoryStoreTest, AStoreOfACrashedProcessDoesNothing) {
  MemoryStoreFactory disk;
  COMMANDER_ASSERT_OK_AND_ASSIGN(auto old, disk.Open("store/accounts"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const store::FamilyId family, old->OpenFamily("p0"));
  disk.Crash(0);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto store, disk.Open("store/accounts"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const store::FamilyId again, store->OpenFamily("p0"));
  store::Batch batch;
  batch.Put("a", "old");
  EXPECT_THAT(old->Write(family, batch), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(old->Flush(family), StatusIs(absl::StatusCode::kUnavailable));
  old.reset();
  EXPECT_THAT(store->Get(again, "a"), IsOkAndHolds(std::nullopt));
  // The old one's end does not count as the new one's.
  EXPECT_THAT(disk.Open("store/accounts"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(MemoryStoreTest, RemovesStoresThatAreNotOpen) {
  MemoryStoreFactory disk;
  COMMANDER_ASSERT_OK_AND_ASSIGN(auto store, disk.Open("store/accounts"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const store::FamilyId family, store->OpenFamily("p0"));
  (void)family;
  EXPECT_FALSE(disk.Remove("store/accounts"));
  store.reset();
  EXPECT_TRUE(disk.Remove("store/accounts"));
  EXPECT_FALSE(disk.Remove("store/accounts"));
  EXPECT_THAT(disk.Names(), IsOkAndHolds(::testing::IsEmpty()));
}

}  // namespace
}  // namespace commander::test
