// What Engine::Open refuses before it touches anything.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/engine/bank_fixture.h"
#include "tests/engine/wiring.capnp.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class WiringTest : public BankTest {
 protected:
  WiringTest() {
    options_.data_directory = data().string();
    AddBankHandlers(good_);
  }

  // Opening is refused by that sentence, and leaves nothing behind.
  void ExpectRefused(std::vector<internal::Component*> components,
                     const ::testing::Matcher<std::string>& sentence) {
    const auto engine = Engine::Open(options_, std::move(components));
    EXPECT_THAT(engine.status(), StatusIs(absl::StatusCode::kInvalidArgument, sentence));
    EXPECT_FALSE(std::filesystem::exists(data()));
  }
  void ExpectOpens(std::vector<internal::Component*> components) {
    const auto engine = Engine::Open(options_, std::move(components));
    ASSERT_THAT(engine, IsOk());
    EXPECT_THAT((*engine)->Close(), IsOk());
  }

  Group<Account> good_{"accounts", {.partitions = 1}};
};

TEST_F(WiringTest, AcceptsWhatIsRight) {
  const Group<Account> bare("bare", {.partitions = 1});
  Projection<Balance> balances("balances", good_);
  ExpectOpens({&good_, &balances});
}

TEST_F(WiringTest, RefusesGroupsThatCannotBeNamed) {
  for (const char* name : {"", ".hidden", "a/b", "a b", "ä", "a:b", ".."}) {
    Group<Account> group(name);
    ExpectRefused({&group}, AllOf(HasSubstr("a group's name must be 1 to 200 of A-Z a-z 0-9"),
                                  HasSubstr(std::string("'") + name + "'")));
  }
  Group<Account> long_name(std::string(201, 'n'));
  ExpectRefused({&long_name}, HasSubstr("a group's name"));
  Group<Account> topic("accounts", {.command_topic = "a/b"});
  ExpectRefused({&topic}, HasSubstr("group accounts: a topic's name"));
  Projection<Balance> projection("a/b", good_);
  ExpectRefused({&good_, &projection}, HasSubstr("a projection's name"));
}

TEST_F(WiringTest, RefusesWhatIsGivenTwice) {
  ExpectRefused({&good_, &good_}, "group accounts was given twice");
  Group<Account> same_name("accounts");
  ExpectRefused({&good_, &same_name}, "group accounts was given twice");
  Group<Account> same_topic("others", {.event_topic = "accounts-events"});
  ExpectRefused({&good_, &same_topic}, "group others: topic accounts-events is used twice");
  Group<Account> one_topic("others", {.command_topic = "others", .event_topic = "others"});
  ExpectRefused({&one_topic}, "group others: topic others is used twice");
  Projection<Balance> balances("balances", good_);
  Projection<Balance> same("balances", good_);
  ExpectRefused({&good_, &balances, &same}, "projection balances was given twice");
  AddBankHandlers(good_);
  ExpectRefused({&good_}, "group accounts has two handlers for bank.Open");
}

TEST_F(WiringTest, RefusesWhatIsMissing) {
  ExpectRefused({&good_, nullptr}, "a component given to Engine::Open is null");
  Projection<Balance> balances("balances", good_);
  ExpectRefused({&balances},
                "projection balances folds group accounts, which was not given to Engine::Open");
  Group<Account> none("none", {.partitions = 0});
  ExpectRefused({&none}, "group none needs at least one partition");
}

TEST_F(WiringTest, RefusesRemoteGroups) {
  RemoteGroup warehouse("warehouse");
  ExpectRefused(
      {&warehouse, &good_},
      "group warehouse is a RemoteGroup, which no log supports yet: every group is handled by the "
      "process that opens it; make it a Group with its handlers");
}

