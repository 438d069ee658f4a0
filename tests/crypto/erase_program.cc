// Makes a store of keys in a directory, gives Anna and Bert a key, erases Anna, and kills itself
// after a given number of steps: `crypto_erase DIRECTORY STEPS`.  Without a step that ends it, it
// prints the steps that there were.
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "crypto/key_store.h"
#include "store/key_rows_rocks.h"
#include "tests/crypto/file_ledger_log.h"
#include "tests/crypto/key_store_fixture.h"

namespace commander::crypto {
namespace {

int Main(const std::filesystem::path& directory, int steps) {
  const auto step = [&](std::string_view name) {
    std::printf("%.*s\n", static_cast<int>(name.size()), name.data());
    if (--steps == 0) raise(SIGKILL);
  };
  setenv("XDG_CONFIG_HOME", (directory / "config").c_str(), 1);
  const auto kek = NewKekFile({});
  FileLedgerLog ledger(directory / "ledger", step);
  test::FakeClock clock;
  KeyStoreOptions options;
  options.directory = directory / "keys";
  options.kek = kek.get();
  options.open_rows = store::KeyRowsOpener(nullptr);
  options.ledger = &ledger;
  options.clock = &clock;
  options.on_step = step;
  auto keys = KeyStore::Open(options);
  if (!keys.ok()) {
    std::fprintf(stderr, "%s\n", keys.status().ToString().c_str());
    return 1;
  }
  const Subject anna{"people", "anna"};
  if (const auto kid = (*keys)->KidFor(anna); kid.ok()) {
    WriteBytes(directory / "anna", ToString(kid->bytes));
  } else if (!absl::IsFailedPrecondition(kid.status())) {
    return 2;
  }
  if (!(*keys)->KidFor({"people", "bert"}).ok() || !(*keys)->SyncKeys().ok()) return 3;
  const auto erased = (*keys)->Erase(anna, "");
  if (!erased.ok() || erased->stage != ErasureStage::kDone) return 4;
  return (*keys)->Close().ok() ? 0 : 5;
}

}  // namespace
}  // namespace commander::crypto

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  return commander::crypto::Main(argv[1], std::atoi(argv[2]));
}
