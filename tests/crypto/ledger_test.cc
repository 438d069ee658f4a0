#include "crypto/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "tests/support/fake_ledger_log.h"
#include "tests/support/status_matchers.h"

namespace commander::crypto {
namespace {

using ::commander::test::FakeLedgerLog;
using ::commander::test::IsOk;
using ::commander::test::StatusIs;
using ::testing::HasSubstr;
using Code = absl::StatusCode;

const StoreId kStore = {1, 2, 3};

LedgerRecord Erase(std::uint8_t n) {
  return {.kind = LedgerKind::kErase, .erasure = {{n}}, .time_ns = n, .body = "body"};
}

class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest() { EXPECT_GE(sodium_init(), 0); }

  Ledger NewLedger(const StoreId& store = kStore, char seed = 's') {
    const std::string bytes(32, seed);
    auto ledger = Ledger::Create(&log_, store, AsBytes(bytes), false, nullptr);
    EXPECT_TRUE(ledger.ok());
    return *std::move(ledger);
  }
  // Opened, with erasures 1 to `count`.
  void Write(std::uint8_t count) {
    Ledger ledger = NewLedger();
    ASSERT_THAT(ledger.AppendOnce(ledger.OpeningRecord(7)), IsOk());
    for (std::uint8_t n = 1; n <= count; ++n) ASSERT_THAT(ledger.AppendOnce(Erase(n)), IsOk());
  }
  // What a ledger that starts at `checkpoint` reads.
  absl::Status Read(std::vector<LedgerRecord>* read, std::string_view checkpoint = "") {
    Ledger ledger = NewLedger();
    if (!checkpoint.empty()) {
      EXPECT_THAT(ledger.Restore(checkpoint), IsOk());
    }
    return ledger.CatchUp([&](const LedgerRecord& record) {
      read->push_back(record);
      return absl::OkStatus();
    });
  }
  absl::Status Read() {
    std::vector<LedgerRecord> read;
    return Read(&read);
  }

  FakeLedgerLog log_;
};

TEST_F(LedgerTest, ReadsWhatWasAppended) {
  Write(2);
  std::vector<LedgerRecord> read;
  ASSERT_THAT(Read(&read), IsOk());
  ASSERT_EQ(read.size(), 3u);
  EXPECT_EQ(read[0].kind, LedgerKind::kOpen);
  EXPECT_EQ(read[0].body.size(), 32u) << "the public key";
  EXPECT_EQ(read[2].erasure, Erase(2).erasure);
  EXPECT_EQ(read[2].time_ns, 2);
  EXPECT_EQ(read[2].body, "body");
}

TEST_F(LedgerTest, AppendsARecordOnce) {
  Write(2);
  Ledger ledger = NewLedger();
  ASSERT_THAT(ledger.AppendOnce(Erase(2)), IsOk());
  EXPECT_EQ(log_.records.size(), 3u);
  log_.unsure = 1;
  EXPECT_FALSE(ledger.AppendOnce(Erase(3)).ok());
  ASSERT_THAT(ledger.AppendOnce(Erase(3)), IsOk());
  EXPECT_EQ(log_.records.size(), 4u);
  EXPECT_TRUE(ledger.Holds(LedgerKind::kErase, Erase(3).erasure));
  EXPECT_FALSE(ledger.Holds(LedgerKind::kComplete, Erase(3).erasure));
}

TEST_F(LedgerTest, PassesOverAnAppendThatArrivedTwice) {
  Write(2);
  log_.records.push_back(log_.records.back());
  std::vector<LedgerRecord> read;
  ASSERT_THAT(Read(&read), IsOk());
  EXPECT_EQ(read.size(), 3u);
}

TEST_F(LedgerTest, GoesOnFromACheckpoint) {
  Write(2);
  Ledger ledger = NewLedger();
  EXPECT_EQ(ledger.Checkpoint(), "");
  ASSERT_THAT(ledger.AppendOnce(Erase(3)), IsOk());
  const std::string checkpoint = ledger.Checkpoint();
  ASSERT_THAT(ledger.AppendOnce(Erase(4)), IsOk());
  log_.records[1][90] ^= 1;  // behind it: not read again
  std::vector<LedgerRecord> read;
  ASSERT_THAT(Read(&read, checkpoint), IsOk());
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].erasure, Erase(4).erasure);

  const std::vector<std::string> records = log_.records;
  log_.records.resize(3);
  EXPECT_THAT(Read(&read, checkpoint), StatusIs(Code::kDataLoss, HasSubstr("rolled back")));
  log_.records = records;
  std::swap(log_.records[2], log_.records[3]);
  EXPECT_THAT(Read(&read, checkpoint), StatusIs(Code::kDataLoss, HasSubstr("not the one read")));
  EXPECT_THAT(NewLedger().Restore("short"), StatusIs(Code::kDataLoss));
}

