#include "crypto/erasure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "crypto/erasure_job.h"
#include "store/key_rows_rocks.h"
#include "tests/crypto/key_store_fixture.h"

namespace commander::crypto {
namespace {

namespace fs = std::filesystem;

using ::commander::test::IsOk;
using ::commander::test::IsOkAndHolds;
using ::commander::test::MemoryKeyDisk;
using ::commander::test::StatusIs;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Optional;
using Code = absl::StatusCode;
using State = SubjectStatus::State;

class ErasureTest : public KeyStoreFixture {
 protected:
  void SetUp() override {
    ASSERT_THAT(Open(), IsOk());
    COMMANDER_ASSERT_OK_AND_ASSIGN(anna_kid_, keys_->KidFor(anna_));
    COMMANDER_ASSERT_OK_AND_ASSIGN(bert_kid_, keys_->KidFor(bert_));
    ASSERT_THAT(keys_->SyncKeys(), IsOk());
  }

  // Anna is erased, and Bert is not.
  void ExpectErased(const ErasureReceipt& receipt) {
    EXPECT_EQ(receipt.stage, ErasureStage::kDone);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Answer answer, Ask(anna_kid_));
    EXPECT_EQ(answer.state, KeyAnswer::State::kErased);
    EXPECT_EQ(answer.erasure, receipt.id);
    EXPECT_THAT(keys_->KidFor(anna_), StatusIs(Code::kFailedPrecondition));
    EXPECT_THAT(keys_->FindKid(anna_), IsOkAndHolds(std::nullopt));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const SubjectStatus status, keys_->Status(anna_));
    EXPECT_EQ(status.state, State::kErased);
    EXPECT_EQ(status.erasure->id, receipt.id);
    EXPECT_FALSE(disk_.Read(KeyTable::kKey).contains(ToString(anna_kid_.bytes)));
    EXPECT_EQ(disk_.Read(KeyTable::kTag).size(), 1u);
    EXPECT_EQ(LedgerKinds(), "123");

    EXPECT_EQ(StateOf(bert_kid_), KeyAnswer::State::kHeld);
    EXPECT_THAT(keys_->KidFor(bert_), IsOkAndHolds(bert_kid_));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const SubjectStatus bert, keys_->Status(bert_));
    EXPECT_EQ(bert.state, State::kActive);
    EXPECT_THAT(bert.kid, Optional(bert_kid_));
  }

  Kid anna_kid_;
  Kid bert_kid_;
};

TEST_F(ErasureTest, DestroysTheKeyOfOneSubject) {
  ASSERT_EQ(StateOf(anna_kid_), KeyAnswer::State::kHeld);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt receipt, keys_->Erase(anna_, "asked for"));
  EXPECT_THAT(receipt.kids, ElementsAre(anna_kid_));
  EXPECT_EQ(receipt.fenced_ns, test::FakeClock::kStart);
  ExpectErased(receipt);
  ASSERT_THAT(Open(), IsOk());
  ExpectErased(receipt);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto erasures, keys_->Erasures());
  ASSERT_EQ(erasures.size(), 1u);
  EXPECT_EQ(erasures[0].id, receipt.id);
}

TEST_F(ErasureTest, AnswersTheSameWhenItIsRepeated) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt first, keys_->Erase(anna_, "asked for"));
  clock_.Advance(1'000'000);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt second, keys_->Erase(anna_, "again"));
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(second.completed_ns, first.completed_ns);
  ASSERT_THAT(Open(), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt third, keys_->Erase(anna_, "again"));
  EXPECT_EQ(third.id, first.id);
  ExpectErased(third);
}

