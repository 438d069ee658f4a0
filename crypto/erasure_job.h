// erasure_job.h: the rows of erasures, and what the ledger holds of one.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/environment.h"
#include "crypto/erasure.h"
#include "crypto/key_bytes.h"
#include "crypto/key_row.h"
#include "crypto/ledger.h"

namespace commander::crypto {

inline constexpr std::size_t kMaxReasonBytes = 4096;

struct ErasureJob {
  ErasureReceipt receipt;
  std::string body;  // of the record kErase
};

std::string EncodeJob(const ErasureJob& job);
absl::StatusOr<ErasureJob> DecodeJob(std::string_view key, std::string_view value);

// Kids in clear; whom they were of, and why, under the key of the ledger, which never leaves the
// store.
struct ErasedSubjects {
  std::vector<Tag> suppression_tags;
  std::string reason;
};
std::string EncodeEraseBody(const StoreId& store, const ErasureId& id, std::span<const Kid> kids,
                            const ErasedSubjects& subjects, Bytes ledger_key, RandomSource* random);
absl::StatusOr<std::vector<Kid>> KidsOfEraseBody(std::string_view body);
absl::StatusOr<ErasedSubjects> OpenEraseBody(const StoreId& store, const ErasureId& id,
                                             std::string_view body, Bytes ledger_key);

// How the key was destroyed, for the record kComplete.
std::string EncodeCompleteBody(bool any_key, std::uint64_t root_sequence);

LedgerRecord EraseRecord(const ErasureJob& job);
LedgerRecord CompleteRecord(const ErasureJob& job, std::uint64_t root_sequence);

}  // namespace commander::crypto
