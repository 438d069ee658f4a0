// A program that changes over the data it has written: types that are no longer known, folds that
// mean something else, schemas that grew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include "tests/engine/bank_fixture.h"
#include "tests/engine/odd.capnp.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The parts of an account that its next programs share.
struct AnyAccount {
  using Schema = bank::Account;
  std::int64_t cents = 0;
  void Load(Schema::Reader stored) { cents = stored.getCents(); }
  void Save(Schema::Builder stored) const { stored.setCents(cents); }
  void Apply(bank::Deposited::Reader event) { cents += event.getCents(); }
};
// Has never heard of Noted.
struct Forgetful : AnyAccount {
  using Events = commander::Events<bank::Deposited>;
};
struct Deliberate : AnyAccount {
  using Events = commander::Events<bank::Deposited, Ignores<bank::Noted>>;
};
// Counts in tens.
struct InTens : Deliberate {
  static constexpr std::uint32_t kVersion = 2;
  void Apply(bank::Deposited::Reader event) { cents += 10 * event.getCents(); }
};
// The same fold, and nobody raised the version.
struct InTensUnsaid : Deliberate {
  void Apply(bank::Deposited::Reader event) { cents += 10 * event.getCents(); }
};

// Answers with what it holds.
template <class State>
void AddHandlers(Group<State>& group) {
  group.OnCommand(
      [](bank::Deposit::Reader command, const View<State>& view) -> Decision<bank::Deposited> {
        if (command.getCents() == 0) return Reject("balance", std::to_string(view->cents));
        return Emit<bank::Deposited>([&](auto event) { event.setCents(command.getCents()); });
      });
}

class EvolutionTest : public BankTest {
 protected:
  // Two deposits and something noted, by the first program.
  EvolutionTest() {
    Open();
    EXPECT_THAT(Deposit("acct-1", 3), IsEvents(1));
    EXPECT_THAT(Misbehave("acct-1", How::LARGE), IsEvents(2));
    const auto third = Deposit("acct-1", 4);
    EXPECT_THAT(third, IsEvents(3));
    EXPECT_THAT(engine_->Get(*balances_, "acct-1", {.at_least = third->position()}), IsOk());
    Close();
  }

  template <class State>
  absl::StatusOr<std::unique_ptr<Engine>> OpenWith(Group<State>& group) {
    AddHandlers(group);
    return Engine::Open(options_, {&group});
  }
  // What a program with that state says of the account.
  template <class State>
  std::string BalanceBy() {
    Group<State> group("accounts", group_options_);
    auto engine = OpenWith(group);
    EXPECT_THAT(engine, IsOk());
    if (!engine.ok()) return {};
    const auto outcome =
        (*engine)->template SyncCommand<bank::Deposit>(group, "acct-1", [](auto) {});
    EXPECT_THAT(outcome, IsRejected("balance"));
    EXPECT_THAT((*engine)->Close(), IsOk());
    if (!outcome.ok()) return {};
    EXPECT_EQ(outcome->version(), 3u);
    return outcome->rejection().message;
  }
  std::size_t Refolds() {
    const auto said = log_.Messages(LogLevel::kInfo);
    return static_cast<std::size_t>(std::count_if(said.begin(), said.end(), [](const auto& line) {
      return line.find("folded again from the log") != std::string::npos;
    }));
  }
};

TEST_F(EvolutionTest, AnEventTypeThatNoListNamesIsRefusedAtOpen) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    Group<Forgetful> group("accounts", group_options_);
    EXPECT_THAT(OpenWith(group),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr("group accounts: the log holds events of type bank.Noted"),
                               HasSubstr("Ignores<...>"))));
    DeleteStores();  // it is the log that knows
  }
  Open();
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(4));
}

TEST_F(EvolutionTest, IgnoresPassesOverEventsDeliberately) {
  EXPECT_EQ(BalanceBy<Deliberate>(), "7");
  DeleteStores();
  EXPECT_EQ(BalanceBy<Deliberate>(), "7");
}

