// Keys of any bytes, and records up to their bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/engine/bank_fixture.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class KeysTest : public BankTest {
 protected:
  KeysTest() {
    group_options_.partitions = 3;
    Open();
  }
  ~KeysTest() override { Close(); }
};

TEST_F(KeysTest, HaveOneTo1024Bytes) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{1024}}) {
    EXPECT_THAT(Deposit(std::string(bytes, 'k'), 5), IsEvents(1)) << bytes;
  }
  Answers never;
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1025}, std::size_t{1} << 20}) {
    SCOPED_TRACE(bytes);
    const std::string key(bytes, 'k');
    const auto is_refused =
        StatusIs(absl::StatusCode::kInvalidArgument,
                 HasSubstr("a key has 1 to 1024 bytes; this one has " + std::to_string(bytes)));
    const absl::StatusOr<Outcome> refused = Deposit(key, 5);
    EXPECT_THAT(refused, is_refused);
    EXPECT_EQ(ErrorCodeOf(refused.status()), "commander.bad_key");
    EXPECT_THAT(engine_->AsyncCommand<bank::Deposit>(*accounts_, key, [](auto) {}), is_refused);
    EXPECT_THAT(Send(key, 5, never), is_refused);
  }
  EXPECT_EQ(never.count(), 0u);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome last, Deposit("k", 5));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto rows,
                                 engine_->Scan(*balances_, {.at_least = last.position()}));
  EXPECT_EQ(rows.size(), 2u);
}

TEST_F(KeysTest, AreOpaqueBytes) {
  using namespace std::string_literals;
  // In bytewise order, with prefixes of each other, and one whose zero bytes would end a C string.
  const std::vector<std::string> keys = {
      "\0"s,
      "\0\0"s,
      "\0\xff\x80"s,
      " "s,
      "a"s,
      "a\0"s,
      "a\0b"s,
      "aa"s,
      "a\xcc\x88"s,
      std::string(1024, 'k'),
      "\xc3\xa4"s,
      "\xff"s,
      std::string(1024, '\xff'),
  };
  for (std::size_t i = 0; i < keys.size(); ++i) {
    ASSERT_THAT(Deposit(keys[i], static_cast<std::int64_t>(i) + 1, {.id = "d"}), IsEvents(1));
  }
  for (int life = 0; life < 3; ++life) {
    SCOPED_TRACE(life);
    Position all;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      SCOPED_TRACE(i);
      const auto cents = static_cast<std::int64_t>(i) + 1;
      COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome found,
                                     engine_->FindOutcome(*accounts_, keys[i], "d"));
      EXPECT_EQ(found.events()[0].metadata().key, keys[i]);
      EXPECT_EQ(found.event<bank::Deposited>()->getCents(), cents);
      COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome too_much, Withdraw(keys[i], cents + 1));
      EXPECT_EQ(too_much.rejection().code, "overdrawn");
      EXPECT_EQ(too_much.version(), 1u);
      all.Merge(too_much.position());
      COMMANDER_ASSERT_OK_AND_ASSIGN(
          const auto row, engine_->Get(*balances_, keys[i], {.at_least = too_much.position()}));
      ASSERT_TRUE(row.has_value());
      EXPECT_EQ(row->cents, cents);
    }
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto rows, engine_->Scan(*balances_, {.at_least = all}));
    std::vector<std::string> scanned;
    for (const auto& entry : rows) scanned.push_back(entry.key);
    EXPECT_EQ(scanned, keys);
    life == 0 ? Restart() : Rebuild();
  }
}

TEST_F(KeysTest, AreScannedByPrefixInPages) {
  using namespace std::string_literals;
  Position all;
  for (const std::string& key : {"a"s, "a\0"s, "a\xff"s, "a\xff\xff"s, "b"s, "\xff\xff"s}) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, Deposit(key, 1));
    all.Merge(outcome.position());
  }
  const auto scan = [&](ScanOptions options) {
    options.at_least = all;
    std::vector<std::string> keys;
    const auto rows = engine_->Scan(*balances_, options);
    EXPECT_THAT(rows, IsOk());
    for (const auto& entry : *rows) keys.push_back(entry.key);
    return keys;
  };
  using Keys = std::vector<std::string>;
  EXPECT_EQ(scan({.prefix = "a"}), (Keys{"a", "a\0"s, "a\xff", "a\xff\xff"}));
  EXPECT_EQ(scan({.prefix = "a\xff"}), (Keys{"a\xff", "a\xff\xff"}));
  EXPECT_EQ(scan({.prefix = "\xff"}), (Keys{"\xff\xff"}));
  EXPECT_EQ(scan({.prefix = "c"}), Keys{});
  EXPECT_EQ(scan({.prefix = "a", .limit = 2}), (Keys{"a", "a\0"s}));
  EXPECT_EQ(scan({.prefix = "a", .after = "a\0"s, .limit = 2}), (Keys{"a\xff", "a\xff\xff"}));
  EXPECT_EQ(scan({.after = "a\xff\xff", .limit = 1}), Keys{"b"});
  EXPECT_EQ(scan({.prefix = "a", .after = "b"}), Keys{});
  EXPECT_EQ(scan({.prefix = "b", .after = "a"}), Keys{"b"});
  EXPECT_EQ(scan({.limit = 0}), Keys{});
}

