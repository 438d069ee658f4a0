// bank_model.h: what the bank of bank.h does, written a second time, to judge an engine by.
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/group_history.h"

namespace commander::test {

struct ModelAccount {
  std::uint64_t version = 0;
  bool exists = false;
  std::string owner;
  std::int64_t cents = 0;

  void Apply(const LoggedEvent& event);
};

struct ModelBalance {
  bool exists = false;
  std::int64_t cents = 0;
  std::uint64_t events = 0;

  void Apply(const LoggedEvent& event);
  friend bool operator==(const ModelBalance&, const ModelBalance&) = default;
};

// Commands beyond this are refused as too large, those well below are not; nothing is sent between.
inline constexpr std::size_t kModelMaxRecordBytes = std::size_t{64} << 10;

// "" where `outcome` is what a run of the command on the account gives; else what is wrong.
// Commands that meet their poison may fail or, once they are cured, not.
std::string ExplainRun(const ModelAccount& account, const LoggedCommand& command,
                       const LoggedOutcome& outcome);

// The command fails while it is not cured.
bool MayFail(const LoggedCommand& command);

}  // namespace commander::test
