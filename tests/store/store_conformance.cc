#include "tests/store/store_conformance.h"

#include <gmock/gmock.h>

#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace commander::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::Pair;

using store::Batch;
using store::Cursor;
using store::FamilyId;
using store::Store;
using store::StoreReader;

using Row = std::pair<std::string, std::string>;
using Rows = std::vector<Row>;

Batch Puts(const Rows& rows) {
  Batch batch;
  for (const auto& [key, value] : rows) batch.Put(key, value);
  return batch;
}

Rows Scan(const StoreReader& store, FamilyId family, std::string_view start = "",
          std::string_view end = "") {
  Rows rows;
  const std::unique_ptr<Cursor> cursor = store.Scan(family, start, end);
  for (; cursor->Valid(); cursor->Next()) rows.emplace_back(cursor->key(), cursor->value());
  EXPECT_THAT(cursor->status(), IsOk());
  return rows;
}

std::optional<std::string> Get(const StoreReader& store, FamilyId family, std::string_view key) {
  absl::StatusOr<std::optional<std::string>> value = store.Get(family, key);
  EXPECT_THAT(value, IsOk());
  return value.ok() ? *std::move(value) : std::nullopt;
}

TEST_P(StoreConformanceTest, ReadsWhatWasWritten) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto store, harness_->factory().Open("store/accounts"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, store->OpenFamily("p0"));
  EXPECT_EQ(Get(*store, family, "a"), std::nullopt);
  EXPECT_THAT(Scan(*store, family), IsEmpty());

  const std::string bytes("\0\xff\n", 3);
  EXPECT_THAT(store->Write(family, Puts({{"a", "1"}, {"b", ""}, {bytes, bytes}})), IsOk());
  EXPECT_THAT(Get(*store, family, "a"), Optional(std::string("1")));
  EXPECT_THAT(Get(*store, family, "b"), Optional(std::string()));
  EXPECT_THAT(Get(*store, family, bytes), Optional(bytes));
  EXPECT_EQ(Get(*store, family, "ab"), std::nullopt);
}

TEST_P(StoreConformanceTest, LaterChangesOfABatchWin) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto store, harness_->factory().Open("store/accounts"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, store->OpenFamily("p0"));
  EXPECT_THAT(store->Write(family, Puts({{"kept", "0"}, {"gone", "0"}})), IsOk());
  Batch batch;
  batch.Put("a", "1");
  batch.Put("a", "2");
  batch.Put("b", "1");
  batch.Delete("b");
  batch.Delete("c");
  batch.Put("c", "1");
  batch.Delete("gone");
  batch.Delete("never there");
  EXPECT_THAT(store->Write(family, batch), IsOk());
  EXPECT_THAT(store->Write(family, Batch()), IsOk());
  EXPECT_THAT(Scan(*store, family), ElementsAre(Row("a", "2"), Row("c", "1"), Row("kept", "0")));
  // A batch is the caller's and may be written again.
  EXPECT_THAT(store->Write(family, batch), IsOk());
  EXPECT_THAT(Scan(*store, family), ElementsAre(Row("a", "2"), Row("c", "1"), Row("kept", "0")));
}

TEST_P(StoreConformanceTest, ScansHalfOpenRangesInBytewiseOrder) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto store, harness_->factory().Open("store/accounts"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, store->OpenFamily("p0"));
  const std::string zero("a\0", 2);
  const Rows rows = {{"a", "1"},     {zero, "2"}, {"a\x7f", "3"},
                     {"a\x80", "4"}, {"b", "5"},  {"\xff", "6"}};
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    EXPECT_THAT(store->Write(family, Puts({*row})), IsOk());
  }
  EXPECT_EQ(Scan(*store, family), rows);
  EXPECT_THAT(Scan(*store, family, "a", "a"), IsEmpty());
  EXPECT_THAT(Scan(*store, family, "b", "a"), IsEmpty());
  EXPECT_THAT(Scan(*store, family, "a", "a\x80"),
              ElementsAre(Row("a", "1"), Row(zero, "2"), Row("a\x7f", "3")));
  EXPECT_THAT(Scan(*store, family, "a\x01", "b"),
              ElementsAre(Row("a\x7f", "3"), Row("a\x80", "4")));
  EXPECT_THAT(Scan(*store, family, "b"), ElementsAre(Row("b", "5"), Row("\xff", "6")));
  EXPECT_THAT(Scan(*store, family, "", zero), ElementsAre(Row("a", "1")));
  EXPECT_THAT(Scan(*store, family, "\xff\xff"), IsEmpty());
}

