// What OnCommand and Projection take.  What they refuse: compile_fail/.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "commander/commander.h"
#include "commander/testing.h"
#include "tests/support/bank.h"

namespace commander::test {
namespace {

using ::commander::testing::Command;
using ::commander::testing::Event;
using ::commander::testing::Given;

void FiveCents(bank::Deposited::Builder event) { event.setCents(5); }

Decision<bank::Deposited> Handle(bank::Deposit::Reader, const AccountView&) {
  return Emit<bank::Deposited>(FiveCents);
}
Decision<bank::Deposited> HandleNoexcept(const bank::Deposit::Reader&,
                                         const AccountView&) noexcept {
  return Emit<bank::Deposited>(&FiveCents);
}
struct HandlerObject {
  Decision<bank::Deposited> operator()(const bank::Deposit::Reader command,
                                       const AccountView& view) const noexcept {
    return Handle(command, view);
  }
};

template <class Handler>
void ExpectToHandle(Handler handler) {
  Group<Account> accounts("accounts");
  accounts.OnCommand(std::move(handler));
  EXPECT_TRUE(
      Given(accounts).When(Command<bank::Deposit>()).ThenEvents(Event<bank::Deposited>(FiveCents)));
}

TEST(HandlersTest, AreFunctionsLambdasAndFunctionObjects) {
  ExpectToHandle(Handle);
  ExpectToHandle(&Handle);
  ExpectToHandle(HandleNoexcept);
  ExpectToHandle(HandlerObject());
  ExpectToHandle(
      [](bank::Deposit::Reader command, const AccountView& view) { return Handle(command, view); });
  ExpectToHandle(
      std::function<Decision<bank::Deposited>(bank::Deposit::Reader, const AccountView&)>(Handle));
}

TEST(HandlersTest, MayEmitLessThanTheyNameAndManyOfOne) {
  Group<Account> accounts("accounts");
  accounts.OnCommand(
      [](bank::Deposit::Reader,
         const AccountView& view) -> Decision<bank::Opened, bank::Deposited, bank::Noted> {
        if (!view.Exists()) return Emit<bank::Opened>().And(Emit<bank::Deposited>(FiveCents));
        auto emitted = Emit<bank::Deposited>();
        emitted.Append(Emit<bank::Deposited>(FiveCents));
        return emitted;
      });
  EXPECT_TRUE(Given(accounts)
                  .When(Command<bank::Deposit>())
                  .ThenEvents(Event<bank::Opened>(), Event<bank::Deposited>(FiveCents)));
  EXPECT_TRUE(Given(accounts, Event<bank::Opened>())
                  .When(Command<bank::Deposit>())
                  .ThenEvents(Event<bank::Deposited>(), Event<bank::Deposited>(FiveCents)));
}

TEST(HandlersTest, SeeARemovedAggregateAsAbsentWithItsVersion) {
  Group<Account> accounts("accounts");
  accounts.OnCommand([](bank::Deposit::Reader, const AccountView& view) -> Decision<bank::Noted> {
    return Emit<bank::Noted>([&](auto event) {
      event.setNumber(static_cast<std::int64_t>(view.version()) * 10 + (view.Exists() ? 1 : 0));
    });
  });
  const auto number = [](std::int64_t n) {
    return Event<bank::Noted>([n](auto event) { event.setNumber(n); });
  };
  EXPECT_TRUE(Given(accounts).When(Command<bank::Deposit>()).ThenEvents(number(0)));
  EXPECT_TRUE(Given(accounts, Event<bank::Opened>(), Event<bank::Deposited>())
                  .When(Command<bank::Deposit>())
                  .ThenEvents(number(21)));
  EXPECT_TRUE(Given(accounts, Event<bank::Opened>(), Event<bank::Closed>())
                  .When(Command<bank::Deposit>())
                  .ThenEvents(number(20)));
}

// Folds one event by its metadata, ignores another, and touches several rows or none.
struct Totals {
  using Schema = bank::Balance;
  using Events = commander::Events<bank::Deposited, Ignores<bank::Withdrawn>>;
  std::int64_t cents = 0;

  void Load(Schema::Reader stored) { cents = stored.getCents(); }
  void Save(Schema::Builder stored) const { stored.setCents(cents); }
  static Keys KeysOf(bank::Deposited::Reader event, const EventMetadata& metadata) {
    if (event.getCents() == 0) return {};
    return {std::string(metadata.key), "all"};
  }
  Row Apply(bank::Deposited::Reader event) {
    cents += event.getCents();
    return cents > 0 ? Row::kKeep : Row::kRemove;
  }
};

TEST(ProjectionsTest, TouchSeveralRowsOrNoneAndRemoveThem) {
  const Group<Account> accounts("accounts");
  const Projection<Totals> rows("rows", accounts);
  const auto deposited = [](std::int64_t cents) {
    return Event<bank::Deposited>([cents](auto event) { event.setCents(cents); });
  };
  EXPECT_TRUE(Given(rows, deposited(5).For("a"), deposited(0).For("b"), deposited(7).For("c"),
                    Event<bank::Withdrawn>().For("d"))
                  .ThenRows({{"a", {.cents = 5}}, {"all", {.cents = 12}}, {"c", {.cents = 7}}}));
  EXPECT_TRUE(Given(rows, deposited(5).For("a"), deposited(-5).For("a")).ThenRows({}));
}

}  // namespace
}  // namespace commander::test