TEST_F(ErasureTest, IsOneWhenManyAskAtOnce) {
  std::vector<ErasureReceipt> receipts(8);
  std::vector<std::thread> threads;
  for (ErasureReceipt& receipt : receipts) {
    threads.emplace_back([&] {
      auto erased = keys_->Erase(anna_, "asked for");
      if (erased.ok()) receipt = *erased;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const ErasureReceipt& receipt : receipts) EXPECT_EQ(receipt.id, receipts[0].id);
  ExpectErased(receipts[0]);
}

TEST_F(ErasureTest, OfAnUnknownSubjectSaysThatNoKeyExisted) {
  const Subject carl{"people", "carl"};
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt receipt, keys_->Erase(carl, ""));
  EXPECT_THAT(receipt.kids, IsEmpty());
  EXPECT_EQ(receipt.stage, ErasureStage::kDone);
  EXPECT_EQ(LedgerKinds(), "123");
  EXPECT_THAT(keys_->KidFor(carl), StatusIs(Code::kFailedPrecondition)) << "and none will";
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt again, keys_->Erase(carl, ""));
  EXPECT_EQ(again.id, receipt.id);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const SubjectStatus status, keys_->Status({"people", "dora"}));
  EXPECT_EQ(status.state, State::kNone);
}

// No thread gets a key after the fence, whatever it began before.
TEST_F(ErasureTest, NoThreadGetsTheKeyAfterTheFence) {
  for (int round = 0; round < 30; ++round) {
    const Subject subject{"people", "round " + std::to_string(round)};
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid kid, keys_->KidFor(subject));
    std::atomic<bool> fenced = false;
    std::atomic<bool> stop = false;
    std::atomic<int> late = 0;
    std::atomic<int> held = 0;
    std::atomic<int> asked_late = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        while (!stop) {
          const bool was_fenced = fenced;
          bool got = false;
          const absl::Status used =
              keys_->Use(kid, [&](const KeyAnswer& answer) { got = answer.key != nullptr; });
          const bool made = keys_->KidFor(subject).ok();
          if (got) ++held;
          if (was_fenced && (got || made || !used.ok())) ++late;
          if (was_fenced) ++asked_late;
        }
      });
    }
    while (held < 10) std::this_thread::yield();
    ledger_.refuse = 1;  // it stays fenced
    EXPECT_THAT(keys_->Erase(subject, ""), StatusIs(Code::kUnavailable));
    fenced = true;
    while (asked_late < 20) std::this_thread::yield();
    EXPECT_THAT(keys_->Erase(subject, ""), IsOk());
    while (asked_late < 40) std::this_thread::yield();
    stop = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(late, 0);
  }
}

TEST_F(ErasureTest, FencesWaitsForWorkersAndThenRecords) {
  std::string at_drop;
  KeyAnswer::State state_at_drop{};
  int failing = 1;
  KeyStoreOptions options = Options();
  options.drop_caches = [&]() -> absl::Status {
    at_drop = LedgerKinds();
    state_at_drop = StateOf(anna_kid_);
    return failing-- > 0 ? absl::DeadlineExceededError("partition 3") : absl::OkStatus();
  };
  ASSERT_THAT(Open(options), IsOk());
  EXPECT_THAT(keys_->Erase(anna_, ""),
              StatusIs(Code::kUnavailable, AllOf(HasSubstr("is fenced and waits for workers"),
                                                 HasSubstr("partition 3"))));
  EXPECT_EQ(at_drop, "1");
  EXPECT_EQ(state_at_drop, KeyAnswer::State::kErased);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const SubjectStatus status, keys_->Status(anna_));
  EXPECT_EQ(status.state, State::kFenced);
  EXPECT_EQ(status.erasure->stage, ErasureStage::kFenced);
  EXPECT_THAT(keys_->FindKid(anna_), IsOkAndHolds(Optional(anna_kid_)));
  EXPECT_THAT(keys_->ResumeErasures(), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt receipt, keys_->Erase(anna_, ""));
  ExpectErased(receipt);
}

// An append that fails, or seems to, is never followed by a destroyed key without its record.
TEST_F(ErasureTest, GoesOnWhereTheLedgerFailed) {
  ledger_.refuse = 3;
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(keys_->Erase(anna_, ""), StatusIs(Code::kUnavailable, HasSubstr("is fenced")));
    EXPECT_EQ(LedgerKinds(), "1");
    EXPECT_TRUE(disk_.Read(KeyTable::kKey).contains(ToString(anna_kid_.bytes)));
    EXPECT_EQ(StateOf(bert_kid_), KeyAnswer::State::kHeld) << "others go on";
  }
  ledger_.unsure = 1;
  EXPECT_THAT(keys_->Erase(anna_, ""), StatusIs(Code::kUnavailable));
  EXPECT_EQ(LedgerKinds(), "12");
  ledger_.unsure = 1;
  EXPECT_THAT(keys_->Erase(anna_, ""),
              StatusIs(Code::kUnavailable, HasSubstr("has destroyed the key")));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const SubjectStatus status, keys_->Status(anna_));
  EXPECT_EQ(status.state, State::kFenced) << "not erased before the ledger is known to say so";
  EXPECT_EQ(status.erasure->stage, ErasureStage::kDestroyed);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt receipt, keys_->Erase(anna_, ""));
  ExpectErased(receipt);
}

