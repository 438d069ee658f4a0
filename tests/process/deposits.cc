#include "tests/process/deposits.h"

#include <signal.h>

#include <algorithm>
#include <numeric>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "commander/internal/status_macros.h"
#include "tests/log/histories.h"

namespace commander::test {
namespace {

// Deposits that a life to be killed leaves, or more: it goes on while its lines are read.
constexpr std::uint64_t kSpared = 100;

}  // namespace

std::string DepositKey(std::uint64_t number) {
  return absl::StrCat("acct-", number % kDepositKeys);
}

std::uint64_t DepositsOfAThread() {
  const std::uint64_t some = std::clamp<std::uint64_t>(Histories(500), 50, 5000);
  return some - some % 25;
}

std::uint64_t DepositDeaths() { return std::clamp<std::uint64_t>(Histories(8), 2, 20); }

Deposits::Deposits(Options options) : options_(std::move(options)), seed_(KillSeed()) {}

std::uint64_t Deposits::durable() const {
  return std::accumulate(done_.begin(), done_.end(), std::uint64_t{0});
}

std::vector<std::string> Deposits::WrongRows() const {
  const std::uint64_t share = kDepositThreads * options_.each / kDepositKeys;
  std::vector<std::string> wrong;
  for (std::uint64_t i = 0; i < kDepositKeys; ++i) {
    const auto at = rows_.find(DepositKey(i));
    const Row row = at == rows_.end() ? Row() : at->second;
    if (row.cents == share && row.events == share) continue;
    wrong.push_back(absl::StrCat(DepositKey(i), ": ", row.cents, " cents of ", row.events,
                                 " events, not ", share));
  }
  if (rows_.size() > kDepositKeys) wrong.push_back("there are rows of other keys");
  return wrong;
}

std::vector<std::string> Deposits::Command() const {
  std::vector<std::string> command = {Program("process_deposits"), options_.data.string(),
                                      std::to_string(options_.each), absl::StrJoin(done_, ",")};
  if (!options_.brokers.empty()) {
    command.push_back(options_.brokers);
    command.push_back(options_.group);
  }
  return command;
}

absl::Status Deposits::LiveAndDie(std::uint64_t lives_left) {
  const std::uint64_t left = kDepositThreads * options_.each - durable();
  // About as many as each of the others has.
  std::uint64_t lines = 3 + random_() % (2 * left / (lives_left + 3) + 1);
  if (opened_ && random_() % 5 == 0) lines = 1 + random_() % 2;
  // Never all, nor so many that it could end first: rather it dies while it opens.
  lines = std::min(lines, left > kSpared ? left - kSpared : 1);
  Process process(Command());
  for (; lines > 0; --lines) {
    const std::string line = process.ReadLine();
    if (line.empty()) {
      const Ran ran = process.Wait();
      return absl::InternalError(absl::StrCat("it ended by itself with ", ran.exit, ": ", ran.err));
    }
    COMMANDER_RETURN_IF_ERROR(Add(line));
  }
  process.Signal(SIGKILL);
  return End(process.Wait(), 128 + SIGKILL);
}

absl::Status Deposits::Live() {
  rows_.clear();
  return End(RunProgram(Command()), 0);
}

absl::Status Deposits::Rebuild() {
  COMMANDER_ASSIGN_OR_RETURN(const std::string before,
                             HashOfBankStores(options_.data, options_.group));
  DeleteBankStores(options_.data);
  COMMANDER_RETURN_IF_ERROR(Live());
  COMMANDER_ASSIGN_OR_RETURN(const std::string after,
                             HashOfBankStores(options_.data, options_.group));
  if (after == before) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("rebuilt from the log: ", after, ", not ", before));
}

absl::Status Deposits::End(const Ran& ran, int exit) {
  if (ran.exit != exit) {
    return absl::InternalError(absl::StrCat("it ended with ", ran.exit, ": ", ran.err));
  }
  for (const std::string& line : ran.Lines()) COMMANDER_RETURN_IF_ERROR(Add(line));
  return absl::OkStatus();
}

absl::Status Deposits::Add(const std::string& line) {
  std::istringstream text(line);
  std::string what;
  text >> what;
  if (what == "opening") return absl::OkStatus();
  if (what == "open") {
    opened_ = true;
    return absl::OkStatus();
  }
  if (what == "durable") {
    std::size_t thread = done_.size();
    if (text >> thread && thread < done_.size()) {
      ++done_[thread];
      return absl::OkStatus();
    }
  } else if (what == "row") {
    std::string key;
    Row row;
    if (text >> key >> row.cents >> row.events && rows_.emplace(key, row).second) {
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("not a line of process_deposits: ", line));
}

}  // namespace commander::test