// ---- Sizes

constexpr std::size_t kMiB = std::size_t{1} << 20;

class SizesTest : public BankTest {
 protected:
  SizesTest() { options_.max_outstanding_bytes = 256 * kMiB; }
  ~SizesTest() override {
    Close();
    Account::poison = 13;
  }

  absl::Status SendPadded(std::string_view key, std::size_t bytes, Answers& answers) {
    return engine_
        ->SendCommand<bank::Deposit>(
            *accounts_, key,
            [&](auto command) {
              command.setCents(1);
              command.initPadding(static_cast<unsigned>(bytes));
            },
            answers.Next())
        .status();
  }
};

// One record that is a few bytes too large must not take its batch with it, nor leave in part.
TEST_F(SizesTest, AnOutcomeThatIsTooLargeIsRefusedAlone) {
  options_.max_record_bytes = 4 * kMiB;
  Open();
  struct Case {
    How how;
    std::int64_t number;
    bool fits;
    const char* says;
  };
  const std::vector<Case> cases = {
      {How::LARGE, static_cast<std::int64_t>(3.9 * kMiB), true, ""},
      {How::LARGE, 4 * kMiB - 1, false, "the limit is 4194304"},
      {How::LARGE, 4 * kMiB + 1, false, "the limit is 4194304"},
      {How::LARGE, 5 * kMiB, false, "event 1 of 1, bank.Noted, has 5243"},
      {How::MANY, 1001, false, "events have"},
      {How::MANY, 800, true, ""},
  };
  std::int64_t deposits = 0;
  std::uint64_t version = 0;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.number);
    const std::string id = "m" + std::to_string(c.number);
    Answers held;
    HoldWorker("acct-3", held);
    Answers answers;
    ASSERT_THAT(Send("acct-1", 1, answers), IsOk());
    ASSERT_THAT(Send("acct-2", 1, answers), IsOk());
    ASSERT_THAT(SendMisbehave("acct-1", c.how, c.number, answers, {.id = id}), IsOk());
    ASSERT_THAT(Send("acct-1", 1, answers), IsOk());
    ASSERT_THAT(Send("acct-2", 1, answers), IsOk());
    gate_.Open();
    const auto all = answers.Await(5);
    ++deposits;
    EXPECT_THAT(all[0], IsEvents(++version));
    EXPECT_THAT(all[1], IsEvents(2 * static_cast<std::uint64_t>(deposits) - 1));
    if (c.fits) {
      const std::uint64_t events = c.how == How::MANY ? static_cast<std::uint64_t>(c.number) : 1;
      version += events;
      EXPECT_THAT(all[2], IsEvents(version));
      EXPECT_EQ(all[2]->events().size(), events);
    } else {
      ASSERT_THAT(all[2], IsRejected("commander.too_large"));
      EXPECT_THAT(all[2]->rejection().message, HasSubstr(c.says));
      EXPECT_EQ(all[2]->version(), version);
    }
    EXPECT_THAT(all[3], IsEvents(++version));
    EXPECT_THAT(all[4], IsEvents(2 * static_cast<std::uint64_t>(deposits)));

    // It is the same for whoever asks later, also after a restart.
    Restart();
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome found,
                                   engine_->FindOutcome(*accounts_, "acct-1", id));
    EXPECT_EQ(found.kind(), all[2]->kind());
    EXPECT_EQ(found.events().size(), all[2]->events().size());
    EXPECT_EQ(found.rejection().message, all[2]->rejection().message);
    EXPECT_EQ(BalanceOf("acct-1"), 2 * deposits);
    EXPECT_EQ(BalanceOf("acct-2"), 2 * deposits);
  }
}