TEST_F(ErasureTest, OpensBesideALedgerThatTakesNothing) {
  ledger_.refuse = 1;
  EXPECT_THAT(keys_->Erase(anna_, ""), StatusIs(Code::kUnavailable));
  ledger_.refuse = 1;
  ASSERT_THAT(Open(), IsOk());
  EXPECT_THAT(lines_, Contains(HasSubstr("is fenced")));
  EXPECT_EQ(StateOf(anna_kid_), KeyAnswer::State::kErased);
  EXPECT_EQ(StateOf(bert_kid_), KeyAnswer::State::kHeld);
  ASSERT_THAT(Open(), IsOk());  // and resumes
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt receipt, keys_->Erase(anna_, ""));
  ExpectErased(receipt);
  ledger_.unreadable = 1;
  EXPECT_THAT(Open(), StatusIs(Code::kUnavailable)) << "nothing opens before it is read";
}

// The checkpoint must not pass over the record of an erasure that is not done.
TEST_F(ErasureTest, RecordsOnceWhatAnotherErasureOvertook) {
  ledger_.unsure = 1;
  EXPECT_THAT(keys_->Erase(anna_, ""), StatusIs(Code::kUnavailable));
  EXPECT_THAT(keys_->Erase(bert_, ""), IsOk());
  EXPECT_EQ(LedgerKinds(), "1223");
  ASSERT_THAT(Open(), IsOk());
  EXPECT_EQ(LedgerKinds(), "12233");
  COMMANDER_ASSERT_OK_AND_ASSIGN(const SubjectStatus status, keys_->Status(anna_));
  EXPECT_EQ(status.state, State::kErased);
}

// The log took a record and said nothing of it: another one in its place ended the chain for good.
TEST_F(ErasureTest, KeepsTheChainWhereARecordComesLate) {
  ledger_.late = 2;
  EXPECT_THAT(keys_->Erase(anna_, ""), StatusIs(Code::kUnavailable));
  EXPECT_THAT(keys_->Erase(bert_, ""), StatusIs(Code::kUnavailable));
  EXPECT_THAT(keys_->Erase(bert_, ""), IsOk());
  EXPECT_EQ(LedgerKinds(), "122223") << "of the first the same record, three times";
  ASSERT_THAT(Open(), IsOk());
  for (const Subject& subject : {anna_, bert_}) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const SubjectStatus status, keys_->Status(subject));
    EXPECT_EQ(status.state, State::kErased);
  }
}

TEST_F(ErasureTest, FailsWhereRowsCannotBeCompacted) {
  disk_.Fail(MemoryKeyDisk::Call::kCompact, 1);
  EXPECT_THAT(keys_->Erase(anna_, ""), StatusIs(Code::kUnavailable, HasSubstr("open it again")));
  EXPECT_EQ(LedgerKinds(), "12") << "no completion without a destruction";
  EXPECT_THAT(Ask(bert_kid_), StatusIs(Code::kUnavailable));
  ASSERT_THAT(Open(), IsOk());
  EXPECT_EQ(disk_.Calls(MemoryKeyDisk::Call::kCompact), 2);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt receipt, keys_->Erase(anna_, ""));
  ExpectErased(receipt);
}

TEST_F(ErasureTest, SurvivesOlderRowsThatArePutBack) {
  const auto older = disk_.Copy();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt receipt, keys_->Erase(anna_, ""));
  keys_.reset();
  disk_.PutBack(older);
  ASSERT_THAT(Open(), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt again, keys_->Erase(anna_, ""));
  EXPECT_EQ(again.id, receipt.id);
  ExpectErased(again);
}