TEST_P(StoreConformanceTest, ACursorKeepsWhatItSawFirst) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto store, harness_->factory().Open("store/accounts"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, store->OpenFamily("p0"));
  EXPECT_THAT(store->Write(family, Puts({{"a", "1"}, {"b", "1"}})), IsOk());
  std::unique_ptr<Cursor> cursor = store->Scan(family, "", "");
  Batch batch;
  batch.Put("aa", "2");
  batch.Delete("b");
  EXPECT_THAT(store->Write(family, batch), IsOk());
  EXPECT_THAT(store->Flush(family), IsOk());
  EXPECT_THAT(store->Clear(family), IsOk());

  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->key(), "a");
  cursor->Next();
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->key(), "b");
  EXPECT_EQ(cursor->value(), "1");
  cursor->Next();
  EXPECT_FALSE(cursor->Valid());
  EXPECT_THAT(cursor->status(), IsOk());
}

TEST_P(StoreConformanceTest, FamiliesAndStoresAreApart) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto store, harness_->factory().Open("store/accounts"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto other, harness_->factory().Open("projections/city@1"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId p10, store->OpenFamily("p10"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId p9, store->OpenFamily("p9"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId rows, other->OpenFamily("rows"));
  EXPECT_THAT(store->OpenFamily("p9"), IsOkAndHolds(p9));
  EXPECT_THAT(store->FindFamily("p10"), IsOkAndHolds(p10));
  EXPECT_THAT(store->FindFamily("p1"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store->FamilyNames(), ElementsAre("p10", "p9"));

  EXPECT_THAT(store->Write(p9, Puts({{"a", "9"}})), IsOk());
  EXPECT_THAT(store->Write(p10, Puts({{"a", "10"}})), IsOk());
  EXPECT_THAT(other->Write(rows, Puts({{"a", "city"}})), IsOk());
  EXPECT_THAT(store->Clear(p10), IsOk());
  EXPECT_THAT(Scan(*store, p9), ElementsAre(Row("a", "9")));
  EXPECT_THAT(Scan(*store, p10), IsEmpty());
  EXPECT_THAT(Scan(*other, rows), ElementsAre(Row("a", "city")));
  EXPECT_THAT(harness_->factory().Names(),
              IsOkAndHolds(ElementsAre("projections/city@1", "store/accounts")));
}

TEST_P(StoreConformanceTest, RefusesFamiliesThatAreNone) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto store, harness_->factory().Open("store/accounts"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, store->OpenFamily("p0"));
  const auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(store->OpenFamily(""), StatusIs(kInvalid));
  EXPECT_THAT(store->OpenFamily("default"), StatusIs(kInvalid));
  for (const FamilyId none : {FamilyId{}, FamilyId{family.value + 1}}) {
    EXPECT_THAT(store->Get(none, "a"), StatusIs(kInvalid));
    EXPECT_THAT(store->Write(none, Puts({{"a", "1"}})), StatusIs(kInvalid));
    EXPECT_THAT(store->Flush(none), StatusIs(kInvalid));
    EXPECT_THAT(store->Clear(none), StatusIs(kInvalid));
    const std::unique_ptr<Cursor> cursor = store->Scan(none, "", "");
    EXPECT_FALSE(cursor->Valid());
    EXPECT_THAT(cursor->status(), StatusIs(kInvalid));
  }
}

TEST_P(StoreConformanceTest, ClosingKeepsEverythingAndEndsTheStore) {
  {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto store, harness_->factory().Open("store/accounts"));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, store->OpenFamily("p0"));
    EXPECT_THAT(store->Write(family, Puts({{"a", "1"}})), IsOk());
    EXPECT_THAT(store->Close(), IsOk());
    EXPECT_THAT(store->Close(), IsOk());
    const auto kClosed = absl::StatusCode::kFailedPrecondition;
    EXPECT_THAT(store->Get(family, "a"), StatusIs(kClosed));
    EXPECT_THAT(store->Write(family, Puts({{"a", "2"}})), StatusIs(kClosed));
    EXPECT_THAT(store->Flush(family), StatusIs(kClosed));
    EXPECT_THAT(store->Clear(family), StatusIs(kClosed));
    EXPECT_THAT(store->OpenFamily("p1"), StatusIs(kClosed));
    EXPECT_THAT(store->Scan(family, "", "")->status(), StatusIs(kClosed));
  }
  {
    // The destructor keeps everything, too.
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto store, harness_->factory().Open("store/accounts"));
    EXPECT_THAT(store->FamilyNames(), ElementsAre("p0"));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, store->OpenFamily("p0"));
    EXPECT_THAT(Scan(*store, family), ElementsAre(Row("a", "1")));
    EXPECT_THAT(store->Write(family, Puts({{"b", "2"}})), IsOk());
  }
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto store, harness_->factory().Open("store/accounts"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, store->FindFamily("p0"));
  EXPECT_THAT(Scan(*store, family), ElementsAre(Row("a", "1"), Row("b", "2")));
}

