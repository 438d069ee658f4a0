// The files of a store of keys: id and root.slots; and what a table of another store is taken for.
#include "crypto/key_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_environment.h"

namespace commander::test {

constexpr std::uint8_t kKek[32] = {7};
constexpr std::uint8_t kRoot[32] = {9};

std::vector<std::string> FuzzSeeds() {
  FakeRandom random;
  const crypto::KeyStoreId id{.store = {1}, .realm = {2}};
  const std::string slot = crypto::EncodeRootSlot(3, 1, id.store, kKek, kRoot, &random);
  const std::string later = crypto::EncodeRootSlot(4, 1, id.store, kKek, kRoot, &random);
  return {crypto::EncodeKeyStoreId(id), slot, slot + slot, later + slot};
}

FUZZ(std::string_view bytes) {
  if (const auto id = crypto::DecodeKeyStoreId(bytes); id.ok()) {
    Demand(crypto::EncodeKeyStoreId(*id) == bytes, "an id is written as it was read");
  }
  if (const auto slot = crypto::DecodeRootSlot(bytes); slot.ok()) {
    std::uint8_t root[32];
    if (crypto::OpenRootSlot(*slot, {1}, kKek, root)) {
      Demand(std::memcmp(root, kRoot, sizeof(root)) == 0, "a slot opens to the root it wraps");
    }
  }
  if (const auto newest = crypto::NewestRootSlot(bytes); newest.ok()) {
    Demand(bytes.find(newest->bytes.substr(0, 64)) != std::string_view::npos,
           "the newest slot is one of the file");
  }
}

}  // namespace commander::test
