// ledger_reader.h: a ledger of erasures, read by those who have no store of keys.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/ledger.h"
#include "crypto/subject.h"

namespace commander::crypto {

// Believes the first record, which names the store and its public key, and verifies that all others
// continue it and are signed by that key.  Who wrote the first is known to the store of keys only.
class LedgerReader {
 public:
  // The next record from the log; nothing for one that only repeats the one before it.
  //   kDataLoss, kUnimplemented: as DecodeLedgerRecord().
  absl::StatusOr<std::optional<LedgerRecord>> Next(std::string_view bytes);

 private:
  bool any_ = false;
  StoreId store_{};
  std::array<std::uint8_t, 32> public_key_{};
  LedgerHash head_{};
};

}  // namespace commander::crypto
