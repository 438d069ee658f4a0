#include "crypto/key_file.h"

#include <utility>

#include "commander/internal/status_macros.h"

namespace commander::crypto {
namespace {

constexpr std::string_view kIdMagic = "ESKEYSID";
constexpr std::uint32_t kIdFormat = 1;
constexpr std::uint32_t kFromFile = 1;  // the KEK is a file; 2 is kept for a passphrase
constexpr std::size_t kIdBytes = 96;

constexpr std::string_view kRootName = "ESROOT";
constexpr std::string_view kRootMagic = "ESROOT01";
constexpr std::size_t kRootHeaderBytes = 40;
constexpr std::size_t kRootBytes = kRootHeaderBytes + kSealOverheadBytes + kKeyBytes + 16;

constexpr std::size_t kSealedTableBytes = SecretTable::kBytes + kSealOverheadBytes;

std::string Checksum(std::string_view bytes) { return ToString(Blake2b<16>({}, {AsBytes(bytes)})); }

std::string RootData(std::string_view header, const StoreId& store) {
  return BytesWriter().Raw(header).Raw(store).Take();
}

std::string TableData(std::uint64_t number, const StoreId& store) {
  return BytesWriter().Raw("ESTABLE1").Raw(store).U64(number).Take();
}

}  // namespace

std::string EncodeKeyStoreId(const KeyStoreId& id) {
  BytesWriter writer;
  writer.Raw(kIdMagic).U32(kIdFormat).U32(kFromFile).Raw(id.store).Raw(id.realm);
  writer.Raw(std::string(32, '\0'));  // salt and limits of Argon2id
  const std::string checksum = Checksum(writer.view());
  return writer.Raw(checksum).Take();
}

absl::StatusOr<KeyStoreId> DecodeKeyStoreId(std::string_view bytes) {
  if (bytes.size() != kIdBytes || !bytes.starts_with(kIdMagic) ||
      Checksum(bytes.substr(0, kIdBytes - 16)) != bytes.substr(kIdBytes - 16)) {
    return absl::DataLossError("not an id of a store of keys, or damaged");
  }
  BytesReader reader(bytes.substr(kIdMagic.size()));
  if (reader.U32() != kIdFormat || reader.U32() != kFromFile) {
    return absl::UnimplementedError("made by a newer release");
  }
  KeyStoreId id;
  id.store = reader.Array<16>();
  id.realm = reader.Array<16>();
  return id;
}

KekId KekIdOf(Bytes kek) { return Blake2b<16>(kek, {AsBytes("ES kek v1")}); }

std::string EncodeRootSlot(std::uint64_t sequence, std::uint64_t table, const StoreId& store,
                           Bytes kek, Bytes root, RandomSource* random) {
  BytesWriter writer;
  writer.Raw(kRootMagic).U64(sequence).U64(table).Raw(KekIdOf(kek));
  const std::string sealed = SealValue(kek, RootData(writer.view(), store), root, random);
  writer.Raw(sealed);
  const std::string checksum = Checksum(writer.view());
  std::string bytes = writer.Raw(checksum).Take();
  bytes.resize(kSlotBytes);
  return bytes;
}

absl::StatusOr<RootSlot> DecodeRootSlot(std::string_view bytes) {
  if (bytes.size() != kSlotBytes || !bytes.starts_with(kRootName) ||
      Checksum(bytes.substr(0, kRootBytes - 16)) != bytes.substr(kRootBytes - 16, 16)) {
    return absl::DataLossError("not a slot of the root, or damaged");
  }
  if (!bytes.starts_with(kRootMagic)) return absl::UnimplementedError("made by a newer release");
  BytesReader reader(bytes.substr(kRootMagic.size()));
  RootSlot slot;
  slot.sequence = reader.U64();
  slot.table = reader.U64();
  slot.kek_id = reader.Array<16>();
  slot.bytes = bytes;
  return slot;
}

absl::StatusOr<RootSlot> NewestRootSlot(std::string_view file) {
  if (file.size() != 2 * kSlotBytes) return absl::DataLossError("of a wrong size");
  absl::StatusOr<RootSlot> first = DecodeRootSlot(file.substr(0, kSlotBytes));
  absl::StatusOr<RootSlot> second = DecodeRootSlot(file.substr(kSlotBytes));
  for (const auto* slot : {&first, &second}) {
    if (absl::IsUnimplemented(slot->status())) return slot->status();
  }
  if (!first.ok() && !second.ok()) return absl::DataLossError("both slots are damaged");
  if (!first.ok()) return second;
  if (!second.ok()) return first;
  if (first->sequence == second->sequence && first->bytes != second->bytes) {
    return absl::DataLossError("the slots have one number and different bytes");
  }
  return first->sequence >= second->sequence ? first : second;
}

bool OpenRootSlot(const RootSlot& slot, const StoreId& store, Bytes kek,
                  std::span<std::uint8_t> root) {
  const std::string_view bytes = slot.bytes;
  return OpenValue(kek, RootData(bytes.substr(0, kRootHeaderBytes), store),
                   bytes.substr(kRootHeaderBytes, kRootBytes - kRootHeaderBytes - 16), root);
}

std::uint64_t SecretTable::epoch(std::uint16_t bucket) const {
  return BytesReader(AsView({bytes_ + bucket * 40 + kKeyBytes, 8})).U64();
}

void SecretTable::Generate(RandomSource* random) {
  FillRandom(random, {bytes_, kBytes});
  constexpr std::uint8_t kEpochOne[8] = {1};
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    std::memcpy(bytes_ + bucket * 40 + kKeyBytes, kEpochOne, 8);
  }
}

std::string SealTable(std::uint64_t number, const StoreId& store, Bytes root, Bytes table,
                      RandomSource* random) {
  const std::string sealed = SealValue(root, TableData(number, store), table, random);
  return sealed + sealed;
}

bool OpenTable(std::string_view file, std::uint64_t number, const StoreId& store, Bytes root,
               std::span<std::uint8_t> table) {
  if (file.size() != 2 * kSealedTableBytes) return false;
  const std::string data = TableData(number, store);
  return OpenValue(root, data, file.substr(0, kSealedTableBytes), table) ||
         OpenValue(root, data, file.substr(kSealedTableBytes), table);
}

}  // namespace commander::crypto