TEST_F(LedgerTest, NoticesAnyChangedByteAndAnyOtherLength) {
  Write(1);
  const std::string whole = log_.records[1];
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int bit : {0, 7}) {
      log_.records[1] = whole;
      log_.records[1][at] = static_cast<char>(log_.records[1][at] ^ (1 << bit));
      EXPECT_FALSE(Read().ok()) << at;
    }
    log_.records[1] = whole.substr(0, at);
    EXPECT_FALSE(Read().ok()) << at;
  }
  log_.records[1] = whole + '\0';
  EXPECT_THAT(Read(), StatusIs(Code::kDataLoss));
  log_.records[1] = whole;
  log_.records[1][4] = 2;
  EXPECT_THAT(Read(), StatusIs(Code::kUnimplemented)) << "a version of later";
}

TEST_F(LedgerTest, NoticesRecordsThatAreMissingMovedOrOfAnotherHistory) {
  Write(3);
  const std::vector<std::string> records = log_.records;
  log_.records.erase(log_.records.begin() + 1);
  EXPECT_THAT(Read(), StatusIs(Code::kDataLoss, HasSubstr("offset 3")));
  log_.records = records;
  log_.records.erase(log_.records.begin());
  EXPECT_THAT(Read(), StatusIs(Code::kDataLoss));
  log_.records = records;
  std::swap(log_.records[1], log_.records[2]);
  EXPECT_THAT(Read(), StatusIs(Code::kDataLoss));
  log_.records = records;
  log_.records.push_back(records[0]);
  EXPECT_THAT(Read(), StatusIs(Code::kDataLoss)) << "opened twice";
  log_.records = records;
  log_.records.push_back(records[2]);
  EXPECT_THAT(Read(), StatusIs(Code::kDataLoss)) << "a copy of an older one";

  // A fork: from the same beginning, signed by the same key.
  log_.records.assign(records.begin(), records.begin() + 2);
  Ledger fork = NewLedger();
  ASSERT_THAT(fork.AppendOnce(Erase(9)), IsOk());
  log_.records.push_back(records[3]);
  EXPECT_THAT(Read(), StatusIs(Code::kDataLoss, HasSubstr("does not continue")));
}

TEST_F(LedgerTest, RefusesTheRecordsOfAnotherStoreOrAnotherKey) {
  Write(1);
  const std::vector<std::string> records = log_.records;
  log_.records.clear();
  Ledger other = NewLedger(StoreId{9});
  ASSERT_THAT(other.AppendOnce(other.OpeningRecord(7)), IsOk());
  EXPECT_THAT(Read(), StatusIs(Code::kDataLoss, HasSubstr("another store")));
  log_.records.clear();
  Ledger forger = NewLedger(kStore, 'f');
  ASSERT_THAT(forger.AppendOnce(forger.OpeningRecord(7)), IsOk());
  EXPECT_THAT(Read(), StatusIs(Code::kDataLoss, HasSubstr("did not sign")));
}

// Format 1, as FORMAT.md has it.
TEST_F(LedgerTest, KeepsItsFormat) {
  Write(1);
  EXPECT_EQ(absl::BytesToHexString(log_.records[0].substr(0, 88)),
            "45534c47010100000102030000000000000000000000000000000000000000000000000000000000"
            "0700000000000000bc253864f435c868b5a13a898a78472686d30576ec01726e44d2addf19e02073"
            "20000000fec14286");
  EXPECT_EQ(absl::BytesToHexString(log_.records[1]),
            "45534c47010200000102030000000000000000000000000001000000000000000000000000000000"
            "010000000000000050c93bc6e39f21359794b25814e61134d685260b69ed8f56956bedb5b8c882b9"
            "04000000626f6479f97b89a12a0a60595f4d922ffe28bfbc9871f352982504c2301a0c5d51beabed"
            "f5b8f0c625051c4eb7ee9de7617010314f6e8cfad468fb6fabb6d920fcff4a04");
}

}  // namespace
}  // namespace commander::crypto
