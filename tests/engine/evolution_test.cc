// New programs on the data of old ones, and old ones on that of new ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/engine/bank_fixture.h"
#include "tests/engine/wiring.capnp.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class EvolutionTest : public BankTest {
 protected:
  EvolutionTest() { Open(); }
  ~EvolutionTest() override { Close(); }

  // Another program, whose group has that state.
  template <class State>
  absl::StatusOr<std::unique_ptr<Engine>> OpenWith(Group<State>& group) {
    Close();
    return Engine::Open(options_, {&group});
  }
};

// The bank without Noted.
struct WithoutNoted : Account {
  using Events = commander::Events<bank::Opened, bank::Deposited, bank::Withdrawn, bank::Closed,
                                   bank::Poisoned>;
};
struct IgnoringNoted : Account {
  using Events = commander::Events<bank::Opened, bank::Deposited, bank::Withdrawn, bank::Closed,
                                   bank::Poisoned, Ignores<bank::Noted>>;
};
template <class State>
void AddDeposit(Group<State>& group) {
  group.OnCommand(
      [](bank::Deposit::Reader command, const View<State>& view) -> Decision<bank::Deposited> {
        if (view->cents + command.getCents() > 1000) return Reject("too_rich", "");
        return Emit<bank::Deposited>([&](auto event) { event.setCents(command.getCents()); });
      });
}

TEST_F(EvolutionTest, AnEventTypeThatNoListNamesIsRefused) {
  ASSERT_THAT(Deposit("acct-1", 5), IsEvents(1));
  Group<WithoutNoted> group("accounts", {.partitions = 1});
  AddDeposit(group);
  {
    // None is in the log yet.
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto engine, OpenWith(group));
    EXPECT_THAT(engine->Close(), IsOk());
  }
  Open();
  ASSERT_THAT(Misbehave("acct-1", How::DRAW), IsEvents(2));
  EXPECT_THAT(
      OpenWith(group),
      StatusIs(
          absl::StatusCode::kFailedPrecondition,
          "group accounts: the log holds events of type bank.Noted, which no list names; add it "
          "to the state's Events<...>, or Ignores<...> to pass over it deliberately"));

  Group<IgnoringNoted> ignoring("accounts", {.partitions = 1});
  AddDeposit(ignoring);
  for (const bool with_store : {true, false}) {
    SCOPED_TRACE(with_store);
    if (!with_store) DeleteStores();
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto engine, OpenWith(ignoring));
    // The version counts what is passed over.
    EXPECT_THAT(engine->SyncCommand<bank::Deposit>(ignoring, "acct-1",
                                                   [](auto command) { command.setCents(7); },
                                                   {.id = with_store ? "a" : "b"}),
                IsEvents(with_store ? 3 : 4));
    EXPECT_THAT(engine->Close(), IsOk());
  }
  Open();
  EXPECT_EQ(BalanceOf("acct-1"), 5 + 7 + 7);
}

// Counts money twice.
struct Doubled : Account {
  static constexpr std::uint32_t kVersion = 2;
  using Account::Apply;
  void Apply(bank::Deposited::Reader event) { cents += 2 * event.getCents(); }
};
struct DoubledSilently : Account {
  using Account::Apply;
  void Apply(bank::Deposited::Reader event) { cents += 2 * event.getCents(); }
};

TEST_F(EvolutionTest, AStateIsFoldedAgainWhenItsVersionIsRaised) {
  ASSERT_THAT(Deposit("acct-1", 400), IsEvents(1));
  const auto deposit = [&](Engine& engine, const internal::GroupBase& group, const char* id) {
    return engine.SyncCommand<bank::Deposit>(
        group, "acct-1", [](auto command) { command.setCents(300); }, {.id = id});
  };
  {
    Group<DoubledSilently> silent("accounts", {.partitions = 1});
    AddDeposit(silent);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto engine, OpenWith(silent));
    EXPECT_THAT(deposit(*engine, silent, "1"), IsEvents(2));  // 400 is in the store
    EXPECT_THAT(engine->Close(), IsOk());
  }
  EXPECT_THAT(log_.Messages(LogLevel::kInfo), Not(Contains(HasSubstr("folded again"))));
  {
    Group<Doubled> doubled("accounts", {.partitions = 1});
    AddDeposit(doubled);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto engine, OpenWith(doubled));
    EXPECT_THAT(deposit(*engine, doubled, "2"), IsRejected("too_rich"));  // 1400 are
    EXPECT_THAT(deposit(*engine, doubled, "1"), RepeatsEvents(2));
    EXPECT_THAT(engine->Close(), IsOk());
  }
  EXPECT_THAT(log_.Messages(LogLevel::kInfo),
              Contains(HasSubstr("folded again from the log: its kVersion is 1, the program's 2")));
  // The old program never takes up what the new one has saved.
  Group<Account> old("accounts", {.partitions = 1});
  AddDeposit(old);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto engine, OpenWith(old));
  EXPECT_THAT(deposit(*engine, old, "3"), IsEvents(3));  // 700 were
  EXPECT_THAT(engine->Close(), IsOk());
}

// Stores what the old one does not know.
struct Counting : Account {
  using Schema = wiring::Account;
  std::uint64_t deposits = 0;
  void Load(Schema::Reader stored) {
    cents = stored.getCents();
    deposits = stored.getDeposits();
  }
  void Save(Schema::Builder stored) const {
    stored.setCents(cents);
    stored.setDeposits(deposits);
  }
  using Account::Apply;
  void Apply(bank::Deposited::Reader event) {
    Account::Apply(event);
    ++deposits;
  }
};

