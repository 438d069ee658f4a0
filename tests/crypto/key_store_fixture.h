// key_store_fixture.h: a store of keys whose directory, rows, ledger and KEK a test can damage.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/key_store.h"
#include "crypto/ledger.h"
#include "tests/support/fake_environment.h"
#include "tests/support/fake_ledger_log.h"
#include "tests/support/memory_key_rows.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::crypto {

inline std::string ReadBytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
inline void WriteBytes(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class KeyStoreFixture : public ::testing::Test {
 protected:
  KeyStoreOptions Options() {
    kek_ = NewKekFile({.path = KekPath(), .data_directory = {}, .sink = Sink()});
    KeyStoreOptions options;
    options.directory = KeysPath();
    options.kek = kek_.get();
    options.open_rows = disk_.Opener();
    options.ledger = &ledger_;
    options.clock = &clock_;
    options.sink = Sink();
    options.cached_keys = 1024;
    return options;
  }
  LogSink Sink() {
    return [this](const LogLine& line) { lines_.push_back(line.message); };
  }
  std::filesystem::path KeysPath() const { return dir_ / "data" / "keys"; }
  std::filesystem::path KekPath() const { return dir_ / "config" / "store.kek"; }

  absl::Status Open() { return Open(Options()); }
  absl::Status Open(KeyStoreOptions options) {
    keys_.reset();
    auto opened = KeyStore::Open(std::move(options));
    if (!opened.ok()) return opened.status();
    keys_ = *std::move(opened);
    return absl::OkStatus();
  }

  // What Use() says of a kid, and the key if it is held.
  struct Answer {
    KeyAnswer::State state;
    std::string key;
    ErasureId erasure;
  };
  absl::StatusOr<Answer> Ask(const Kid& kid) {
    Answer answer;
    COMMANDER_RETURN_IF_ERROR(keys_->Use(kid, [&](const KeyAnswer& got) {
      answer = {got.state, {}, got.erasure};
      if (got.key != nullptr) answer.key.assign(reinterpret_cast<const char*>(got.key), 32);
    }));
    return answer;
  }
  KeyAnswer::State StateOf(const Kid& kid) {
    const auto answer = Ask(kid);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->state : KeyAnswer::State::kUnknown;
  }

  // The kinds of the ledger's records, in order.
  std::string LedgerKinds() const {
    std::string kinds;
    for (const std::string& record : ledger_.records) {
      kinds.push_back(static_cast<char>('0' + record[5]));
    }
    return kinds;
  }

  const test::TempDir dir_{test::TempDir::kMemory};
  test::MemoryKeyDisk disk_;
  test::FakeLedgerLog ledger_;
  test::FakeClock clock_;
  std::vector<std::string> lines_;
  std::unique_ptr<KekProvider> kek_;
  std::unique_ptr<KeyStore> keys_;

  const Subject anna_{"people", "anna"};
  const Subject bert_{"people", "bert"};
};

}  // namespace commander::crypto
