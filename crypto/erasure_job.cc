#include "crypto/erasure_job.h"

#include <utility>

#include "commander/internal/status_macros.h"
#include "crypto/key_primitives.h"

namespace commander::crypto {
namespace {

constexpr std::uint8_t kJobFormat = 1;
// How a key was destroyed.  Persistent numbers; 2 is kept for a new root.
constexpr std::uint8_t kNoKey = 0;
constexpr std::uint8_t kRowsCompacted = 1;
constexpr std::uint8_t kMediumNotExamined = 0;

absl::Status Damaged() {
  return absl::DataLossError("CORRUPT: what the store of keys holds of an erasure is damaged");
}

// The kids, and the bytes that they take.
absl::StatusOr<std::vector<Kid>> ReadKids(BytesReader* reader, std::size_t limit) {
  const std::uint32_t count = reader->U32();
  if (!reader->ok() || count > limit / sizeof(Kid)) return Damaged();
  std::vector<Kid> kids(count);
  for (Kid& kid : kids) kid.bytes = reader->Array<32>();
  if (!reader->ok()) return Damaged();
  return kids;
}

std::string EraseData(const StoreId& store, const ErasureId& id, std::string_view kids) {
  return BytesWriter().Raw("ESERASE1").Raw(store).Raw(id.bytes).Raw(kids).Take();
}

}  // namespace

std::string EncodeJob(const ErasureJob& job) {
  const ErasureReceipt& receipt = job.receipt;
  BytesWriter writer;
  writer.U8(kJobFormat).U8(static_cast<std::uint8_t>(receipt.stage));
  writer.I64(receipt.fenced_ns).I64(receipt.destroyed_ns).I64(receipt.completed_ns);
  return writer.Raw(job.body).Take();
}

absl::StatusOr<ErasureJob> DecodeJob(std::string_view key, std::string_view value) {
  BytesReader of_key(key);
  ErasureJob job;
  job.receipt.id.bytes = of_key.Array<16>();
  BytesReader reader(value);
  const std::uint8_t format = reader.U8();
  job.receipt.stage = ErasureStage{reader.U8()};
  job.receipt.fenced_ns = reader.I64();
  job.receipt.destroyed_ns = reader.I64();
  job.receipt.completed_ns = reader.I64();
  if (reader.ok() && format != kJobFormat) {
    return absl::UnimplementedError("an erasure of a newer release");
  }
  if (!reader.ok() || !of_key.AtEnd() || job.receipt.stage < ErasureStage::kFenced ||
      job.receipt.stage > ErasureStage::kDone) {
    return Damaged();
  }
  job.body = reader.Rest();
  COMMANDER_ASSIGN_OR_RETURN(job.receipt.kids, KidsOfEraseBody(job.body));
  return job;
}

std::string EncodeEraseBody(const StoreId& store, const ErasureId& id, std::span<const Kid> kids,
                            const ErasedSubjects& subjects, Bytes ledger_key,
                            RandomSource* random) {
  BytesWriter body;
  body.U32(static_cast<std::uint32_t>(kids.size()));
  for (const Kid& kid : kids) body.Raw(kid.bytes);
  BytesWriter plain;
  plain.U32(static_cast<std::uint32_t>(subjects.suppression_tags.size()));
  for (const Tag& tag : subjects.suppression_tags) plain.Raw(tag);
  plain.Lp(subjects.reason);
  const std::string sealed =
      SealValue(ledger_key, EraseData(store, id, body.view()), AsBytes(plain.view()), random);
  return body.Raw(sealed).Take();
}

absl::StatusOr<std::vector<Kid>> KidsOfEraseBody(std::string_view body) {
  BytesReader reader(body);
  return ReadKids(&reader, body.size());
}

absl::StatusOr<ErasedSubjects> OpenEraseBody(const StoreId& store, const ErasureId& id,
                                             std::string_view body, Bytes ledger_key) {
  BytesReader reader(body);
  COMMANDER_RETURN_IF_ERROR(ReadKids(&reader, body.size()).status());
  const std::string_view sealed = reader.Rest();
  if (sealed.size() < kSealOverheadBytes) return Damaged();
  const std::string data = EraseData(store, id, body.substr(0, body.size() - sealed.size()));
  std::string plain(sealed.size() - kSealOverheadBytes, '\0');
  if (!OpenValue(ledger_key, data, sealed,
                 {reinterpret_cast<std::uint8_t*>(plain.data()), plain.size()})) {
    return Damaged();
  }
  BytesReader of_plain(plain);
  const std::uint32_t count = of_plain.U32();
  if (count > plain.size() / sizeof(Tag)) return Damaged();
  ErasedSubjects subjects;
  subjects.suppression_tags.resize(count);
  for (Tag& tag : subjects.suppression_tags) tag = of_plain.Array<16>();
  subjects.reason = of_plain.Lp();
  if (!of_plain.AtEnd()) return Damaged();
  return subjects;
}

std::string EncodeCompleteBody(bool any_key, std::uint64_t root_sequence) {
  BytesWriter writer;
  writer.U8(any_key ? kRowsCompacted : kNoKey).U8(kMediumNotExamined).U64(root_sequence);
  return writer.Take();
}

// Nothing in them depends on when they are made: an append that is repeated is the same bytes.
LedgerRecord EraseRecord(const ErasureJob& job) {
  return {.kind = LedgerKind::kErase,
          .erasure = job.receipt.id,
          .time_ns = job.receipt.fenced_ns,
          .body = job.body};
}

LedgerRecord CompleteRecord(const ErasureJob& job, std::uint64_t root_sequence) {
  return {.kind = LedgerKind::kComplete,
          .erasure = job.receipt.id,
          .time_ns = job.receipt.destroyed_ns,
          .body = EncodeCompleteBody(!job.receipt.kids.empty(), root_sequence)};
}

}  // namespace commander::crypto