TEST_F(EvolutionTest, AnotherGroupNeedNotNameTheType) {
  Open();
  Group<Forgetful> others("others", group_options_);
  Close();
  accounts_ = std::make_unique<Group<Account>>("accounts", group_options_);
  AddHandlers(others);
  auto engine = Engine::Open(options_, {accounts_.get(), &others});
  EXPECT_THAT(engine, IsOk());
}

TEST_F(EvolutionTest, ARaisedVersionFoldsTheStateAgain) {
  EXPECT_EQ(BalanceBy<Deliberate>(), "7");
  EXPECT_EQ(Refolds(), 0u);
  EXPECT_EQ(BalanceBy<InTensUnsaid>(), "7");  // nobody said that the fold is another
  EXPECT_EQ(BalanceBy<InTens>(), "70");
  EXPECT_EQ(Refolds(), 1u);
  EXPECT_THAT(log_.Messages(LogLevel::kInfo),
              Contains(HasSubstr("its kVersion is 1, the program's 2")));
  EXPECT_EQ(BalanceBy<InTens>(), "70");
  EXPECT_EQ(Refolds(), 1u);                 // once
  EXPECT_EQ(BalanceBy<Deliberate>(), "7");  // an older program, too
  EXPECT_EQ(Refolds(), 2u);
}

struct Unsavable : Deliberate {
  void Save(Schema::Builder) const { throw std::runtime_error("not today"); }
};
struct Unloadable : Deliberate {
  void Load(Schema::Reader) { throw std::runtime_error("not today"); }
};

TEST_F(EvolutionTest, AStateThatCannotBeSavedIsReportedAndNothingIsLost) {
  Group<Unsavable> group("accounts", group_options_);
  COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, OpenWith(group));
  EXPECT_THAT(engine->SyncCommand<bank::Deposit>(group, "acct-1",
                                                 [](auto command) { command.setCents(5); }),
              IsEvents(4));
  EXPECT_THAT(engine->Close(), StatusIs(absl::StatusCode::kInternal,
                                        AllOf(HasSubstr("the store of group accounts, partition 0"),
                                              HasSubstr("Save of bank.Account: not today"))));
  Open();
  EXPECT_THAT(Withdraw("acct-1", 12), IsEvents(5));
}

TEST_F(EvolutionTest, AStateThatCannotBeLoadedStopsItsPartitionAndParksNothing) {
  {
    Group<Unloadable> group("accounts", group_options_);
    COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, OpenWith(group));
    EXPECT_THAT(engine->SyncCommand<bank::Deposit>(
                    group, "acct-1", [](auto command) { command.setCents(5); }, {.id = "d-1"}),
                StatusIs(absl::StatusCode::kUnavailable,
                         AllOf(HasSubstr("accounts-commands[0] offset 3"),
                               HasSubstr("Load of bank.Account: not today"))));
  }
  Open();
  EXPECT_THAT(Deposit("acct-1", 5, {.id = "d-1"}), RepeatsEvents(4));
}

// ---- Projections

struct BalanceInTens : Balance {
  static constexpr std::uint32_t kVersion = 2;
  using Balance::Apply;
  void Apply(bank::Deposited::Reader event, const EventMetadata&) {
    cents += 10 * event.getCents();
  }
};
// Its rows have a field more.
struct BalanceAndLargest : Balance {
  using Schema = odd::Balance;
  std::int64_t largest = 0;
  void Load(Schema::Reader stored) {
    cents = stored.getCents();
    largest = stored.getLargest();
  }
  void Save(Schema::Builder stored) const {
    stored.setCents(cents);
    stored.setLargest(largest);
  }
  using Balance::Apply;
  void Apply(bank::Deposited::Reader event, const EventMetadata& metadata) {
    largest = std::max(largest, event.getCents());
    Balance::Apply(event, metadata);
  }
};