TEST_F(SizesTest, ACommandThatIsTooLargeIsNotSent) {
  options_.max_record_bytes = 4096;
  Open();
  Answers answers;
  // The envelope takes a part of the record.
  std::size_t fits = 4096;
  while (!SendPadded("acct-1", fits, answers).ok()) --fits;
  EXPECT_GT(fits, 3900u);
  // Its event, whose envelope is larger, does not.
  EXPECT_THAT(answers.Await(1)[0], IsRejected("commander.too_large"));
  const absl::Status refused = SendPadded("acct-1", fits + 8, answers);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument,
                                AllOf(HasSubstr("the command bank.Deposit has 41"),
                                      HasSubstr("max_record_bytes is 4096"))));
  EXPECT_EQ(ErrorCodeOf(refused), "commander.too_large");
  EXPECT_EQ(CommandIdOf(refused), std::nullopt);
  EXPECT_THAT(Deposit("acct-1", 1, {.headers = {{"name", std::string(5000, 'x')}}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(1));
  EXPECT_EQ(answers.count(), 1u);
}

// A parked command repeats its actor, and nobody could park one of a megabyte.
TEST_F(SizesTest, AnActorHas4096BytesAtMost) {
  Open();
  EXPECT_THAT(Deposit("acct-1", 1, {.actor = std::string(4096, 'a')}), IsEvents(1));
  EXPECT_THAT(Deposit("acct-1", 1, {.actor = std::string(4097, 'a')}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("an actor has at most 4096")));
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(2));
}

TEST_F(SizesTest, TheLargestCommandCanBeParked) {
  Close();
  Group<Account> group("accounts", {.partitions = 1});
  group.OnCommand([](bank::Deposit::Reader command, const AccountView&) -> Decision<bank::Noted> {
    if (Account::poison == 13) throw std::runtime_error(std::string(100'000, 'x'));
    return Emit<bank::Noted>([&](auto event) {
      event.setNumber(static_cast<std::int64_t>(command.getPadding().size()));
    });
  });
  options_.data_directory = data().string();
  for (const std::size_t bound : {std::size_t{1024}, 4 * kMiB}) {
    SCOPED_TRACE(bound);
    std::filesystem::remove_all(data());
    options_.max_record_bytes = bound;
    COMMANDER_ASSERT_OK_AND_ASSIGN(engine_, Engine::Open(options_, {&group}));
    Answers answers;
    const auto send = [&](std::size_t bytes) {
      return engine_
          ->SendCommand<bank::Deposit>(
              group, "acct-1",
              [&](auto command) { command.initPadding(static_cast<unsigned>(bytes)); },
              answers.Next(), {.id = "large"})
          .status();
    };
    std::size_t fits = bound;
    while (!send(fits).ok()) fits -= 8;
    EXPECT_THAT(answers.Await(1)[0], HasKind(OutcomeKind::kParked));
    ASSERT_THAT(engine_->Close(), IsOk());
    engine_.reset();
    COMMANDER_ASSERT_OK_AND_ASSIGN(engine_, Engine::Open(options_, {&group}));
    Account::poison = -1;
    EXPECT_THAT(engine_->Retry(group, "acct-1"), HasKind(OutcomeKind::kNothing));
    Account::poison = 13;
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome,
                                   engine_->FindOutcome(group, "acct-1", "large"));
    ASSERT_EQ(outcome.kind(), OutcomeKind::kEvents);
    EXPECT_EQ(outcome.event<bank::Noted>()->getNumber(), static_cast<std::int64_t>(fits));
    ASSERT_THAT(engine_->Close(), IsOk());
    engine_.reset();
  }
}

TEST_F(SizesTest, AHandlerMayEmit65535EventsAndNoMore) {
  options_.max_record_bytes = 4 * kMiB;
  Group<Account> group("accounts", {.partitions = 1});
  group.OnCommand([](bank::Deposit::Reader command, const AccountView&) -> Decision<bank::Closed> {
    Emitted<bank::Closed> all = Emit<bank::Closed>();
    for (std::int64_t i = 1; i < command.getCents(); ++i) all.Append(Emit<bank::Closed>());
    return all;
  });
  options_.data_directory = data().string();
  COMMANDER_ASSERT_OK_AND_ASSIGN(engine_, Engine::Open(options_, {&group}));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome,
                                 engine_->SyncCommand<bank::Deposit>(
                                     group, "a", [](auto command) { command.setCents(65'536); }));
  EXPECT_EQ(outcome.rejection().code, "commander.too_large");
  EXPECT_EQ(outcome.rejection().message, "the handler emitted 65536 events; the limit is 65535");
  ASSERT_THAT(engine_->Close(), IsOk());
  engine_.reset();
}

}  // namespace
}  // namespace commander::test
