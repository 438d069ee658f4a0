// lives.h: a process with clients (process_clients) on one data directory, killed at any moment,
// again and again.  COMMANDER_KILL_SEED=n has it killed at other moments, and its clients send
// other commands.
//
//     Lives lives({.data = dir / "data"});
//     for (…) ASSERT_THAT(lives.LiveAndDie(), IsOk());
//     ASSERT_THAT(lives.Live(40), IsOk());
//     … lives.reports().sent() …
#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/process/report.h"
#include "tests/tools/run_commander.h"

namespace commander::test {

// COMMANDER_KILL_SEED, or 1.
std::uint64_t KillSeed();

void DeleteBankStores(const std::filesystem::path& data);
// Of all rows in the stores of the bank below `data`, own state of `group` and projection.
absl::StatusOr<std::string> HashOfBankStores(const std::filesystem::path& data,
                                             const std::string& group);

class Lives {
 public:
  struct Options {
    std::filesystem::path data;
    std::uint64_t most_lines = 2000;                 // that its clients say before it is killed
    std::string brokers = {};                        // empty: the embedded log
    std::string group = "accounts";                  // also the application
    std::vector<std::string> kafka_properties = {};  // NAME=VALUE
  };
  explicit Lives(Options options);

  // A life that ends by SIGKILL: while it opens, or when its clients have said so much.
  absl::Status LiveAndDie();
  // A life that is stopped so many times, for so long, and continued, and ends by SIGKILL when its
  // clients have gone on.
  absl::Status PauseAndDie(int times, absl::Duration pause);
  // A life in which each client sends so many commands, and which closes its engine.
  absl::Status Live(int commands);

  void DeleteStores() const { DeleteBankStores(options_.data); }
  absl::StatusOr<std::string> HashOfStores() const {
    return HashOfBankStores(options_.data, options_.group);
  }

  std::uint64_t seed() const { return seed_; }
  std::uint64_t life() const { return life_; }  // the last one
  const Reports& reports() const { return reports_; }
  // What some client must have been told in a long life, and none was.
  std::vector<std::string> Untold() const;

 private:
  std::vector<std::string> Command(const std::string& commands);
  absl::Status Hear(Process& clients, std::uint64_t lines);
  absl::Status End(const Ran& ran, int exit);

  const Options options_;
  const std::uint64_t seed_;
  std::mt19937_64 random_{seed_};
  std::uint64_t life_ = 0;
  Reports reports_;
};

}  // namespace commander::test