TEST_F(EvolutionTest, AStateIsFoldedAgainWhenItsSchemaIsAnother) {
  for (int i = 0; i < 3; ++i) ASSERT_THAT(Deposit("acct-1", 1), IsOk());
  Group<Counting> counting("accounts", {.partitions = 1});
  counting.OnCommand(
      [](bank::Deposit::Reader, const View<Counting>& view) -> Decision<bank::Deposited> {
        return Emit<bank::Deposited>(
            [&](auto event) { event.setCents(static_cast<std::int64_t>(view->deposits)); });
      });
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto engine, OpenWith(counting));
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const Outcome outcome, engine->SyncCommand<bank::Deposit>(counting, "acct-1", [](auto) {}));
  EXPECT_EQ(outcome.event<bank::Deposited>()->getCents(), 3);  // a new field is never silently 0
  EXPECT_THAT(log_.Messages(LogLevel::kInfo),
              Contains(HasSubstr("the schema of wiring.Account is another one")));
  EXPECT_THAT(engine->Close(), IsOk());
}

struct BalanceOfDoubles : Balance {
  static constexpr std::uint32_t kVersion = 2;
  using Balance::Apply;
  void Apply(bank::Deposited::Reader event, const EventMetadata&) { cents += 2 * event.getCents(); }
};

TEST_F(EvolutionTest, AProjectionOfAnotherVersionHasAStoreOfItsOwn) {
  ASSERT_THAT(Deposit("acct-1", 5), IsOk());
  Close();
  Projection<BalanceOfDoubles> doubles("balances", *accounts_);
  COMMANDER_ASSERT_OK_AND_ASSIGN(engine_, Engine::Open(options_, {accounts_.get(), &doubles}));
  ASSERT_THAT(engine_->AwaitReady(), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto row, engine_->Get(doubles, "acct-1"));
  EXPECT_EQ(row->cents, 10);
  ASSERT_THAT(Deposit("acct-1", 1), IsOk());
  Close();
  EXPECT_TRUE(std::filesystem::exists(data() / "projections/balances@1"));
  EXPECT_TRUE(std::filesystem::exists(data() / "projections/balances@2"));
  Open();
  EXPECT_EQ(BalanceOf("acct-1"), 6);
}

// Of a later release, with a field more; the name is the same.
struct WithNotes : Account {
  using Events = commander::Events<bank::Opened, wiring::Deposited, bank::Withdrawn, bank::Closed,
                                   bank::Poisoned, bank::Noted>;
  using Account::Apply;
  void Apply(wiring::Deposited::Reader event) {
    cents += event.getCents() + static_cast<std::int64_t>(event.getNote().size());
  }
};

TEST_F(EvolutionTest, EventsAreTakenByTheirStableName) {
  ASSERT_THAT(Deposit("acct-1", 5), IsOk());
  Group<WithNotes> group("accounts", {.partitions = 1});
  group.OnCommand(
      [](bank::Deposit::Reader, const View<WithNotes>& view) -> Decision<wiring::Deposited> {
        return Emit<wiring::Deposited>([&](auto event) {
          event.setCents(view->cents);
          event.setNote("four");
        });
      });
  for (const std::int64_t before : {5, 14, 32}) {
    SCOPED_TRACE(before);
    DeleteStores();
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto engine, OpenWith(group));
    COMMANDER_ASSERT_OK_AND_ASSIGN(
        const Outcome outcome, engine->SyncCommand<bank::Deposit>(group, "acct-1", [](auto) {}));
    // Both revisions are read, and the outcome is of that name.
    ASSERT_TRUE(outcome.event<wiring::Deposited>().has_value());
    EXPECT_EQ(outcome.event<wiring::Deposited>()->getCents(), before);
    EXPECT_EQ(outcome.event<bank::Deposited>()->getCents(), before);
    EXPECT_THAT(engine->Close(), IsOk());
  }
  // The old release reads the new revision.
  Open();
  EXPECT_EQ(BalanceOf("acct-1"), 5 + 5 + 14 + 32);
}

TEST_F(EvolutionTest, CommandsThatNobodyHandlesAnyMoreAreRefusedAndTheRestGoesOn) {
  Close();
  group_options_.handle_commands = false;
  Open();
  for (const char* id : {"w", "d"}) {
    if (*id == 'w') {
      ASSERT_THAT(
          engine_->AsyncCommand<bank::Withdraw>(*accounts_, "acct-1", [](auto) {}, {.id = id}),
          IsOk());
    } else {
      ASSERT_THAT(
          engine_->AsyncCommand<bank::Deposit>(*accounts_, "acct-1", [](auto) {}, {.id = id}),
          IsOk());
    }
  }
  Group<Account> group("accounts", {.partitions = 1});
  AddDeposit(group);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto engine, OpenWith(group));
  EXPECT_THAT(engine->SyncCommand<bank::Deposit>(group, "acct-1", [](auto) {}), IsEvents(2));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome refused, engine->FindOutcome(group, "acct-1", "w"));
  EXPECT_EQ(refused.rejection().code, "commander.unreadable");
  EXPECT_EQ(refused.rejection().message, "group accounts has no handler for bank.Withdraw");
  EXPECT_THAT(engine->FindOutcome(group, "acct-1", "d"), IsEvents(1));
  EXPECT_THAT(engine->Close(), IsOk());
}

TEST_F(EvolutionTest, PartitionsCannotBeChanged) {
  ASSERT_THAT(Deposit("acct-1", 5), IsOk());
  Close();
  group_options_.partitions = 2;
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  AllOf(HasSubstr("accounts-commands"), HasSubstr("has 1 "),
                                        HasSubstr("asked for 2"))));
  group_options_.partitions = 1;
  Open();
  EXPECT_EQ(BalanceOf("acct-1"), 5);
}

}  // namespace
}  // namespace commander::test
