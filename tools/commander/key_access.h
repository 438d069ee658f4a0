// key_access.h: the store of keys of a data directory whose engine does not run.
//
// To open it writes below keys/rows (RocksDB's own files), and carries on an erasure that was
// interrupted; so only verbs that need keys do.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/kek_file.h"
#include "crypto/key_store.h"
#include "engine/data_directory.h"
#include "engine/log/log.h"
#include "tools/commander/data.h"
#include "tools/commander/key_options.h"

namespace commander::cli {

// Whether there is a store of keys, or the log names one.
absl::StatusOr<bool> HasKeys(Data& data, const KeyOptions& options);

class KeyAccess {
 public:
  // To read: the log is read only, and nothing can be erased.  Both:
  //   kAborted: an engine, or another command, has the directory.
  //   Errors of crypto::KeyStore::Open(), which begin with their cause.
  static absl::StatusOr<std::unique_ptr<KeyAccess>> ToRead(Data& data, const KeyOptions& options);
  // To erase: opens the log for writing, and locks the directory as an engine does.
  static absl::StatusOr<std::unique_ptr<KeyAccess>> ToErase(const Data& data,
                                                            const KeyOptions& options);
  ~KeyAccess();

  crypto::KeyStore& store() { return *store_; }

 private:
  KeyAccess() = default;
  absl::Status OpenStore(const std::filesystem::path& data, const KeyOptions& options);

  int lock_ = -1;
  std::unique_ptr<internal::DataDirectory> directory_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<crypto::LedgerLog> ledger_;
  std::unique_ptr<crypto::KekProvider> kek_;
  std::unique_ptr<crypto::KeyStore> store_;
};

}  // namespace commander::cli