TEST_P(StoreConformanceTest, IsNotOpenedTwice) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(auto store, harness_->factory().Open("store/accounts"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, store->OpenFamily("p0"));
  EXPECT_THAT(harness_->factory().Open("store/accounts"), ::testing::Not(IsOk()));
  EXPECT_THAT(store->Write(family, Puts({{"a", "1"}})), IsOk());
  store.reset();
  COMMANDER_ASSERT_OK_AND_ASSIGN(store, harness_->factory().Open("store/accounts"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId again, store->FindFamily("p0"));
  EXPECT_THAT(Scan(*store, again), ElementsAre(Row("a", "1")));
}

TEST_P(StoreConformanceTest, ACrashKeepsWhatWasFlushed) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(auto store, harness_->factory().Open("store/accounts"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, store->OpenFamily("p0"));
  EXPECT_THAT(store->Write(family, Puts({{"a", "1"}, {"b", "1"}})), IsOk());
  EXPECT_THAT(store->Flush(family), IsOk());
  harness_->Crash(1);
  store.reset();
  COMMANDER_ASSERT_OK_AND_ASSIGN(store, harness_->factory().Open("store/accounts"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId again, store->FindFamily("p0"));
  EXPECT_THAT(Scan(*store, again), ElementsAre(Row("a", "1"), Row("b", "1")));
}

// Rows of the fold before Clear() never come back, whatever was flushed of them: they would stand
// beside a position of the new fold.
TEST_P(StoreConformanceTest, ACrashAfterClearBringsNothingBack) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(auto store, harness_->factory().Open("store/accounts"));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, store->OpenFamily("p0"));
    EXPECT_THAT(store->Write(family, Puts({{"flushed", "old"}, {"m", "9"}})), IsOk());
    EXPECT_THAT(store->Flush(family), IsOk());
    EXPECT_THAT(store->Write(family, Puts({{"not flushed", "old"}, {"m", "10"}})), IsOk());
    EXPECT_THAT(store->Clear(family), IsOk());
    EXPECT_THAT(Scan(*store, family), IsEmpty());
    EXPECT_THAT(store->Write(family, Puts({{"new", "1"}, {"m", "1"}})), IsOk());
    if (seed % 2 == 0) {
      EXPECT_THAT(store->Flush(family), IsOk());
    }
    harness_->Crash(seed);
    store.reset();
    COMMANDER_ASSERT_OK_AND_ASSIGN(store, harness_->factory().Open("store/accounts"));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId again, store->OpenFamily("p0"));
    const Rows rows = Scan(*store, again);
    if (seed % 2 == 0 || !rows.empty()) {
      EXPECT_THAT(rows, ElementsAre(Row("m", "1"), Row("new", "1")));
    }
    EXPECT_THAT(store->Clear(again), IsOk());
  }
}