TEST_F(EvolutionTest, AProjectionOfAnotherVersionLivesBesideTheOld) {
  Group<Account> group("accounts", group_options_);
  Projection<Balance> old_rows("balances", group);
  Projection<BalanceInTens> new_rows("balances", group);
  {
    COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, Engine::Open(options_, {&group, &new_rows}));
    ASSERT_THAT(engine->AwaitReady(), IsOk());
    EXPECT_EQ(engine->Get(new_rows, "acct-1").value()->cents, 70);
  }
  COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, Engine::Open(options_, {&group, &old_rows}));
  ASSERT_THAT(engine->AwaitReady(), IsOk());
  EXPECT_EQ(engine->Get(old_rows, "acct-1").value()->cents, 7);
}

TEST_F(EvolutionTest, AProjectionWhoseSchemaGrewIsFoldedAgain) {
  Group<Account> group("accounts", group_options_);
  Projection<BalanceAndLargest> rows("balances", group);
  for (int life = 0; life < 2; ++life) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, Engine::Open(options_, {&group, &rows}));
    ASSERT_THAT(engine->AwaitReady(), IsOk());
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto row, engine->Get(rows, "acct-1"));
    EXPECT_EQ(row->cents, 7);
    EXPECT_EQ(row->largest, 4);  // not the 0 that a new field begins with
    EXPECT_EQ(Refolds(), 1u);
  }
}

// ---- Commands

// A command that was accepted, and whose handler is gone when its turn comes.
TEST_F(EvolutionTest, ACommandWithoutAHandlerIsRefusedAndDoesNotStopItsPartition) {
  group_options_.handle_commands = false;
  Open();
  ASSERT_THAT(engine_->AsyncCommand<bank::Withdraw>(
                  *accounts_, "acct-1", [](auto command) { command.setCents(1); }, {.id = "w-1"}),
              IsOk());
  ASSERT_THAT(engine_->AsyncCommand<bank::Deposit>(
                  *accounts_, "acct-1", [](auto command) { command.setCents(1); }, {.id = "d-1"}),
              IsOk());
  Close();
  group_options_.handle_commands = true;
  for (const char* life : {"the first", "after a restart", "after a rebuild"}) {
    SCOPED_TRACE(life);
    Group<Deliberate> group("accounts", group_options_);
    COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, OpenWith(group));
    EXPECT_THAT(engine->SyncCommand<bank::Withdraw>(group, "acct-1", [](auto) {}),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("group accounts has no handler for bank.Withdraw")));
    EXPECT_THAT(engine->SyncCommand<bank::Deposit>(
                    group, "acct-1", [](auto command) { command.setCents(1); }, {.id = "d-1"}),
                RepeatsEvents(4));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome refused,
                                   engine->FindOutcome(group, "acct-1", "w-1"));
    EXPECT_EQ(refused.rejection().code, "commander.unreadable");
    EXPECT_THAT(refused.rejection().message,
                HasSubstr("group accounts has no handler for bank.Withdraw"));
    EXPECT_EQ(refused.version(), 3u);
    ASSERT_THAT(engine->Close(), IsOk());
    if (life == std::string("after a restart")) DeleteStores();
  }
}

TEST_F(EvolutionTest, AParkedCommandWithoutAHandlerStaysParked) {
  Open();
  ASSERT_THAT(Misbehave("acct-1", How::THROW_IN_HANDLER, 13, {.id = "m-1"}),
              HasKind(OutcomeKind::kParked));
  Close();
  Group<Deliberate> group("accounts", group_options_);
  COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, OpenWith(group));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome retried, engine->Retry(group, "acct-1"));
  EXPECT_EQ(retried.rejection().code, "commander.failed");
  EXPECT_THAT(retried.rejection().message, HasSubstr("there is no handler for bank.Misbehave"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto parked, engine->Parked(group));
  ASSERT_EQ(parked.size(), 1u);
  EXPECT_EQ(parked[0].command, "bank.Misbehave");
  EXPECT_THAT(engine->Skip(group, "acct-1", parked[0].source, "of an older program"),
              HasKind(OutcomeKind::kNothing));
  EXPECT_THAT(engine->Parked(group), IsOkAndHolds(IsEmpty()));
}

}  // namespace
}  // namespace commander::test
