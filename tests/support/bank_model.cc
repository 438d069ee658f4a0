#include "tests/support/bank_model.h"

#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/bank.capnp.h"

namespace commander::test {
namespace {

using How = bank::Misbehave::How;
constexpr std::int64_t kFirstPoison = 13;

// What an outcome should be.
struct Expected {
  RecordKind kind = RecordKind::kNothing;
  std::string code;
  std::vector<std::string> types;     // of the events …
  std::vector<std::int64_t> numbers;  // … and what they carry
};

Expected Events(std::vector<std::string> types, std::vector<std::int64_t> numbers) {
  return {RecordKind::kEvent, "", std::move(types), std::move(numbers)};
}
Expected Rejection(std::string code) { return {RecordKind::kRejection, std::move(code), {}, {}}; }

std::int64_t NumberOf(const LoggedEvent& event) {
  RecordReader reader(event.record);
  if (event.type == "bank.Deposited") return reader.payload<bank::Deposited>().getCents();
  if (event.type == "bank.Withdrawn") return reader.payload<bank::Withdrawn>().getCents();
  if (event.type == "bank.Noted") return reader.payload<bank::Noted>().getNumber();
  if (event.type == "bank.Poisoned") return reader.payload<bank::Poisoned>().getNumber();
  return 0;
}

// What the seed that is recorded with the event draws first.
std::int64_t Drawn(const LoggedEvent& event) {
  RecordReader reader(event.record);
  const auto bytes = reader.envelope().getExtra().getSeed();
  if (bytes.size() != 16) return -1;
  std::seed_seq seed(bytes.begin(), bytes.end());
  std::mt19937_64 random(seed);
  return static_cast<std::int64_t>(random() >> 1);
}

Expected Misbehaves(bank::Misbehave::Reader command, const LoggedOutcome& outcome) {
  const std::int64_t number = command.getNumber();
  switch (command.getHow()) {
    case How::THROW_IN_HANDLER:
    case How::CALL_ENGINE:
      return Events({"bank.Noted"}, {number});
    case How::THROW_IN_FOLD:
      return Events({"bank.Noted", "bank.Poisoned"}, {number, number});
    case How::EMIT_THEN_REJECT:
      return Rejection("changed_my_mind");
    case How::DRAW:
      return Events({"bank.Noted"}, {outcome.events.empty() ? 0 : Drawn(outcome.events[0])});
    case How::MANY: {
      Expected many = Events({"bank.Noted"}, {0});
      for (std::int64_t i = 1; i < number; ++i) {
        many.types.emplace_back("bank.Noted");
        many.numbers.push_back(i);
      }
      return many;
    }
    case How::LARGE:
      if (number > static_cast<std::int64_t>(kModelMaxRecordBytes)) {
        return Rejection("commander.too_large");
      }
      return Events({"bank.Noted"}, {0});
  }
  return {};
}

Expected Run(const ModelAccount& account, const LoggedCommand& command,
             const LoggedOutcome& outcome) {
  if ((command.expected == 1 && account.version != 0) ||
      (command.expected == 2 && command.expected_version != account.version)) {
    return Rejection("commander.version_conflict");
  }
  RecordReader reader(command.record);
  if (command.type == "bank.Open") {
    if (account.exists) return {};
    return Events({"bank.Opened"}, {0});
  }
  if (command.type == "bank.Deposit") {
    return Events({"bank.Deposited"}, {reader.payload<bank::Deposit>().getCents()});
  }
  if (command.type == "bank.Withdraw") {
    const std::int64_t cents = reader.payload<bank::Withdraw>().getCents();
    if (account.cents < cents) return Rejection("overdrawn");
    return Events({"bank.Withdrawn"}, {cents});
  }
  if (command.type == "bank.Close") {
    if (!account.exists) return {};
    return Events({"bank.Closed"}, {0});
  }
  return Misbehaves(reader.payload<bank::Misbehave>(), outcome);
}

}  // namespace

void ModelAccount::Apply(const LoggedEvent& event) {
  version = event.version;
  exists = event.type != "bank.Closed";
  if (!exists) {
    owner.clear();
    cents = 0;
  } else if (event.type == "bank.Opened") {
    RecordReader reader(event.record);
    owner = reader.payload<bank::Opened>().getOwner().cStr();
  } else if (event.type == "bank.Deposited") {
    cents += NumberOf(event);
  } else if (event.type == "bank.Withdrawn") {
    cents -= NumberOf(event);
  }
}

void ModelBalance::Apply(const LoggedEvent& event) {
  if (event.type == "bank.Closed") {
    *this = {};
    return;
  }
  const bool in = event.type == "bank.Deposited";
  if (!in && event.type != "bank.Withdrawn") return;
  exists = true;
  cents += in ? NumberOf(event) : -NumberOf(event);
  ++events;
}

bool MayFail(const LoggedCommand& command) {
  if (command.type != "bank.Misbehave") return false;
  RecordReader reader(command.record);
  const auto misbehave = reader.payload<bank::Misbehave>();
  return misbehave.getNumber() >= kFirstPoison &&
         (misbehave.getHow() == How::THROW_IN_HANDLER || misbehave.getHow() == How::THROW_IN_FOLD);
}

std::string ExplainRun(const ModelAccount& account, const LoggedCommand& command,
                       const LoggedOutcome& outcome) {
  const Expected expected = Run(account, command, outcome);
  if (outcome.parked() && outcome.code == "failed" && MayFail(command) &&
      expected.code != "commander.version_conflict") {
    return "";
  }
  if (outcome.kind != expected.kind || outcome.code != expected.code) {
    return absl::StrCat(command.type, " should give ", std::string(NameOf(expected.kind)), " ",
                        expected.code, ", gave ", std::string(NameOf(outcome.kind)), " ",
                        outcome.code);
  }
  if (outcome.events.size() != expected.types.size()) {
    return absl::StrCat(command.type, " should give ", expected.types.size(), " events, gave ",
                        outcome.events.size());
  }
  for (std::size_t i = 0; i < outcome.events.size(); ++i) {
    const LoggedEvent& event = outcome.events[i];
    if (event.type != expected.types[i] || NumberOf(event) != expected.numbers[i]) {
      return absl::StrCat(command.type, " should give ", expected.types[i], " ",
                          expected.numbers[i], ", gave ", event.type, " ", NumberOf(event));
    }
  }
  return "";
}

}  // namespace commander::test
