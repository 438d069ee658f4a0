#include "crypto/ledger.h"

#include <sodium.h>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "crypto/key_primitives.h"

namespace commander::crypto {
namespace {

constexpr std::string_view kMagic = "ESLG";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kSignatureBytes = crypto_sign_BYTES;
constexpr std::string_view kSigned = "ES-LEDGER-1";

absl::Status Wrong(std::string_view what) {
  return absl::DataLossError(absl::StrCat("LEDGER: ", internal::ToAbsl(what)));
}

std::string ToSign(std::string_view unsigned_bytes) {
  return BytesWriter().Raw(kSigned).Raw(unsigned_bytes).Take();
}

}  // namespace

std::string EncodeLedgerRecord(const StoreId& store, const LedgerHash& before,
                               const LedgerRecord& record, Bytes secret_key) {
  BytesWriter writer;
  writer.Raw(kMagic).U8(kVersion).U8(static_cast<std::uint8_t>(record.kind)).U16(0);
  writer.Raw(store).Raw(record.erasure.bytes).I64(record.time_ns).Raw(before).Lp(record.body);
  const std::string to_sign = ToSign(writer.view());
  std::array<std::uint8_t, kSignatureBytes> signature;
  crypto_sign_detached(signature.data(), nullptr, AsBytes(to_sign).data(), to_sign.size(),
                       secret_key.data());
  return writer.Raw(signature).Take();
}

absl::StatusOr<ParsedLedgerRecord> ParseLedgerRecord(std::string_view bytes) {
  BytesReader reader(bytes);
  if (reader.Raw(kMagic.size()) != kMagic) return Wrong("not a record of a ledger");
  if (reader.U8() != kVersion) {
    return absl::UnimplementedError("LEDGER: a record of a newer release");
  }
  ParsedLedgerRecord parsed;
  LedgerRecord& record = parsed.record;
  record.kind = LedgerKind{reader.U8()};
  const std::uint16_t flags = reader.U16();
  parsed.store = reader.Array<16>();
  record.erasure.bytes = reader.Array<16>();
  record.time_ns = reader.I64();
  parsed.before = reader.Array<32>();
  record.body = reader.Lp();
  reader.Raw(kSignatureBytes);
  if (!reader.AtEnd()) return Wrong("a record of a wrong length");
  parsed.known =
      flags == 0 && record.kind >= LedgerKind::kOpen && record.kind <= LedgerKind::kComplete;
  return parsed;
}

absl::StatusOr<LedgerRecord> DecodeLedgerRecord(std::string_view bytes, const StoreId& store,
                                                const LedgerHash& before, Bytes public_key) {
  COMMANDER_ASSIGN_OR_RETURN(ParsedLedgerRecord parsed, ParseLedgerRecord(bytes));
  if (parsed.store != store) return Wrong("a record of another store of keys");
  const std::string to_sign = ToSign(bytes.substr(0, bytes.size() - kSignatureBytes));
  const std::string_view signature = bytes.substr(bytes.size() - kSignatureBytes);
  if (crypto_sign_verify_detached(AsBytes(signature).data(), AsBytes(to_sign).data(),
                                  to_sign.size(), public_key.data()) != 0) {
    return Wrong("a record that this store did not sign");
  }
  if (parsed.before != before) return Wrong("a record that does not continue the one before it");
  if (!parsed.known) return absl::UnimplementedError("LEDGER: a record of a newer release");
  return std::move(parsed.record);
}

LedgerHash FirstLedgerHash(const StoreId& store) {
  return Blake2b<32>({}, {AsBytes("ES-LEDGER-H0"), store});
}

LedgerHash HashOfLedgerRecord(std::string_view bytes) { return Blake2b<32>({}, {AsBytes(bytes)}); }

absl::StatusOr<Ledger> Ledger::Create(LedgerLog* log, const StoreId& store, Bytes seed,
                                      bool require_lock, const LogSink& sink) {
  Ledger ledger;
  ledger.log_ = log;
  ledger.store_ = store;
  ledger.head_ = FirstLedgerHash(store);
  COMMANDER_ASSIGN_OR_RETURN(
      ledger.secret_key_, LockedMemory::Allocate(crypto_sign_SECRETKEYBYTES, require_lock, sink));
  crypto_sign_seed_keypair(ledger.public_key_.data(), ledger.secret_key_.data(), seed.data());
  return ledger;
}

absl::Status Ledger::Restore(std::string_view checkpoint) {
  BytesReader reader(checkpoint);
  offset_ = reader.U64();
  head_ = reader.Array<32>();
  any_ = true;
  if (!reader.AtEnd()) return absl::DataLossError("CORRUPT: the checkpoint of the ledger");
  return absl::OkStatus();
}

std::string Ledger::Checkpoint() const {
  if (!any_) return {};
  return BytesWriter().U64(offset_).Raw(head_).Take();
}

absl::Status Ledger::ReadOne(std::uint64_t offset, std::string_view bytes,
                             absl::FunctionRef<absl::Status(const LedgerRecord&)> record) {
  const LedgerHash hash = HashOfLedgerRecord(bytes);
  if (any_ && hash == head_) {  // an append that was repeated, because it had seemed to fail
    offset_ = offset;
    return absl::OkStatus();
  }
  absl::StatusOr<LedgerRecord> read = DecodeLedgerRecord(bytes, store_, head_, public_key_);
  if (!read.ok()) {
    return absl::Status(read.status().code(),
                        absl::StrCat(read.status().message(), ", at offset ", offset));
  }
  if (any_ == (read->kind == LedgerKind::kOpen)) {
    return Wrong(
        absl::StrCat("does not begin with its only record of opening, at offset ", offset));
  }
  any_ = true;
  offset_ = offset;
  head_ = hash;
  seen_.emplace(read->kind, read->erasure);
  return record(*read);
}

absl::Status Ledger::CatchUp(absl::FunctionRef<absl::Status(const LedgerRecord&)> record) {
  bool at_known = any_;  // the first to be read is the last that is known
  const std::uint64_t from = any_ ? offset_ : 0;
  COMMANDER_RETURN_IF_ERROR(
      log_->Read(from, [&](std::uint64_t offset, std::string_view bytes) -> absl::Status {
        if (!at_known) return ReadOne(offset, bytes, record);
        at_known = false;
        if (offset == from && HashOfLedgerRecord(bytes) == head_) return absl::OkStatus();
        return Wrong(absl::StrCat("the record at offset ", from, " is not the one read before"));
      }));
  if (!at_known) return absl::OkStatus();
  return Wrong(absl::StrCat("ends before offset ", from, ", which was read before: rolled back"));
}

LedgerRecord Ledger::OpeningRecord(std::int64_t now_ns) const {
  return {
      .kind = LedgerKind::kOpen, .erasure = {}, .time_ns = now_ns, .body = ToString(public_key_)};
}

absl::Status Ledger::AppendOnce(const LedgerRecord& record) {
  const auto known = [](const LedgerRecord&) { return absl::OkStatus(); };
  COMMANDER_RETURN_IF_ERROR(CatchUp(known));
  while (!Holds(record.kind, record.erasure)) {
    if (!pending_.has_value()) {
      pending_ = {record.kind, record.erasure,
                  EncodeLedgerRecord(store_, head_, record, secret_key_.span())};
    }
    if (!Holds(pending_->kind, pending_->erasure)) {
      COMMANDER_RETURN_IF_ERROR(log_->Append(pending_->bytes).status());
      COMMANDER_RETURN_IF_ERROR(CatchUp(known));
      if (!Holds(pending_->kind, pending_->erasure)) {
        return Wrong("a record that was appended is not read back");
      }
    }
    pending_.reset();
  }
  return absl::OkStatus();
}

}  // namespace commander::crypto
