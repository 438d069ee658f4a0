// What Engine::Open refuses of groups, projections, types and options, each with one sentence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "commander/commander.h"
#include "tests/engine/odd.capnp.h"
#include "tests/support/bank.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

class WiringTest : public ::testing::Test {
 protected:
  WiringTest() { options_.data_directory = (dir_ / "data").string(); }

  absl::StatusOr<std::unique_ptr<Engine>> Open(std::vector<internal::Component*> components) {
    return Engine::Open(options_, std::move(components));
  }
  // Refused, before anything was made on disk.
  void ExpectRefused(std::vector<internal::Component*> components,
                     const ::testing::Matcher<std::string>& sentence) {
    EXPECT_THAT(Open(std::move(components)), StatusIs(kInvalid, sentence));
    EXPECT_FALSE(std::filesystem::exists(dir_ / "data"));
  }

  const TempDir dir_{TempDir::kMemory};
  EngineOptions options_;
};

// A state of any schema that folds the listed events, without much sense.
template <class SchemaType, class... Listed>
struct StateOf {
  using Schema = SchemaType;
  using Events = commander::Events<Listed...>;
  void Load(typename Schema::Reader) {}
  void Save(typename Schema::Builder) const {}
  template <class Event>
  void Apply(Event) {}
};

template <class... Listed>
struct RowOf : StateOf<bank::Balance, Listed...> {
  template <class Event>
  static Keys KeysOf(Event) {
    return "row";
  }
};

// ---- Handlers

TEST_F(WiringTest, ACommandHandledTwiceIsRefused) {
  Group<Account> accounts("accounts");
  AddBankHandlers(accounts);
  accounts.OnCommand([](bank::Close::Reader, const AccountView&) -> Decision<bank::Closed> {
    return commander::Nothing();
  });
  ExpectRefused({&accounts}, "group accounts has two handlers for bank.Close");
}

TEST_F(WiringTest, AHandlerThatComesAfterOpenIsRefusedByTheNextOpen) {
  Group<Account> accounts("accounts", {.partitions = 1});
  accounts.OnCommand([](bank::Deposit::Reader, const AccountView&) -> Decision<bank::Deposited> {
    return Emit<bank::Deposited>();
  });
  COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, Open({&accounts}));
  accounts.OnCommand([](bank::Close::Reader, const AccountView&) -> Decision<bank::Closed> {
    return Emit<bank::Closed>();
  });
  // The engine that is open has not noticed.
  EXPECT_THAT(engine->SyncCommand<bank::Deposit>(accounts, "acct-1", [](auto) {}), IsOk());
  EXPECT_THAT(engine->SyncCommand<bank::Close>(accounts, "acct-1", [](auto) {}),
              StatusIs(kInvalid, AllOf(HasSubstr("group accounts has no handler for bank.Close"),
                                       HasSubstr("OnCommand before Engine::Open"))));
  ASSERT_THAT(engine->Close(), IsOk());
  EXPECT_THAT(Open({&accounts}),
              StatusIs(kInvalid, AllOf(HasSubstr("group accounts: OnCommand for bank.Close came "
                                                 "after Engine::Open"))));
}

TEST_F(WiringTest, OneCommandMayHaveAHandlerInEachGroup) {
  Group<Account> some("some", {.partitions = 1});
  Group<Account> others("others", {.partitions = 1});
  AddBankHandlers(some);
  AddBankHandlers(others);
  COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, Open({&some, &others}));
  for (const Group<Account>* group : {&some, &others}) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(
        const Outcome outcome,
        engine->SyncCommand<bank::Deposit>(*group, "acct-1", [](auto) {}, {.id = "d-1"}));
    EXPECT_EQ(outcome.version(), 1u);
    EXPECT_FALSE(outcome.repeat());
    EXPECT_EQ(outcome.events()[0].metadata().group, group->name());
    EXPECT_EQ(outcome.position().topic, group->name() + "-events");
  }
}

TEST_F(WiringTest, AGroupThatWasNotGivenIsNotKnown) {
  Group<Account> accounts("accounts", {.partitions = 1});
  AddBankHandlers(accounts);
  COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, Open({&accounts}));
  Group<Account> twin("accounts", {.partitions = 1});  // the same name is not the same group
  const auto is_unknown =
      StatusIs(kInvalid, HasSubstr("group accounts was not given to Engine::Open"));
  EXPECT_THAT(engine->SyncCommand<bank::Deposit>(twin, "acct-1", [](auto) {}), is_unknown);
  EXPECT_THAT(engine->AsyncCommand<bank::Deposit>(twin, "acct-1", [](auto) {}), is_unknown);
  EXPECT_THAT(engine->Parked(twin), is_unknown);
  EXPECT_THAT(engine->Retry(twin, "acct-1"), is_unknown);
}

// ---- Types

TEST_F(WiringTest, TwoTypesWithOneNameAreRefused) {
  const auto sentence = AllOf(HasSubstr("two types have the stable name bank.Deposited"),
                              HasSubstr("$Commander.name"));
  Group<StateOf<bank::Account, bank::Deposited, odd::Deposited>> both("both");
  ExpectRefused({&both}, sentence);

  Group<Account> accounts("accounts");
  Group<StateOf<bank::Account, odd::Deposited>> odds("odds");
  ExpectRefused({&accounts, &odds}, sentence);

  Projection<RowOf<odd::Deposited>> rows("rows", accounts);
  ExpectRefused({&accounts, &rows}, sentence);
}

