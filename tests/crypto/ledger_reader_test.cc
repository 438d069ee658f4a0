#include "crypto/ledger_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <string>
#include <vector>

#include "tests/support/fake_ledger_log.h"
#include "tests/support/status_matchers.h"

namespace commander::crypto {
namespace {

using ::commander::test::FakeLedgerLog;
using ::commander::test::IsOk;
using ::commander::test::StatusIs;
using Code = absl::StatusCode;

std::vector<std::string> Records(char seed = 's') {
  EXPECT_GE(sodium_init(), 0);
  FakeLedgerLog log;
  auto ledger =
      Ledger::Create(&log, StoreId{1, 2, 3}, AsBytes(std::string(32, seed)), false, nullptr);
  EXPECT_THAT(ledger, IsOk());
  EXPECT_THAT(ledger->AppendOnce(ledger->OpeningRecord(7)), IsOk());
  for (const auto n : {std::uint8_t{1}, std::uint8_t{2}}) {
    EXPECT_THAT(ledger->AppendOnce({LedgerKind::kErase, {{n}}, n, "body"}), IsOk());
  }
  std::vector<std::string> records;
  EXPECT_THAT(log.Read(0,
                       [&](std::uint64_t, std::string_view record) {
                         records.emplace_back(record);
                         return absl::OkStatus();
                       }),
              IsOk());
  return records;
}

// The status of the first that is refused.
absl::Status Read(const std::vector<std::string>& records, std::size_t* read) {
  LedgerReader reader;
  for (const std::string& bytes : records) {
    const auto record = reader.Next(bytes);
    if (!record.ok()) return record.status();
    if (record->has_value()) ++*read;
  }
  return absl::OkStatus();
}

TEST(LedgerReaderTest, ReadsALedgerWithoutItsStore) {
  std::vector<std::string> records = Records();
  records.insert(records.begin() + 1, records[1]);  // an append that was repeated
  std::size_t read = 0;
  EXPECT_THAT(Read(records, &read), IsOk());
  EXPECT_EQ(read, 3u);
}

TEST(LedgerReaderTest, RefusesWhatDoesNotContinue) {
  const std::vector<std::string> records = Records();
  const std::vector<std::string> other = Records('t');
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {records[1]},                          // no opening
           {records[0], records[2]},              // one is left out
           {records[0], records[1], records[0]},  // a second opening
           {records[0], other[1]},                // signed by another
           {records[0].substr(1)}}) {
    std::size_t read = 0;
    EXPECT_THAT(Read(wrong, &read), StatusIs(Code::kDataLoss));
    EXPECT_EQ(read, wrong.size() - 1);
  }
  for (std::size_t at = 0; at < records[1].size(); ++at) {
    std::string changed = records[1];
    changed[at] = static_cast<char>(changed[at] ^ 1);
    std::size_t read = 0;
    EXPECT_FALSE(Read({records[0], changed}, &read).ok()) << at;
  }
}

}  // namespace
}  // namespace commander::crypto
