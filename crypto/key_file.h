// key_file.h: the bytes of the files of the store of keys: id, root.slots, table.<t> (FORMAT.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/environment.h"
#include "crypto/key_bytes.h"
#include "crypto/key_primitives.h"
#include "crypto/subject.h"

namespace commander::crypto {

struct KeyStoreId {
  StoreId store{};
  Realm realm{};
  friend bool operator==(const KeyStoreId&, const KeyStoreId&) = default;
};
std::string EncodeKeyStoreId(const KeyStoreId& id);
// kDataLoss, or kUnimplemented for a format that is not known.
absl::StatusOr<KeyStoreId> DecodeKeyStoreId(std::string_view bytes);

// Two slots, each in the first bytes of a sector of its own.
inline constexpr std::size_t kSlotBytes = 4096;
using KekId = std::array<std::uint8_t, 16>;
struct RootSlot {
  std::uint64_t sequence = 0;
  std::uint64_t table = 0;
  KekId kek_id{};
  std::string bytes;  // kSlotBytes of them
};
KekId KekIdOf(Bytes kek);
std::string EncodeRootSlot(std::uint64_t sequence, std::uint64_t table, const StoreId& store,
                           Bytes kek, Bytes root, RandomSource* random);
absl::StatusOr<RootSlot> DecodeRootSlot(std::string_view bytes);
// The newest of the two slots of a file.  kDataLoss where none is whole, or where they disagree.
absl::StatusOr<RootSlot> NewestRootSlot(std::string_view file);
bool OpenRootSlot(const RootSlot& slot, const StoreId& store, Bytes kek,
                  std::span<std::uint8_t> root);

// What the root wraps, in locked memory.
inline constexpr std::size_t kBuckets = 4096;
class SecretTable {
 public:
  static constexpr std::size_t kBytes = kBuckets * 40 + 4 * 32 + 16;

  SecretTable() = default;
  explicit SecretTable(std::span<std::uint8_t> memory) : bytes_(memory.data()) {}

  Bytes bucket_key(std::uint16_t bucket) const { return {bytes_ + bucket * 40, kKeyBytes}; }
  std::uint64_t epoch(std::uint16_t bucket) const;
  Bytes pepper() const { return {bytes_ + kSecrets, 32}; }
  Bytes suppression_pepper() const { return {bytes_ + kSecrets + 32, 32}; }
  Bytes mac_key() const { return {bytes_ + kSecrets + 64, 16}; }
  Bytes ledger_key() const { return {bytes_ + kSecrets + 80, 32}; }
  Bytes ledger_seed() const { return {bytes_ + kSecrets + 112, 32}; }

  // New keys, all of epoch 1.
  void Generate(RandomSource* random);

 private:
  static constexpr std::size_t kSecrets = kBuckets * 40;
  std::uint8_t* bytes_ = nullptr;
};

// The file: the table twice.
std::string SealTable(std::uint64_t number, const StoreId& store, Bytes root, Bytes table,
                      RandomSource* random);
bool OpenTable(std::string_view file, std::uint64_t number, const StoreId& store, Bytes root,
               std::span<std::uint8_t> table);

}  // namespace commander::crypto