TEST_F(WiringTest, RefusesOptionsOutOfBounds) {
  const EngineOptions good = options_;
  options_.dedup_window = absl::ZeroDuration();
  ExpectRefused({&good_}, HasSubstr("dedup_window must be above 0 and at most a year; got 0"));
  options_.dedup_window = absl::Hours(24 * 400);
  ExpectRefused({&good_}, HasSubstr("dedup_window"));
  options_ = good;
  options_.max_record_bytes = 1023;
  ExpectRefused({&good_}, HasSubstr("max_record_bytes must be 1024 to 4194304; got 1023"));
  options_.max_record_bytes = (4 << 20) + 1;
  ExpectRefused({&good_}, HasSubstr("max_record_bytes"));
  options_ = good;
  options_.max_outstanding = 0;
  ExpectRefused({&good_}, HasSubstr("max_outstanding must be at least 1"));
  options_ = good;
  options_.max_outstanding_bytes = options_.max_record_bytes - 1;
  ExpectRefused({&good_}, HasSubstr("max_outstanding_bytes at least max_record_bytes"));
  options_ = good;
  options_.data_directory = "";
  ExpectRefused({&good_}, HasSubstr("EngineOptions.data_directory is empty"));
}

TEST_F(WiringTest, RefusesHandlersThatComeAfterOpening) {
  Group<Account> group("accounts", {.partitions = 1});
  ExpectOpens({&group});
  EXPECT_THAT(group.status(), IsOk());
  AddBankHandlers(group);
  EXPECT_THAT(group.status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "group accounts: OnCommand for bank.Open came after Engine::Open; register "
                       "all handlers before"));
  std::filesystem::remove_all(data());
  ExpectRefused({&group}, HasSubstr("OnCommand for bank.Open came after Engine::Open"));
}

// ---- Types

template <class Event>
struct StateOf {
  using Schema = bank::Account;
  using Events = commander::Events<Event>;
  void Load(Schema::Reader) {}
  void Save(Schema::Builder) const {}
  void Apply(typename Event::Reader) {}
  static Keys KeysOf(typename Event::Reader) { return "all"; }
};

TEST_F(WiringTest, RefusesTwoTypesOfOneName) {
  Group<StateOf<wiring::Impostor>> group("others", {.partitions = 1});
  ExpectRefused({&good_, &group},
                "two types have the stable name bank.Deposited; give one of them another with "
                "$Commander.name");
  Projection<StateOf<wiring::Impostor>> projection("others", good_);
  ExpectRefused({&good_, &projection}, HasSubstr("two types have the stable name bank.Deposited"));
  // Also where they look alike.
  Group<StateOf<wiring::Twin>> twin("twins", {.partitions = 1});
  ExpectRefused({&good_, &twin}, HasSubstr("two types have the stable name bank.Deposited"));
  // Many may list one type.
  Group<StateOf<bank::Deposited>> same("same", {.partitions = 1});
  ExpectOpens({&good_, &same});
}

// Inside a list or another struct nothing would seal it.
TEST_F(WiringTest, RefusesPersonalMarksThatItCannotKeep) {
  Group<StateOf<wiring::MarkedBelow>> below("g");
  ExpectRefused({&below}, AllOf(HasSubstr("wiring.MarkedBelow.contacts"), HasSubstr("email")));
  Group<Account> command("g");
  command.OnCommand(
      [](wiring::MarkedBelow::Reader, const AccountView&) -> Decision<> { return Nothing(); });
  ExpectRefused({&command}, HasSubstr("wiring.MarkedBelow.contacts"));
  EXPECT_FALSE(std::filesystem::exists(data()));
}

// ---- Commands that nobody handles

TEST_F(WiringTest, CommandsThatNobodyHandlesAreNotSent) {
  accounts_ = std::make_unique<Group<Account>>("accounts", GroupOptions{.partitions = 1});
  COMMANDER_ASSERT_OK_AND_ASSIGN(engine_, Engine::Open(options_, {accounts_.get()}));
  const absl::StatusOr<Outcome> refused = Deposit("acct-1", 5);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument,
                                "group accounts has no handler for bank.Deposit; register one with "
                                "OnCommand before Engine::Open"));
  EXPECT_EQ(ErrorCodeOf(refused.status()), "commander.no_handler");
  EXPECT_EQ(CommandIdOf(refused.status()), std::nullopt);
  Answers never;
  EXPECT_THAT(Send("acct-1", 5, never), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(
      engine_->SyncCommand<bank::Deposit>(good_, "acct-1", [](auto) {}),
      StatusIs(absl::StatusCode::kInvalidArgument, "group accounts was not given to Engine::Open"));
  RemoteGroup remote("accounts");
  EXPECT_THAT(engine_->SyncCommand<bank::Deposit>(remote, "acct-1", [](auto) {}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  Close();
  EXPECT_EQ(never.count(), 0u);
}

}  // namespace
}  // namespace commander::test