TEST_F(ErasureTest, RefusesALedgerThatIsNotWhatWasReadBefore) {
  ASSERT_THAT(keys_->Erase(anna_, ""), IsOk());
  ASSERT_THAT(keys_->Erase(bert_, ""), IsOk());
  const std::vector<std::string> records = ledger_.records;
  ASSERT_EQ(records.size(), 5u);
  for (std::size_t left = 0; left < records.size(); ++left) {
    ledger_.records.assign(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(left));
    EXPECT_THAT(Open(), StatusIs(Code::kDataLoss, HasSubstr("rolled back"))) << left;
  }
  ledger_.records = records;
  ledger_.records[4][90] = static_cast<char>(ledger_.records[4][90] ^ 1);
  EXPECT_THAT(Open(), StatusIs(Code::kDataLoss, HasSubstr("LEDGER: ")));
  ledger_.records = records;
  EXPECT_THAT(Open(), IsOk());
}

// Neither rows nor files nor the ledger nor messages name a subject, or a reason.
TEST_F(ErasureTest, NamesNobodyInClear) {
  const Subject canary{"canary-space", "canary-person@example.org"};
  KeyStoreOptions options = Options();
  options.directory = dir_ / "real";
  options.open_rows = store::KeyRowsOpener(Sink());
  ledger_.records.clear();
  ASSERT_THAT(Open(options), IsOk());
  ASSERT_THAT(keys_->KidFor(canary), IsOk());
  ASSERT_THAT(keys_->SyncKeys(), IsOk());
  const auto find = [&] {
    int files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(dir_.path())) {
      EXPECT_THAT(entry.path().string(), Not(HasSubstr("canary")));
      if (!entry.is_regular_file()) continue;
      ++files;
      EXPECT_THAT(ReadBytes(entry.path()), Not(HasSubstr("canary"))) << entry.path();
    }
    EXPECT_GT(files, 5);
  };
  find();
  ledger_.refuse = 1;
  EXPECT_THAT(keys_->Erase(canary, "canary-reason"),
              StatusIs(Code::kUnavailable, Not(HasSubstr("canary"))));
  find();
  ASSERT_THAT(keys_->Erase(canary, "canary-reason"), IsOk());
  find();
  for (const std::string& record : ledger_.records) EXPECT_THAT(record, Not(HasSubstr("canary")));
  for (const std::string& line : lines_) EXPECT_THAT(line, Not(HasSubstr("canary")));
}

// The rows of an erased key are in no live file.
TEST_F(ErasureTest, LeavesNoRowOfTheKeyInLiveFiles) {
  KeyStoreOptions options = Options();
  options.directory = dir_ / "real";
  const OpenKeyRows opener = store::KeyRowsOpener(Sink());
  options.open_rows = opener;
  ledger_.records.clear();
  ASSERT_THAT(Open(options), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid kid, keys_->KidFor(anna_));
  ASSERT_THAT(keys_->KidFor(bert_), IsOk());
  keys_.reset();
  std::string sealed;
  {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto rows, opener(options.directory / "rows", false));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto row, rows->Get(KeyTable::kKey, AsView(kid.bytes)));
    ASSERT_TRUE(row.has_value());
    sealed = row->substr(10);
  }
  const auto holders = [&] {
    int found = 0;
    for (const auto& entry : fs::recursive_directory_iterator(options.directory)) {
      if (entry.is_regular_file() &&
          ReadBytes(entry.path()).find(sealed.substr(30, 12)) != std::string::npos) {
        ++found;
      }
    }
    return found;
  };
  ASSERT_THAT(Open(options), IsOk());
  EXPECT_GT(holders(), 0);
  ASSERT_THAT(keys_->Erase(anna_, ""), IsOk());
  EXPECT_EQ(holders(), 0);
}

TEST_F(ErasureTest, RefusesAReasonThatIsTooLong) {
  EXPECT_THAT(keys_->Erase(anna_, std::string(kMaxReasonBytes + 1, 'r')),
              StatusIs(Code::kInvalidArgument));
  EXPECT_EQ(StateOf(anna_kid_), KeyAnswer::State::kHeld);
  EXPECT_THAT(keys_->Erase(anna_, std::string(kMaxReasonBytes, 'r')), IsOk());
}

}  // namespace
}  // namespace commander::crypto
