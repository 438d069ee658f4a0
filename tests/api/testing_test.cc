// The fixture that applications test with: it is green for what the engine accepts, and red, with
// what was expected and what happened, for everything else.
#include "commander/testing.h"

#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "commander/commander.h"
#include "tests/support/bank.h"

namespace commander::test {
namespace {

using ::commander::testing::Command;
using ::commander::testing::Event;
using ::commander::testing::Given;
using ::commander::testing::Result;
using ::testing::AllOf;
using ::testing::HasSubstr;

auto Cents(std::int64_t cents) {
  return [cents](auto message) { message.setCents(cents); };
}
auto Number(std::int64_t number) {
  return [number](auto message) { message.setNumber(number); };
}
auto Owner(const char* owner) {
  return [owner](auto message) { message.setOwner(owner); };
}
auto Misbehave(bank::Misbehave::How how, std::int64_t number = 0) {
  return Command<bank::Misbehave>([=](auto command) {
    command.setHow(how);
    command.setNumber(number);
  });
}
using How = bank::Misbehave::How;

std::string Expected(const std::string& expected, const std::string& actual) {
  return "expected: " + expected + "\nactual:   " + actual;
}

// Red, and says so.
void ExpectRed(const Result& result, const ::testing::Matcher<std::string>& message) {
  EXPECT_FALSE(result);
  EXPECT_THAT(result.message(), AllOf(HasSubstr("expected: "), HasSubstr("actual:   ")));
  EXPECT_THAT(result.message(), message);
}

class FixtureTest : public ::testing::Test {
 protected:
  FixtureTest() { AddBankHandlers(accounts_); }
  Group<Account> accounts_{"accounts"};
  Projection<Balance> balances_{"balances", accounts_};
};

TEST_F(FixtureTest, JudgesEventsByTypeOrderAndContents) {
  const auto given =
      Given(accounts_, Event<bank::Opened>(Owner("Ada")), Event<bank::Deposited>(Cents(500)));
  const auto withdraw = given.When(Command<bank::Withdraw>(Cents(200)));
  EXPECT_TRUE(withdraw.ThenEvents(Event<bank::Withdrawn>(Cents(200))));
  ExpectRed(withdraw.ThenEvents(Event<bank::Withdrawn>(Cents(201))),
            Expected("bank.Withdrawn (cents = 201)", "bank.Withdrawn (cents = 200)"));
  ExpectRed(withdraw.ThenEvents(Event<bank::Deposited>(Cents(200))),
            Expected("bank.Deposited (cents = 200)", "bank.Withdrawn (cents = 200)"));
  ExpectRed(withdraw.ThenNothing(), Expected("nothing", "bank.Withdrawn (cents = 200)"));
  ExpectRed(withdraw.ThenRejected("overdrawn"),
            Expected("rejected \"overdrawn\"", "bank.Withdrawn (cents = 200)"));
  ExpectRed(withdraw.ThenParked(""), HasSubstr("parked"));

  const auto note = given.When(Misbehave(How::THROW_IN_FOLD, 1));
  EXPECT_TRUE(note.ThenEvents(Event<bank::Noted>(Number(1)), Event<bank::Poisoned>(Number(1))));
  ExpectRed(note.ThenEvents(Event<bank::Poisoned>(Number(1)), Event<bank::Noted>(Number(1))),
            Expected("bank.Poisoned (number = 1), bank.Noted (number = 1)",
                     "bank.Noted (number = 1), bank.Poisoned (number = 1)"));
}

TEST_F(FixtureTest, JudgesRefusalsAndNothing) {
  EXPECT_TRUE(Given<Account>(accounts_, Event<bank::Deposited>(Cents(500)))
                  .When(Command<bank::Withdraw>(Cents(501)))
                  .ThenRejected("overdrawn"));
  const auto again =
      Given(accounts_, Event<bank::Opened>(Owner("Ada"))).When(Command<bank::Open>(Owner("Bob")));
  EXPECT_TRUE(again.ThenNothing());
  ExpectRed(again.ThenEvents(Event<bank::Opened>(Owner("Bob"))),
            Expected("bank.Opened (owner = \"Bob\")", "nothing"));
}

// ---- Eight wrong tests, and their corrected twins.

TEST_F(FixtureTest, CountsTheExpectedVersion) {
  const auto opened = Given(accounts_, Event<bank::Opened>(Owner("Ada")));
  const auto absent =
      opened.When(Command<bank::Deposit>(Cents(5), {.expected = ExpectedVersion::Absent()}));
  ExpectRed(absent.ThenEvents(Event<bank::Deposited>(Cents(5))),
            AllOf(HasSubstr("expected: bank.Deposited (cents = 5)"),
                  HasSubstr("actual:   rejected \"commander.version_conflict\"")));

  EXPECT_TRUE(absent.ThenRejected("commander.version_conflict"));
  EXPECT_TRUE(
      opened.When(Command<bank::Deposit>(Cents(5), {.expected = ExpectedVersion::Exactly(1)}))
          .ThenEvents(Event<bank::Deposited>(Cents(5))));
  EXPECT_TRUE(Given(accounts_)
                  .When(Command<bank::Open>(Owner("Ada"), {.expected = ExpectedVersion::Absent()}))
                  .ThenEvents(Event<bank::Opened>(Owner("Ada"))));
}

TEST_F(FixtureTest, DropsWhatAHandlerEmitsBeforeItThrows) {
  Group<Account> group("accounts");
  group.OnCommand([](bank::Open::Reader, const AccountView&) -> Decision<bank::Opened> {
    auto emitted = Emit<bank::Opened>();
    throw std::runtime_error("no more ink");
  });
  const auto when = Given(group).When(Command<bank::Open>());
  const char kActual[] = "actual:   parked, \"handler of bank.Open: no more ink\"";
  ExpectRed(when.ThenEvents(Event<bank::Opened>()), HasSubstr(kActual));
  ExpectRed(when.ThenNothing(), HasSubstr(kActual));
  ExpectRed(when.ThenParked("no more paper"), HasSubstr(kActual));

  EXPECT_TRUE(when.ThenParked("no more ink"));
}

TEST_F(FixtureTest, MissesNoEventThatIsNotListed) {
  const auto both = Given(accounts_).When(Misbehave(How::THROW_IN_FOLD, 7));
  const std::string actual = "bank.Noted (number = 7), bank.Poisoned (number = 7)";
  ExpectRed(both.ThenEvents(Event<bank::Noted>(Number(7))),
            Expected("bank.Noted (number = 7)", actual));
  ExpectRed(both.ThenEvents(),
            Expected("events, but none is listed (to expect none: ThenNothing)", actual));
  ExpectRed(Given(accounts_).When(Command<bank::Close>()).ThenEvents(), HasSubstr("nothing"));

  EXPECT_TRUE(both.ThenEvents(Event<bank::Noted>(Number(7)), Event<bank::Poisoned>(Number(7))));
}

// Evaluates `expression`, which must throw std::logic_error, and returns what that says.
#define WHAT_IS_THROWN_BY(expression)         \
  [&]() -> std::string {                      \
    try {                                     \
      static_cast<void>(expression);          \
    } catch (const std::logic_error& error) { \
      return error.what();                    \
    }                                         \
    return "nothing was thrown";              \
  }()

TEST_F(FixtureTest, NoticesTestsThatJudgeNothing) {
  EXPECT_EQ(WHAT_IS_THROWN_BY(Given(accounts_)), "a test says Given, but neither When nor Then");
  EXPECT_EQ(WHAT_IS_THROWN_BY(Given(balances_)), "a test says Given, but no Then");
  EXPECT_EQ(WHAT_IS_THROWN_BY(Given(accounts_).When(Command<bank::Deposit>(Cents(5)))),
            "a test says When, but no Then\nactual: bank.Deposited (cents = 5)");
  EXPECT_EQ(
      WHAT_IS_THROWN_BY(Given(accounts_).When(Command<bank::Deposit>(Cents(5))).ThenNothing()),
      "a test's result was false, and nobody asked it\n" +
          Expected("nothing", "bank.Deposited (cents = 5)"));

  EXPECT_NO_THROW(static_cast<void>(Given(accounts_)
                                        .When(Command<bank::Deposit>(Cents(5)))
                                        .ThenEvents(Event<bank::Deposited>(Cents(5)))));
}

TEST_F(FixtureTest, RefusesAHistoryThatCannotBeFolded) {
  const auto impossible = Given(accounts_, Event<bank::Noted>(), Event<bank::Poisoned>(Number(13)))
                              .When(Command<bank::Deposit>(Cents(5)));
  ExpectRed(impossible.ThenEvents(Event<bank::Deposited>(Cents(5))),
            AllOf(HasSubstr("expected: bank.Deposited (cents = 5)"),
                  HasSubstr("actual:   what is Given cannot be: "),
                  HasSubstr("fold of bank.Poisoned: the fold met its poison")));

  EXPECT_TRUE(Given(accounts_, Event<bank::Noted>(), Event<bank::Poisoned>(Number(14)))
                  .When(Command<bank::Deposit>(Cents(5)))
                  .ThenEvents(Event<bank::Deposited>(Cents(5))));
}

TEST_F(FixtureTest, NoticesHandlersThatDecideByWhatTheyCaptured) {
  int calls = 0;
  Group<Account> group("accounts");
  group.OnCommand(
      [&calls](bank::Deposit::Reader command, const AccountView&) -> Decision<bank::Deposited> {
        if (++calls % 3 == 2) return Reject("enough", "");
        return Emit<bank::Deposited>([&](auto event) { event.setCents(command.getCents()); });
      });
  const auto when = Given(group).When(Command<bank::Deposit>(Cents(5)));
  ExpectRed(when.ThenEvents(Event<bank::Deposited>(Cents(5))),
            Expected("bank.Deposited (cents = 5)",
                     "the decision is not deterministic: decided once, bank.Deposited (cents = 5); "
                     "decided again, rejected \"enough\", \"\""));
  EXPECT_FALSE(when.ThenRejected("enough"));

  EXPECT_TRUE(Given(accounts_)
                  .When(Command<bank::Deposit>(Cents(5)))
                  .ThenEvents(Event<bank::Deposited>(Cents(5))));
}

// A function object that hides its memory in itself: each copy begins anew.
struct Counting {
  mutable int calls = 0;
  Decision<bank::Deposited> operator()(bank::Deposit::Reader, const AccountView&) const {
    const int cents = ++calls;
    return Emit<bank::Deposited>(Cents(cents));
  }
};

TEST_F(FixtureTest, NoticesHandlersThatDecideByWhatTheyKeep) {
  Group<Account> group("accounts");
  group.OnCommand(Counting());
  ExpectRed(
      Given(group)
          .When(Command<bank::Deposit>(Cents(5)))
          .ThenEvents(Event<bank::Deposited>(Cents(1))),
      HasSubstr("the decision is not deterministic: decided once, bank.Deposited (cents = 1); "
                "decided again, bank.Deposited (cents = 2)"));
}

TEST_F(FixtureTest, ComparesTheWholeCode) {
  Group<Account> group("accounts");
  group.OnCommand([](bank::Withdraw::Reader, const AccountView&) -> Decision<bank::Withdrawn> {
    return Reject("overdraft", "balance is too low");
  });
  const auto when = Given(group).When(Command<bank::Withdraw>(Cents(5)));
  ExpectRed(when.ThenRejected("overdrawn"),
            Expected("rejected \"overdrawn\"", "rejected \"overdraft\", \"balance is too low\""));
  EXPECT_FALSE(when.ThenRejected("over"));

  EXPECT_TRUE(when.ThenRejected("overdraft"));
}

// ---- What else the engine would say.

TEST_F(FixtureTest, RefusesWhatTheEngineRefuses) {
  const auto large = Given(accounts_).When(Misbehave(How::LARGE, 1 << 20));
  EXPECT_TRUE(large.ThenRejected("commander.too_large"));
  EXPECT_TRUE(Given(accounts_).When(Misbehave(How::THROW_IN_FOLD, 13)).ThenParked("poison"));

  ExpectRed(Given(accounts_).When(Command<bank::Deposit>(Cents(5)).For("")).ThenNothing(),
            HasSubstr("a key has 1 to 1024 bytes; this one has 0"));
  ExpectRed(
      Given(accounts_, Event<bank::Noted>().For("")).When(Command<bank::Close>()).ThenNothing(),
      HasSubstr("event 1 of Given, bank.Noted, has a key of 0 bytes"));
  Group<Account> no_handler("accounts");
  ExpectRed(Given(no_handler).When(Command<bank::Deposit>(Cents(5))).ThenNothing(),
            HasSubstr("group accounts has no handler for bank.Deposit"));
  Group<Account> follower("accounts", {.handle_commands = false});
  AddBankHandlers(follower);
  ExpectRed(Given(follower).When(Command<bank::Deposit>(Cents(5))).ThenNothing(),
            HasSubstr("the group does not handle commands"));
  Group<Account> twice("accounts");
  AddBankHandlers(twice);
  AddBankHandlers(twice);
  ExpectRed(Given(twice).When(Command<bank::Deposit>(Cents(5))).ThenNothing(),
            HasSubstr("group accounts has two handlers for bank.Open"));
}

TEST_F(FixtureTest, RefusesCallsOfTheEngineFromHandlers) {
  absl::Status status;
  Group<Account> group("accounts");
  AddBankHandlers(group, [&] { status = Engine::Open({.data_directory = "x"}, {}).status(); });
  EXPECT_TRUE(
      Given(group).When(Misbehave(How::CALL_ENGINE, 1)).ThenEvents(Event<bank::Noted>(Number(1))));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(FixtureTest, GivesHandlersTheTimeThatATestNames) {
  const absl::Time noon = absl::FromUnixSeconds(1'800'000'000);
  Group<Account> group("accounts");
  group.OnCommand([&](bank::Deposit::Reader, const AccountView& view) -> Decision<bank::Deposited> {
    return Emit<bank::Deposited>(Cents(absl::ToInt64Seconds(view.now() - noon)));
  });
  const auto given = Given(group, Event<bank::Noted>().At(noon));
  EXPECT_TRUE(given.When(Command<bank::Deposit>().At(noon + absl::Seconds(90)))
                  .ThenEvents(Event<bank::Deposited>(Cents(90))));
  EXPECT_TRUE(given.When(Command<bank::Deposit>()).ThenEvents(Event<bank::Deposited>(Cents(1))));
  // Times of outcomes never decrease, and a clock far behind the log is refused.
  EXPECT_TRUE(given.When(Command<bank::Deposit>().At(noon - absl::Minutes(1)))
                  .ThenEvents(Event<bank::Deposited>(Cents(0))));
  ExpectRed(given.When(Command<bank::Deposit>().At(noon - absl::Minutes(6)))
                .ThenEvents(Event<bank::Deposited>(Cents(0))),
            HasSubstr("more than 5 minutes before the last outcome"));
}

TEST_F(FixtureTest, ShowsHandlersTheirPartition) {
  Group<Account> group("accounts", {.partitions = 1});
  group.OnCommand(
      [](bank::Withdraw::Reader command, const AccountView& view) -> Decision<bank::Withdrawn> {
        if (view.partition().Get("savings")->cents < command.getCents()) return Reject("poor", "");
        return Emit<bank::Withdrawn>(Cents(command.getCents()));
      });
  const auto given = Given(group, Event<bank::Deposited>(Cents(5)).For("savings"),
                           Event<bank::Deposited>(Cents(900)));
  EXPECT_TRUE(given.When(Command<bank::Withdraw>(Cents(6))).ThenRejected("poor"));
  EXPECT_TRUE(given.When(Command<bank::Withdraw>(Cents(5)).For("current"))
                  .ThenEvents(Event<bank::Withdrawn>(Cents(5))));
}

TEST_F(FixtureTest, LetsHandlersDrawTheSameAgain) {
  const auto drawn = Given(accounts_).When(Misbehave(How::DRAW));
  EXPECT_FALSE(drawn.ThenNothing());
  EXPECT_THAT(drawn.ThenNothing().message(), HasSubstr("actual:   bank.Noted (number = "));
}

// ---- States that do not survive their store.

// Forgets the owner when it is stored.
struct Forgetful : Account {
  void Load(Schema::Reader stored) { cents = stored.getCents(); }
  void Save(Schema::Builder stored) const { stored.setCents(cents); }
};
// Stores something else each time.
struct Restless : Account {
  void Load(Schema::Reader stored) { cents = stored.getCents() + 1; }
  void Save(Schema::Builder stored) const { stored.setCents(cents); }
};
struct Unsaveable : Account {
  void Load(Schema::Reader) {}
  void Save(Schema::Builder) const { throw std::runtime_error("no room"); }
};
template <class State>
struct GroupThatAsksForTheOwner : Group<State> {
  GroupThatAsksForTheOwner() : Group<State>("accounts") {
    this->OnCommand(
        [](bank::Deposit::Reader command, const View<State>& view) -> Decision<bank::Deposited> {
          if (view->owner.empty()) return Reject("nobody's", "");
          return Emit<bank::Deposited>(Cents(command.getCents()));
        });
  }
};

TEST_F(FixtureTest, NoticesStatesThatLoseSomething) {
  const GroupThatAsksForTheOwner<Forgetful> forgetful;
  ExpectRed(
      Given(forgetful, Event<bank::Opened>(Owner("Ada")))
          .When(Command<bank::Deposit>(Cents(5)))
          .ThenEvents(Event<bank::Deposited>(Cents(5))),
      HasSubstr("decided on the state that Load made, rejected \"nobody's\", \"\"; decided on "
                "the state folded from the events, bank.Deposited (cents = 5)"));
  const GroupThatAsksForTheOwner<Restless> restless;
  ExpectRed(Given(restless, Event<bank::Deposited>(Cents(1)))
                .When(Command<bank::Deposit>(Cents(5)))
                .ThenRejected("nobody's"),
            HasSubstr("do not give the same bytes for the state of \"key-1\": first (cents = 1), "
                      "then (cents = 2)"));
  const GroupThatAsksForTheOwner<Unsaveable> unsaveable;
  ExpectRed(Given(unsaveable, Event<bank::Opened>(Owner("Ada")))
                .When(Command<bank::Deposit>(Cents(5)))
                .ThenEvents(Event<bank::Deposited>(Cents(5))),
            HasSubstr("Save of bank.Account: no room"));

  const GroupThatAsksForTheOwner<Account> account;
  EXPECT_TRUE(Given(account, Event<bank::Opened>(Owner("Ada")))
                  .When(Command<bank::Deposit>(Cents(5)))
                  .ThenEvents(Event<bank::Deposited>(Cents(5))));
}

// Loses what only the next fold would have shown.
struct Lossy : Account {
  bool rich = false;
  void Load(Schema::Reader stored) { cents = stored.getCents(); }
  void Save(Schema::Builder stored) const { stored.setCents(cents); }
  using Account::Apply;
  void Apply(bank::Deposited::Reader event) {
    cents += rich ? 2 * event.getCents() : event.getCents();
    rich = true;
  }
};

TEST_F(FixtureTest, NoticesStatesThatFoldOtherwiseOnceTheyWereStored) {
  Group<Lossy> group("accounts");
  group.OnCommand(
      [](bank::Deposit::Reader command, const View<Lossy>&) -> Decision<bank::Deposited> {
        return Emit<bank::Deposited>(Cents(command.getCents()));
      });
  ExpectRed(
      Given(group, Event<bank::Deposited>(Cents(1)))
          .When(Command<bank::Deposit>(Cents(5)))
          .ThenEvents(Event<bank::Deposited>(Cents(5))),
      HasSubstr("the state of \"key-1\" folded from the events is (cents = 11), but where the "
                "store was read in between it is (cents = 6)"));
}

// ---- Projections.

TEST_F(FixtureTest, JudgesRows) {
  const auto given =
      Given(balances_, Event<bank::Deposited>(Cents(500)).For("a"),
            Event<bank::Opened>(Owner("Ada")).For("a"), Event<bank::Deposited>(Cents(7)).For("b"),
            Event<bank::Withdrawn>(Cents(100)).For("a"), Event<bank::Deposited>(Cents(1)).For("c"),
            Event<bank::Closed>().For("c"));
  EXPECT_TRUE(
      given.ThenRows({{"a", {.cents = 400, .events = 2}}, {"b", {.cents = 7, .events = 1}}}));
  ExpectRed(given.ThenRows({{"a", {.cents = 400, .events = 2}}}),
            Expected("\"a\" (cents = 400, events = 2)",
                     "\"a\" (cents = 400, events = 2), \"b\" (cents = 7, events = 1)"));
  ExpectRed(given.ThenRows({{"a", {.cents = 400, .events = 2}}, {"b", {.cents = 8, .events = 1}}}),
            HasSubstr("\"b\" (cents = 8, events = 1)\n"));
  ExpectRed(given.ThenRows({{"a", {}}, {"a", {}}}), HasSubstr("ThenRows names \"a\" twice"));
  EXPECT_TRUE(Given(balances_).ThenRows({}));
}

// The last deposit of all accounts.
struct Last : Balance {
  using Events = commander::Events<bank::Deposited>;
  static Keys KeysOf(bank::Deposited::Reader) { return "last"; }
  void Apply(bank::Deposited::Reader event) { cents = event.getCents(); }
};

TEST_F(FixtureTest, NoticesFoldsThatDependOnTheOrderOfAggregates) {
  const Projection<Last> last("last", accounts_);
  ExpectRed(Given(last, Event<bank::Deposited>(Cents(1)).For("a"),
                  Event<bank::Deposited>(Cents(2)).For("b"))
                .ThenRows({{"last", {{.cents = 2}}}}),
            Expected("\"last\" (cents = 2, events = 0)",
                     "the rows depend on how events of different aggregates follow each other: in "
                     "the order given, \"last\" (cents = 2, events = 0); with the last aggregate "
                     "first, \"last\" (cents = 1, events = 0)"));
  // Of one aggregate, they come in order.
  EXPECT_TRUE(Given(last, Event<bank::Deposited>(Cents(1)), Event<bank::Deposited>(Cents(2)))
                  .ThenRows({{"last", {{.cents = 2}}}}));
}

struct Amnesiac : Balance {
  void Load(Schema::Reader stored) { cents = stored.getCents(); }
};
struct Throwing : Balance {
  using Events = commander::Events<bank::Deposited>;
  void Apply(bank::Deposited::Reader) { throw std::runtime_error("no such currency"); }
};

TEST_F(FixtureTest, NoticesRowsThatDoNotSurviveTheirStore) {
  const Projection<Amnesiac> amnesiac("amnesiac", accounts_);
  ExpectRed(
      Given(amnesiac, Event<bank::Deposited>(Cents(5))).ThenRows({{"key-1", {{5, 1}}}}),
      HasSubstr("do not give the same bytes for row \"key-1\": first (cents = 5, events = 1), "
                "then (cents = 5, events = 0)"));
  const Projection<Throwing> throwing("throwing", accounts_);
  ExpectRed(Given(throwing, Event<bank::Deposited>(Cents(5))).ThenRows({}),
            AllOf(HasSubstr("expected: no rows"), HasSubstr("no such currency")));
}

struct LossyRow : Balance {
  using Events = commander::Events<bank::Deposited>;
  bool rich = false;
  void Apply(bank::Deposited::Reader event) {
    cents += rich ? 2 * event.getCents() : event.getCents();
    rich = true;
  }
};

TEST_F(FixtureTest, NoticesRowsThatFoldOtherwiseOnceTheyWereStored) {
  const Projection<LossyRow> lossy("lossy", accounts_);
  ExpectRed(Given(lossy, Event<bank::Deposited>(Cents(1)), Event<bank::Deposited>(Cents(5)))
                .ThenRows({{"key-1", {{.cents = 11}}}}),
            HasSubstr("folded in one go, \"key-1\" (cents = 11, events = 0); with every row read "
                      "back between two events, \"key-1\" (cents = 6, events = 0)"));
}

TEST_F(FixtureTest, KnowsWhichGroupAnEventIsOf) {
  Group<Account> others("others");
  const Projection<Balance> both("both", accounts_, others);
  ExpectRed(Given(both, Event<bank::Deposited>(Cents(1))).ThenRows({}),
            HasSubstr("bank.Deposited may be an event of group accounts or of group others; say "
                      "which"));
  // One key in two groups: two aggregates.
  EXPECT_TRUE(Given(both, Event<bank::Deposited>(Cents(1)).In(accounts_),
                    Event<bank::Deposited>(Cents(2)).In(others))
                  .ThenRows({{"key-1", {.cents = 3, .events = 2}}}));
  ExpectRed(Given(balances_, Event<bank::Deposited>(Cents(1)).In(others)).ThenRows({}),
            HasSubstr("bank.Deposited can be in no log that projection balances folds: group "
                      "others is not one of its groups, or it does not list the type"));
  ExpectRed(Given(accounts_, Event<bank::Deposited>(Cents(1)).In(others))
                .When(Command<bank::Close>())
                .ThenNothing(),
            HasSubstr("Given of group accounts has an event of group others"));
}

// ---- With a framework.

TEST_F(FixtureTest, TellsGoogleTestWhatHappened) {
  // The macro wants nothing of the test's own in its statement.
  static Group<Account>& accounts = *new Group<Account>("accounts");
  if (accounts.handlers().empty()) AddBankHandlers(accounts);
  EXPECT_NONFATAL_FAILURE(
      EXPECT_TRUE(Given(accounts).When(Command<bank::Deposit>(Cents(5))).ThenNothing()),
      "expected: nothing\nactual:   bank.Deposited (cents = 5)");
  EXPECT_NONFATAL_FAILURE(EXPECT_FALSE(Given(accounts)
                                           .When(Command<bank::Deposit>(Cents(5)))
                                           .ThenEvents(Event<bank::Deposited>(Cents(5)))),
                          "Actual: true");
}

TEST_F(FixtureTest, LeavesTheGroupAsItWas) {
  const auto given = Given(accounts_);
  EXPECT_TRUE(given.When(Command<bank::Close>()).ThenNothing());
  Group<Account> fresh("fresh");
  EXPECT_FALSE(Given(fresh).When(Command<bank::Close>()).ThenNothing());
  AddBankHandlers(fresh);
  EXPECT_TRUE(Given(fresh).When(Command<bank::Close>()).ThenNothing());
  EXPECT_TRUE(fresh.status().ok());
}

}  // namespace
}  // namespace commander::test
