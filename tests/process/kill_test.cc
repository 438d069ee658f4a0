// A process with clients that is killed at any moment, again and again, on one data directory.
// COMMANDER_KILL_SEED=n has it killed at other moments, and its clients send other commands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "store/rocks_reader.h"
#include "tests/process/report.h"
#include "tests/support/directory_check.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/run_commander.h"
#include "tools/commander/store_hash.h"

namespace commander::test {
namespace {

namespace fs = std::filesystem;

using ::testing::IsEmpty;

constexpr std::uint64_t kLives = 20;
constexpr std::uint64_t kFirstSeed = 1;
constexpr std::int64_t kHour = 3600 * std::int64_t{1'000'000'000};

std::uint64_t WantedSeed() {
  const char* text = std::getenv("COMMANDER_KILL_SEED");
  return text == nullptr ? kFirstSeed : std::strtoull(text, nullptr, 10);
}

class KillTest : public ::testing::Test {
 protected:
  fs::path data() const { return dir_ / "data"; }

  // Names the clients of this life, and decides what they send.
  std::string SeedOf(std::uint64_t life) const { return std::to_string(seed_ * 1000 + life); }

  // A life that ends by SIGKILL: while it opens, or when its clients have said so much.
  void LiveAndDie(std::uint64_t life) {
    std::uint64_t lines = random_() % 5 == 0 ? 1 + random_() % 3 : 1 + random_() % 2000;
    Process clients({Program("process_clients"), data().string(), SeedOf(life), "endless"});
    for (; lines > 0; --lines) {
      const std::string line = clients.ReadLine();
      if (line.empty()) {
        const Ran ran = clients.Wait();
        FAIL() << "life " << life << " ended by itself with " << ran.exit << ": " << ran.err;
      }
      ASSERT_THAT(reports_.Add(line), IsOk());
    }
    clients.Signal(SIGKILL);
    End(clients.Wait(), 128 + SIGKILL);
  }
  // A life in which each client sends so many commands, and which closes its engine.
  void Live(std::uint64_t life, int commands) {
    End(RunProgram(
            {Program("process_clients"), data().string(), SeedOf(life), std::to_string(commands)}),
        0);
  }
  void Check(bool complete) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(
        const std::vector<std::string> violations,
        CheckDirectory(data(), reports_.sent(),
                       {.min_window_ns = kHour, .max_window_ns = kHour, .complete = complete}));
    ASSERT_THAT(violations, IsEmpty());
  }
  void DeleteStores() {
    fs::remove_all(data() / "store");
    fs::remove_all(data() / "projections");
  }
  absl::StatusOr<std::string> HashOfStores() {
    COMMANDER_ASSIGN_OR_RETURN(
        const auto states, store::OpenRocksStoreReader({.directory = data() / "store/accounts"}));
    cli::RowsHash hash;
    for (const std::string& name : states->FamilyNames()) {
      COMMANDER_ASSIGN_OR_RETURN(const store::FamilyId family, states->FindFamily(name));
      COMMANDER_ASSIGN_OR_RETURN(const cli::RowsHash rows, cli::HashOwnState(*states, family));
      hash.Add(rows);
    }
    COMMANDER_ASSIGN_OR_RETURN(
        const auto balances,
        store::OpenRocksStoreReader({.directory = data() / "projections/balances@1"}));
    COMMANDER_ASSIGN_OR_RETURN(const store::FamilyId family, balances->FindFamily("rows"));
    COMMANDER_ASSIGN_OR_RETURN(const cli::RowsHash rows, cli::HashProjection(*balances, family));
    return absl::StrCat(hash.rows(), " states ", hash.ToHex(), ", ", rows.rows(), " rows ",
                        rows.ToHex());
  }

  const std::uint64_t seed_ = WantedSeed();
  std::mt19937_64 random_{seed_};
  Reports reports_;

 private:
  void End(const Ran& ran, int exit) {
    ASSERT_EQ(ran.exit, exit) << ran.err;
    for (const std::string& line : ran.Lines()) ASSERT_THAT(reports_.Add(line), IsOk());
  }

  const TempDir dir_;
};

TEST_F(KillTest, KeepsItsPromisesThroughTwentyLives) {
  for (std::uint64_t life = 1; life <= kLives; ++life) {
    LiveAndDie(life);
    Check(false);
    if (life % 7 == 0) DeleteStores();
    if (HasFatalFailure()) FAIL() << "seed " << seed_ << ", life " << life;
  }
  Live(kLives + 1, 40);
  Check(true);
  for (const auto& [what, times] : reports_.told()) std::cerr << what << ": " << times << "\n";
  for (const char* told : {"durable", "events", "rejection", "nothing", "repeat", "overdrawn",
                           "commander.id_reused", "commander.version_conflict"}) {
    EXPECT_TRUE(reports_.told().contains(told)) << "no client was ever told " << told;
  }

  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::string hash, HashOfStores());
  DeleteStores();
  Live(kLives + 2, 0);
  Check(true);
  EXPECT_THAT(HashOfStores(), IsOkAndHolds(hash));
}

}  // namespace
}  // namespace commander::test
