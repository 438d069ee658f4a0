// deposits.h: a process that deposits cents (process_deposits) on one data directory, killed at any
// moment, again and again: whether readers see each of them, and once.
//
//     Deposits deposits({.data = dir / "data", .each = 500});
//     for (…) ASSERT_THAT(deposits.LiveAndDie(lives_left), IsOk());
//     ASSERT_THAT(deposits.Live(), IsOk());
//     EXPECT_THAT(deposits.WrongRows(), IsEmpty());
//
// COMMANDER_KILL_SEED=n has it killed at other moments.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/process/lives.h"
#include "tests/tools/run_commander.h"

namespace commander::test {

inline constexpr std::uint64_t kDepositThreads = 16;
inline constexpr std::uint64_t kDepositKeys = 400;
inline constexpr std::uint16_t kDepositPartitions = 4;

// Of the deposit with that number among those of all threads.
std::string DepositKey(std::uint64_t number);

// How much of it there is: what a test has time for, or with COMMANDER_TEST_SCALE=10 all of it:
// 16 threads with 5,000 deposits each, 20 deaths.
std::uint64_t DepositsOfAThread();
std::uint64_t DepositDeaths();

class Deposits {
 public:
  struct Options {
    std::filesystem::path data;
    std::uint64_t each = DepositsOfAThread();  // a multiple of 25: each key has the same
    std::string brokers = {};                  // empty: the embedded log
    std::string group = "accounts";            // also the application
  };
  explicit Deposits(Options options);

  // A life that ends by SIGKILL: while it opens, or after some more deposits, which leave enough
  // for so many lives.
  absl::Status LiveAndDie(std::uint64_t lives_left);
  // A life that sends what is left, reads the projection, and closes its engine.
  absl::Status Live();

  // Deletes the stores and lives: what that life makes of the log must be what was there.
  absl::Status Rebuild();

  std::uint64_t seed() const { return seed_; }
  std::uint64_t durable() const;  // deposits, as they were told
  // The rows that the last Live() read and that are not each key's share of all deposits, a cent
  // and an event each: "acct-7: 19 cents of 19 events, not 20".
  std::vector<std::string> WrongRows() const;

 private:
  struct Row {
    std::uint64_t cents = 0;
    std::uint64_t events = 0;
  };

  std::vector<std::string> Command() const;
  absl::Status Add(const std::string& line);
  absl::Status End(const Ran& ran, int exit);

  const Options options_;
  const std::uint64_t seed_;
  std::mt19937_64 random_{seed_};
  bool opened_ = false;  // some life has
  std::vector<std::uint64_t> done_ = std::vector<std::uint64_t>(kDepositThreads);
  std::map<std::string, Row> rows_;  // by key
};

}  // namespace commander::test
