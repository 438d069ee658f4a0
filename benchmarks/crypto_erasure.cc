// What the store of keys costs: a new key, a key that is cached, one that is not, and an erasure
// among many subjects.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "commander/environment.h"
#include "crypto/key_store.h"
#include "store/key_rows_rocks.h"

namespace commander::benchmarks {
namespace {

using Clock = std::chrono::steady_clock;

double MicrosSince(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

template <typename Result>
auto Must(Result result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(result);
}
void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

crypto::Subject SubjectNumber(std::uint64_t n) { return {"people", std::to_string(n)}; }

// In memory: what a log costs is measured elsewhere.
class MemoryLedger : public crypto::LedgerLog {
 public:
  absl::StatusOr<std::uint64_t> Append(std::string_view record) override {
    records_.emplace_back(record);
    return records_.size() - 1;
  }
  absl::Status Read(std::uint64_t from, Record record) override {
    for (std::uint64_t n = from; n < records_.size(); ++n) {
      const absl::Status status = record(n, records_[n]);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  std::vector<std::string> records_;
};

struct Bench {
  explicit Bench(std::filesystem::path where) : directory(std::move(where)) {}

  const std::filesystem::path directory;
  const std::unique_ptr<crypto::KekProvider> kek = crypto::NewKekFile({.path = directory / "kek"});
  MemoryLedger ledger;
  std::unique_ptr<crypto::KeyStore> keys;

  void Open() {
    keys.reset();
    keys = Must(crypto::KeyStore::Open({.directory = directory / "keys",
                                        .kek = kek.get(),
                                        .open_rows = store::KeyRowsOpener(nullptr),
                                        .ledger = &ledger,
                                        .clock = &commander::Clock::System()}));
  }
  void Use(const crypto::Kid& kid) {
    Check(keys->Use(kid, [&](const crypto::KeyAnswer& answer) {
      if (answer.key == nullptr) std::abort();
    }));
  }
};

void Run(const std::filesystem::path& directory, std::uint64_t subjects, std::uint64_t erased) {
  Bench bench(directory);
  bench.Open();
  std::vector<crypto::Kid> kids;
  auto start = Clock::now();
  for (std::uint64_t n = 0; n < subjects; ++n) {
    kids.push_back(Must(bench.keys->KidFor(SubjectNumber(n))));
  }
  Check(bench.keys->SyncKeys());
  const double made = MicrosSince(start) / static_cast<double>(subjects);
  bench.Open();

  const auto uncached = std::min<std::size_t>(kids.size(), 10'000);
  start = Clock::now();
  for (std::size_t n = 0; n < uncached; ++n) bench.Use(kids[n]);
  const double loaded = MicrosSince(start) / static_cast<double>(uncached);
  constexpr int kRounds = 100;
  start = Clock::now();
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t n = 0; n < uncached; ++n) bench.Use(kids[n]);
  }
  const double cached = MicrosSince(start) * 1000 / static_cast<double>(uncached) / kRounds;

  std::vector<double> ms;
  for (std::uint64_t n = 0; n < erased; ++n) {
    start = Clock::now();
    Must(bench.keys->Erase(SubjectNumber(n * subjects / erased), "benchmark"));
    ms.push_back(MicrosSince(start) / 1000);
  }
  std::sort(ms.begin(), ms.end());
  std::printf("%llu subjects: new key %.1f us, key loaded %.1f us, cached %.0f ns\n",
              static_cast<unsigned long long>(subjects), made, loaded, cached);
  std::printf("erasure of one: p50 %.1f ms, worst %.1f ms of %zu\n", ms[ms.size() / 2], ms.back(),
              ms.size());
}

int Main(int argc, char** argv) {
  std::uint64_t subjects = 100'000;
  std::uint64_t erased = 20;
  std::string data = std::filesystem::temp_directory_path();
  CLI::App app("What the store of keys costs");
  app.add_option("--subjects", subjects, "How many have a key")->capture_default_str();
  app.add_option("--erased", erased, "How many of them are erased")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--data", data, "Where the files are made")->check(CLI::ExistingDirectory);
  CLI11_PARSE(app, argc, argv);
  const std::filesystem::path directory = std::filesystem::path(data) / "commander-crypto-erasure";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  Run(directory, subjects, erased);
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace
}  // namespace commander::benchmarks

int main(int argc, char** argv) { return commander::benchmarks::Main(argc, argv); }
