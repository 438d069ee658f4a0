// ledger.h: the ledger of erasures: records that are chained and signed, in a log that keeps them
// for good.
//
// A record holds the hash of the one before it and an Ed25519 signature (RFC 8032), so one that was
// left out, moved, changed or taken back is noticed; FORMAT.md has the bytes.  It names no subject.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/key_bytes.h"
#include "crypto/ledger_log.h"
#include "crypto/locked_memory.h"
#include "crypto/subject.h"

namespace commander::crypto {

// Persistent numbers.
enum class LedgerKind : std::uint8_t {
  kOpen = 1,         // the first: names the store and its public key
  kErase = 2,        // the key of a subject is to be destroyed
  kComplete = 3,     // and is
  kReauthorise = 4,  // kept for later
};

struct LedgerRecord {
  LedgerKind kind = LedgerKind::kOpen;
  ErasureId erasure;  // zero: kOpen
  std::int64_t time_ns = 0;
  std::string body;
};

using LedgerHash = std::array<std::uint8_t, 32>;

// A record as it stands, of which nothing is verified.
struct ParsedLedgerRecord {
  LedgerRecord record;
  StoreId store{};
  LedgerHash before{};
  bool known = false;  // its kind and flags are of this release
};
// kDataLoss, and kUnimplemented for a version that is not known.
absl::StatusOr<ParsedLedgerRecord> ParseLedgerRecord(std::string_view bytes);

// The bytes of a record and its signature by `secret_key` (64 bytes, Ed25519).
std::string EncodeLedgerRecord(const StoreId& store, const LedgerHash& before,
                               const LedgerRecord& record, Bytes secret_key);
// kDataLoss, also where its signature, its store or its hash of the record before is wrong;
// kUnimplemented for a version or a kind that is not known.
absl::StatusOr<LedgerRecord> DecodeLedgerRecord(std::string_view bytes, const StoreId& store,
                                                const LedgerHash& before, Bytes public_key);
LedgerHash FirstLedgerHash(const StoreId& store);
LedgerHash HashOfLedgerRecord(std::string_view bytes);

// Not thread-safe.
class Ledger {
 public:
  // `seed` of 32 bytes makes the pair of keys.
  static absl::StatusOr<Ledger> Create(LedgerLog* log, const StoreId& store, Bytes seed,
                                       bool require_lock, const LogSink& sink);

  // What Checkpoint() returned once; nothing was read yet.  kDataLoss where it cannot be that.
  absl::Status Restore(std::string_view checkpoint);
  // Offset and hash of the last record read; empty where none was.
  std::string Checkpoint() const;

  // Reads up to the end and verifies; calls `record` with each that is new.  kDataLoss where the
  // log is not a continuation of what was read before.
  absl::Status CatchUp(absl::FunctionRef<absl::Status(const LedgerRecord&)> record);

  // The first record of a ledger; its body is the public key.
  LedgerRecord OpeningRecord(std::int64_t now_ns) const;

  // Appends a record unless CatchUp() has seen its kind and erasure; durable, and read back.  One
  // that had seemed to fail comes before it, as it was: it may still be on its way, and two records
  // behind the same one would end the chain.
  absl::Status AppendOnce(const LedgerRecord& record);

  // Seen since the checkpoint.
  bool Holds(LedgerKind kind, const ErasureId& erasure) const {
    return seen_.contains({kind, erasure});
  }
  bool empty() const { return !any_; }

 private:
  absl::Status ReadOne(std::uint64_t offset, std::string_view bytes,
                       absl::FunctionRef<absl::Status(const LedgerRecord&)> record);

  LedgerLog* log_ = nullptr;
  StoreId store_{};
  std::array<std::uint8_t, 32> public_key_{};
  LockedMemory secret_key_;
  bool any_ = false;
  std::uint64_t offset_ = 0;  // of the last record read, if any
  LedgerHash head_{};
  std::set<std::pair<LedgerKind, ErasureId>> seen_;
  struct Pending {
    LedgerKind kind;
    ErasureId erasure;
    std::string bytes;
  };
  std::optional<Pending> pending_;  // its append has not been seen to succeed
};

}  // namespace commander::crypto
