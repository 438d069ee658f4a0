// key_store.h: the keys of subjects, on disk, and how to destroy one.
//
//     const auto kek = NewKekFile({.data_directory = "data", .sink = sink});
//     COMMANDER_ASSIGN_OR_RETURN(auto keys, KeyStore::Open({.directory = "data/keys",
//         .kek = kek.get(), .open_rows = store::KeyRowsOpener(sink), .ledger = &ledger,
//         .drop_caches = drop, .clock = &clock, .sink = sink}));
//     COMMANDER_ASSIGN_OR_RETURN(ErasureReceipt receipt, keys->Erase(subject, "ticket 4711"));
//
// A KEK outside of the directory wraps a root, the root a table of 4,096 bucket keys, a bucket key
// the keys of the subjects in its bucket (FORMAT.md).  Root and bucket keys do not change yet: an
// erasure deletes rows and compacts them, and leaves remnants in freed blocks of the disk that
// whoever has the KEK can open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/environment.h"
#include "commander/log_sink.h"
#include "crypto/erasure.h"
#include "crypto/kek_file.h"
#include "crypto/key_rows.h"
#include "crypto/keyring.h"
#include "crypto/ledger_log.h"

namespace commander::crypto {

struct KeyStoreOptions {
  // What only this store may touch, usually <data>/keys.  Required, as are all pointers that are
  // not said to be optional; they must outlive the store.
  std::filesystem::path directory = {};
  KekProvider* kek = nullptr;
  OpenKeyRows open_rows = nullptr;
  LedgerLog* ledger = nullptr;
  Clock* clock = nullptr;

  // Whether a store is made where there is none.  It is never made where the ledger has records;
  // say false where the log holds sealed ones.
  bool create = true;

  // Called by Erase() and ResumeErasures() after the fence and before the ledger: every worker
  // writes its dirty rows back and drops what it has decoded; returns when all have.
  std::function<absl::Status()> drop_caches = nullptr;

  RandomSource* random = nullptr;  // optional: the kernel's
  LogSink sink = nullptr;

  // Keys held unwrapped in locked memory, 32 bytes each.
  std::size_t cached_keys = 32'768;
  // Fail where memory cannot be locked, instead of a warning.
  bool require_locked_memory = false;

  // For tests: called after each step of creating and erasing, with its name.
  std::function<void(std::string_view step)> on_step = nullptr;
};

// Thread-safe.
class KeyStore : public Keyring {
 public:
  // Reads the ledger to its end, and resumes the erasures that a crash interrupted, before it
  // returns; where the ledger takes no record now they stay fenced, and the sink is told.
  // Whatever fails before the rows are opened leaves the directory, and that of the KEK, as they
  // were.  Each message begins with its cause:
  //   kFailedPrecondition  KEYS_MISSING, KEK_MISSING, KEK_INVALID, WRONG_KEK
  //   kPermissionDenied    KEK_UNREADABLE
  //   kNotFound            no store, and not to be made
  //   kDataLoss            CORRUPT, LEDGER (forked, rolled back, badly signed, of another store)
  //   kUnimplemented       a format of a newer release
  //   kUnavailable         LOCKED by another process
  static absl::StatusOr<std::unique_ptr<KeyStore>> Open(KeyStoreOptions options);

  virtual const StoreId& store_id() const = 0;

  // Destroys the key of a subject, and refuses new ones.  `reason` is sealed into the ledger.
  // One at a time; waits for workers: not to be called by one.  The same receipt when repeated,
  // also where the subject never had a key.  After an error the subject is fenced or untouched:
  // Status() tells, and repeating resumes.
  //   kInvalidArgument: a subject or a reason that is too long.
  //   kUnavailable: the ledger or the workers did not answer, or the store has failed.
  virtual absl::StatusOr<ErasureReceipt> Erase(const Subject& subject, std::string_view reason) = 0;

  // Continues the erasures that are not done.
  virtual absl::Status ResumeErasures() = 0;

  virtual absl::StatusOr<SubjectStatus> Status(const Subject& subject) = 0;

  // All that the store knows of, also those under way, in the order of their time.
  virtual absl::StatusOr<std::vector<ErasureReceipt>> Erasures() = 0;

  // Wipes keys from memory and closes the rows.  Every call fails after it.
  virtual absl::Status Close() = 0;
};

}  // namespace commander::crypto