TEST_F(WiringTest, PersonalMarksAreRefusedWhileNothingSealsThem) {
  const auto sentence = [](const std::string& where) {
    return AllOf(HasSubstr(where + " is marked as personal"), HasSubstr("cannot seal"));
  };
  Group<Account> of_command("people");
  of_command.OnCommand([](odd::Register::Reader, const AccountView&) -> Decision<bank::Opened> {
    return commander::Nothing();
  });
  ExpectRefused({&of_command}, sentence("odd.Register.name"));

  Group<StateOf<bank::Account, odd::Registered>> of_event("people");
  ExpectRefused({&of_event}, sentence("odd.Registered.Person"));

  Group<StateOf<odd::Owned, bank::Opened>> of_state("people");
  ExpectRefused({&of_state}, sentence("odd.Owned.owner"));

  Group<Account> accounts("accounts");
  Projection<RowOf<odd::Registered>> of_row("people", accounts);
  ExpectRefused({&accounts, &of_row}, sentence("odd.Registered.Person"));
}

// ---- Groups and projections

TEST_F(WiringTest, ARemoteGroupIsRefusedOnTheEmbeddedLog) {
  RemoteGroup warehouse("warehouse");
  ExpectRefused({&warehouse},
                "group warehouse is a RemoteGroup, but on the embedded log every group that is "
                "sent commands is handled by this process: make it a Group with its handlers");
}

TEST_F(WiringTest, AProjectionOverAGroupThatWasNotGivenIsRefused) {
  Group<Account> given("given");
  Group<Account> missing("missing");
  Projection<Balance> balances("balances", given, missing);
  ExpectRefused({&given, &balances},
                "projection balances folds group missing, which was not given to Engine::Open");
}

TEST_F(WiringTest, NothingIsGivenTwice) {
  Group<Account> accounts("accounts");
  ExpectRefused({&accounts, &accounts}, "group accounts was given twice");
  Group<Account> twin("accounts", {.command_topic = "c", .event_topic = "e"});
  ExpectRefused({&accounts, &twin}, "group accounts was given twice");
  Projection<Balance> one("balances", accounts);
  Projection<Balance> other("balances", accounts);
  ExpectRefused({&accounts, &one, &other}, "projection balances was given twice");
  ExpectRefused({&accounts, nullptr}, HasSubstr("is null"));
}

TEST_F(WiringTest, GroupsShareNoTopic) {
  Group<Account> accounts("accounts");
  Group<Account> spy("spy", {.event_topic = "accounts-events"});
  ExpectRefused({&accounts, &spy}, "group spy: topic accounts-events is used twice");
  Group<Account> circle("circle", {.command_topic = "all", .event_topic = "all"});
  ExpectRefused({&circle}, "group circle: topic all is used twice");
}

TEST_F(WiringTest, NamesAreThoseThatFilesAndTopicsMayHave) {
  for (const std::string& name :
       {std::string(), std::string(".."), std::string("a/b"), std::string("a b"),
        std::string("a\0", 2), std::string("caf\xc3\xa9"), std::string(201, 'a')}) {
    SCOPED_TRACE(name);
    Group<Account> group(name);
    ExpectRefused({&group}, HasSubstr("a group's name must be 1 to 200 of"));
    Group<Account> accounts("accounts");
    Projection<Balance> projection(name, accounts);
    ExpectRefused({&accounts, &projection}, HasSubstr("a projection's name must be 1 to 200 of"));
    if (name.empty()) continue;
    Group<Account> topics("topics", {.command_topic = name});
    ExpectRefused({&topics}, HasSubstr("group topics: a topic's name must be 1 to 200 of"));
  }
  Group<Account> longest(std::string(200, 'a'),
                         {.command_topic = "c", .event_topic = "e", .partitions = 1});
  EXPECT_THAT(Open({&longest}), IsOk());
}

TEST_F(WiringTest, PartitionsCannotChange) {
  Group<Account> none("accounts", {.partitions = 0});
  ExpectRefused({&none}, "group accounts needs at least one partition");
  Group<Account> two("accounts", {.partitions = 2});
  ASSERT_THAT(Open({&two}), IsOk());
  Group<Account> three("accounts", {.partitions = 3});
  EXPECT_THAT(Open({&three}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("accounts-commands"), HasSubstr("2"), HasSubstr("3"))));
  Group<Account> swapped("swapped", {.command_topic = "accounts-events", .event_topic = "e"});
  EXPECT_THAT(Open({&swapped}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("accounts-events")));
  EXPECT_THAT(Open({&two}), IsOk());
}

TEST_F(WiringTest, AnEngineMayHaveNoGroup) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, Open({}));
  EXPECT_THAT(engine->AwaitReady(), IsOk());
  EXPECT_THAT(engine->Close(), IsOk());
}

// ---- Options

TEST_F(WiringTest, OptionsThatCannotBeAreRefused) {
  const auto refuses = [&](const std::string& option, const auto& change) {
    EngineOptions options = options_;
    change(options);
    EXPECT_THAT(Engine::Open(options, {}), StatusIs(kInvalid, HasSubstr(option)));
  };
  refuses("data_directory", [](auto& o) { o.data_directory.clear(); });
  refuses("dedup_window", [](auto& o) { o.dedup_window = absl::ZeroDuration(); });
  refuses("dedup_window", [](auto& o) { o.dedup_window = absl::InfiniteDuration(); });
  refuses("max_record_bytes", [](auto& o) { o.max_record_bytes = 1023; });
  refuses("max_record_bytes", [](auto& o) { o.max_record_bytes = (std::size_t{4} << 20) + 1; });
  refuses("max_outstanding", [](auto& o) { o.max_outstanding = 0; });
  refuses("max_outstanding_bytes", [](auto& o) { o.max_outstanding_bytes = 1000; });
  refuses("segment_bytes", [](auto& o) { o.segment_bytes = 0; });
  refuses("segment_bytes", [](auto& o) { o.segment_bytes = std::size_t{1} << 40; });
}

}  // namespace
}  // namespace commander::test