// What is there after a crash is a prefix of the batches, each whole, for every family by itself,
// and holds what was flushed.  Batch n of a family puts n under "m", writes a row of its own and
// deletes that of batch n - 3, so the position says what the rows have to be.
TEST_P(StoreConformanceTest, ACrashLeavesAPrefixOfTheBatches) {
  const auto expected = [](std::uint64_t n) {
    std::map<std::string, std::string> rows;
    if (n > 0) rows["m"] = absl::StrCat(n);
    for (std::uint64_t i = n > 3 ? n - 2 : 1; i <= n; ++i) {
      rows[absl::StrCat("r", i)] = std::string(100, 'x');
    }
    return Rows(rows.begin(), rows.end());
  };
  constexpr int kFamilies = 3;
  std::vector<std::uint64_t> written(kFamilies);
  std::mt19937_64 random(7);
  bool lost_some = false;
  for (std::uint64_t round = 0; round < 12; ++round) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(auto store, harness_->factory().Open("store/accounts"));
    std::vector<FamilyId> families;
    for (int i = 0; i < kFamilies; ++i) {
      COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family,
                                     store->OpenFamily(absl::StrCat("p", i)));
      families.push_back(family);
    }
    std::vector<std::uint64_t> flushed = written;
    for (int step = 0; step < 60; ++step) {
      const std::size_t at = random() % kFamilies;
      const std::uint64_t n = ++written[at];
      Batch batch;
      batch.Put(absl::StrCat("r", n), std::string(100, 'x'));
      if (n > 3) batch.Delete(absl::StrCat("r", n - 3));
      batch.Put("m", absl::StrCat(n));
      ASSERT_THAT(store->Write(families[at], batch), IsOk());
      if (random() % 16 == 0) {
        ASSERT_THAT(store->Flush(families[at]), IsOk());
        flushed[at] = n;
      }
    }
    harness_->Crash(round);
    store.reset();
    COMMANDER_ASSERT_OK_AND_ASSIGN(store, harness_->factory().Open("store/accounts"));
    for (std::size_t i = 0; i < kFamilies; ++i) {
      COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family,
                                     store->OpenFamily(absl::StrCat("p", i)));
      const std::uint64_t kept = std::stoull(Get(*store, family, "m").value_or("0"));
      EXPECT_GE(kept, flushed[i]) << "round " << round;
      EXPECT_LE(kept, written[i]) << "round " << round;
      EXPECT_EQ(Scan(*store, family), expected(kept)) << "round " << round;
      lost_some |= kept < written[i];
      written[i] = kept;
    }
  }
  EXPECT_TRUE(lost_some) << "nothing was ever lost: the harness does not crash";
}

// One thread a family, as partition workers are, with readers beside them: a reader sees a batch
// whole, and each of its reads at least what the one before saw.
TEST_P(StoreConformanceTest, WritersAndReadersRunAtOnce) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto store, harness_->factory().Open("store/accounts"));
  constexpr int kFamilies = 2;
  constexpr int kBatches = 300;
  std::vector<std::thread> threads;
  for (int i = 0; i < kFamilies; ++i) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const FamilyId family, store->OpenFamily(absl::StrCat("p", i)));
    threads.emplace_back([&store = *store, family] {
      for (int n = 1; n <= kBatches; ++n) {
        EXPECT_THAT(store.Write(family, Puts({{"a", absl::StrCat(n)}, {"b", absl::StrCat(n)}})),
                    IsOk());
        if (n % 100 == 0) {
          EXPECT_THAT(store.Flush(family), IsOk());
        }
      }
    });
    threads.emplace_back([&store = *store, family] {
      int seen = 0;
      while (seen < kBatches) {
        const Rows rows = Scan(store, family);
        if (rows.empty()) continue;
        ASSERT_EQ(rows.size(), 2u);
        EXPECT_EQ(rows[0].second, rows[1].second);
        ASSERT_GE(std::stoi(rows[0].second), seen);
        seen = std::stoi(rows[0].second);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace commander::test
