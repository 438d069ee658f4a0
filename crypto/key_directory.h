// key_directory.h: makes the directory of the store of keys, and opens its files.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/key_file.h"
#include "crypto/key_io.h"
#include "crypto/key_store.h"
#include "crypto/locked_memory.h"

namespace commander::crypto {

struct KeyDirectory {
  FileHandle lock;  // held: nobody else has the directory
  KeyStoreId id;
  std::uint64_t root_sequence = 0;
  LockedMemory memory;  // of `table`
  SecretTable table;
};

// Where there is none, one is made next to it under the name <directory>.new and then renamed, so
// that a crash leaves none or all.  Errors are those of KeyStore::Open().
absl::StatusOr<KeyDirectory> OpenKeyDirectory(const KeyStoreOptions& options);

}  // namespace commander::crypto
