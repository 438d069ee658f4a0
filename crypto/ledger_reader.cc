#include "crypto/ledger_reader.h"

#include <algorithm>

#include "commander/internal/status_macros.h"
#include "crypto/key_bytes.h"

namespace commander::crypto {

absl::StatusOr<std::optional<LedgerRecord>> LedgerReader::Next(std::string_view bytes) {
  const LedgerHash hash = HashOfLedgerRecord(bytes);
  if (any_ && hash == head_) return std::optional<LedgerRecord>();
  if (!any_) {
    COMMANDER_ASSIGN_OR_RETURN(const ParsedLedgerRecord first, ParseLedgerRecord(bytes));
    const Bytes key = AsBytes(first.record.body);
    if (first.record.kind != LedgerKind::kOpen || key.size() != public_key_.size()) {
      return absl::DataLossError("LEDGER: does not begin with its record of opening");
    }
    store_ = first.store;
    std::copy(key.begin(), key.end(), public_key_.begin());
    head_ = FirstLedgerHash(store_);
  }
  COMMANDER_ASSIGN_OR_RETURN(LedgerRecord record,
                             DecodeLedgerRecord(bytes, store_, head_, public_key_));
  if (any_ && record.kind == LedgerKind::kOpen) {
    return absl::DataLossError("LEDGER: a second record of opening");
  }
  any_ = true;
  head_ = hash;
  return std::optional<LedgerRecord>(std::move(record));
}

}  // namespace commander::crypto
