// Programs that change over the data they have written: handlers that are gone, states that cannot
// be stored, rows that grew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include "tests/engine/bank_fixture.h"
#include "tests/engine/later.capnp.h"

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
template <class State>
void AddHandlers(Group<State>& group) {
  group.OnCommand(
      [](bank::Deposit::Reader command, const View<State>&) -> Decision<bank::Deposited> {
        return Emit<bank::Deposited>([&](auto event) { event.setCents(command.getCents()); });
      });
}

class ChangedProgramTest : public BankTest {
 protected:
  // Two deposits and something noted, by the first program.
  ChangedProgramTest() {
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
  std::size_t Refolds() {
    const auto said = log_.Messages(LogLevel::kInfo);
    return static_cast<std::size_t>(std::count_if(said.begin(), said.end(), [](const auto& line) {
      return line.find("folded again from the log") != std::string::npos;
    }));
  }
};

TEST_F(ChangedProgramTest, AnotherGroupNeedNotNameTheType) {
  Open();
  Group<Forgetful> others("others", group_options_);
  Close();
  accounts_ = std::make_unique<Group<Account>>("accounts", group_options_);
  AddHandlers(others);
  auto engine = Engine::Open(options_, {accounts_.get(), &others});
  EXPECT_THAT(engine, IsOk());
}

// Which types a group has written was remembered for the first group alone.
TEST_F(ChangedProgramTest, ATypeOfTwoGroupsIsRememberedForBoth) {
  {
    Group<Account> others("others", group_options_);
    AddBankHandlers(others);
    COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, Engine::Open(options_, {&others}));
    EXPECT_THAT(engine->SyncCommand<bank::Misbehave>(
                    others, "acct-1", [](auto command) { command.setHow(How::LARGE); }),
                IsEvents(1));
  }
  Group<Forgetful> others("others", group_options_);
  EXPECT_THAT(OpenWith(others), StatusIs(absl::StatusCode::kFailedPrecondition,
                                         HasSubstr("group others: the log holds events of type")));
}

struct Unsavable : Deliberate {
  void Save(Schema::Builder) const { throw std::runtime_error("not today"); }
};
struct Unloadable : Deliberate {
  void Load(Schema::Reader) { throw std::runtime_error("not today"); }
};

TEST_F(ChangedProgramTest, AStateThatCannotBeSavedIsReportedAndNothingIsLost) {
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

TEST_F(ChangedProgramTest, AStateThatCannotBeLoadedStopsItsPartitionAndParksNothing) {
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

// Its rows have a field more.
struct BalanceAndLargest : Balance {
  using Schema = later::Balance;
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

TEST_F(ChangedProgramTest, AProjectionWhoseSchemaGrewIsFoldedAgain) {
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
TEST_F(ChangedProgramTest, ACommandWithoutAHandlerIsRefusedAndDoesNotStopItsPartition) {
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

TEST_F(ChangedProgramTest, AParkedCommandWithoutAHandlerStaysParked) {
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
