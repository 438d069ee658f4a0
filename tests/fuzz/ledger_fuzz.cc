// Records of a ledger of erasures, with a signature that is right and as they come.
#include "crypto/ledger.h"

#include "crypto/key_primitives.h"
#include "crypto/ledger_reader.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_ledger_log.h"

namespace commander::test {

constexpr crypto::StoreId kStore = {5};
constexpr std::uint8_t kSeed[32] = {1};

// The records of a ledger with one erasure.
std::vector<std::string> FuzzSeeds() {
  FakeLedgerLog log;
  auto ledger = crypto::Ledger::Create(&log, kStore, kSeed, false, nullptr);
  Demand(ledger.ok(), "a ledger can be made");
  const crypto::ErasureId erasure{{7}};
  Demand(ledger->AppendOnce(ledger->OpeningRecord(1)).ok(), "a record can be appended");
  for (const crypto::LedgerKind kind :
       {crypto::LedgerKind::kErase, crypto::LedgerKind::kComplete}) {
    Demand(ledger->AppendOnce({kind, erasure, 2, "body"}).ok(), "a record can be appended");
  }
  std::vector<std::string> seeds = log.records;
  seeds.push_back(ledger->Checkpoint());
  return seeds;
}

FUZZ(std::string_view bytes) {
  static const auto& records = *new std::vector<std::string>(FuzzSeeds());
  crypto::ParseLedgerRecord(bytes).IgnoreError();
  // Behind a record, a reader believes its continuation only.
  crypto::LedgerReader reader;
  reader.Next(bytes).IgnoreError();
  crypto::LedgerReader second;
  Demand(second.Next(records[0]).ok(), "the first record is read");
  const auto next = second.Next(bytes);
  Demand(!next.ok() || bytes == records[0] || bytes == records[1], "a forged record is refused");

  FakeLedgerLog log;
  log.records = {records[0], std::string(bytes)};
  auto ledger = crypto::Ledger::Create(&log, kStore, kSeed, false, nullptr);
  const auto ignore = [](const crypto::LedgerRecord&) { return absl::OkStatus(); };
  const absl::Status read = ledger->CatchUp(ignore);
  Demand(!read.ok() || bytes == records[0] || bytes == records[1], "a forged record is refused");
  auto restored = crypto::Ledger::Create(&log, kStore, kSeed, false, nullptr);
  restored->Restore(bytes).IgnoreError();
}

}  // namespace commander::test
