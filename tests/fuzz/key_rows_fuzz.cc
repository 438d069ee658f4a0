// The rows of a store of keys: of keys, of tags, and of erasures.
#include "crypto/erasure_job.h"
#include "crypto/key_row.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_environment.h"

namespace commander::test {

constexpr crypto::StoreId kStore = {5};

struct Table {
  Table() { table.Generate(&random); }
  FakeRandom random;
  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(crypto::SecretTable::kBytes);
  crypto::SecretTable table{bytes};
  crypto::KeyRowPlace place{table, kStore};
};
Table& Shared() {
  static Table& table = *new Table;
  return table;
}

std::string SubjectBytes() { return crypto::EncodeSubject({"people", "anna"}); }

std::vector<std::string> FuzzSeeds() {
  Table& shared = Shared();
  std::vector<std::uint8_t> plain(crypto::kKeyRowPlainBytes);
  const crypto::Kid kid = crypto::KidOfKey(crypto::Bytes(plain).first(32));
  const std::string key = crypto::TagRowKey(shared.table, 3, SubjectBytes());
  crypto::ErasureJob job;
  job.receipt.kids = {kid};
  job.body = crypto::EncodeEraseBody(kStore, job.receipt.id, job.receipt.kids,
                                     {.suppression_tags = {{}}, .reason = "asked"},
                                     shared.table.ledger_key(), &shared.random);
  return {crypto::SealKeyRow(shared.place, kid, 3, 17, SubjectBytes(), plain, &shared.random),
          crypto::SealTagRow(shared.place, key, kid, &shared.random), crypto::EncodeJob(job),
          job.body};
}

FUZZ(std::string_view bytes) {
  Table& shared = Shared();
  std::vector<std::uint8_t> plain(crypto::kKeyRowPlainBytes);
  const crypto::Kid kid = crypto::KidOfKey(crypto::Bytes(plain).first(32));
  crypto::BucketOfKeyRow(bytes).IgnoreError();
  crypto::OpenKeyRow(shared.place, kid, bytes, plain).IgnoreError();
  const std::string key = crypto::TagRowKey(shared.table, 3, SubjectBytes());
  crypto::OpenTagRow(shared.place, key, bytes).IgnoreError();
  crypto::OpenTagRow(shared.place, bytes, bytes).IgnoreError();
  crypto::DecodeJob(bytes, bytes).IgnoreError();
  if (const auto job = crypto::DecodeJob(std::string(16, 'e'), bytes); job.ok()) {
    Demand(crypto::EncodeJob(*job) == bytes, "an erasure is written as it was read");
  }
  crypto::OpenEraseBody(kStore, {}, bytes, shared.table.ledger_key()).IgnoreError();
}

}  // namespace commander::test
