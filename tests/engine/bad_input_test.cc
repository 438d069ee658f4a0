// Keys, sizes and records that are not as they should be: each is refused alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kj/debug.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/envelope.h"
#include "engine/log/embedded_log.h"
#include "engine/partitioner.h"
#include "tests/engine/bank_fixture.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

class BadInputTest : public BankTest {
 protected:
  absl::StatusOr<Outcome> DepositPadded(std::string_view key, std::size_t padding,
                                        const CommandOptions& options = {}) {
    return engine_->SyncCommand<bank::Deposit>(
        *accounts_, key,
        [&](auto command) {
          command.setCents(1);
          Fill(command.initPadding(static_cast<unsigned>(padding)));
        },
        options);
  }
  // Bytes by which one part is told from another.
  static void Fill(capnp::Data::Builder padding) {
    for (std::size_t i = 0; i < padding.size(); ++i) padding[i] = static_cast<kj::byte>(i % 251);
  }
  static bool IsFilled(capnp::Data::Reader padding) {
    for (std::size_t i = 0; i < padding.size(); ++i) {
      if (padding[i] != static_cast<kj::byte>(i % 251)) return false;
    }
    return true;
  }

  // Appends records to the command topic, as a client of another make might.
  void AppendRaw(std::uint16_t partition, const std::vector<std::vector<log::Word>>& records) {
    Close();
    log::EmbeddedLogOptions options;
    options.directory = (data() / "log").string();
    options.clock = &Clock::System();
    options.random = &RandomSource::System();
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto log, log::OpenEmbeddedLog(options));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const std::uint16_t topic,
                                   log->OpenTopic({"accounts-commands", log::TopicKind::kCommands,
                                                   group_options_.partitions}));
    for (const auto& record : records) {
      ASSERT_THAT(log->Append({topic, partition}, record, nullptr, true), IsOk());
    }
    ASSERT_THAT(log->Close(), IsOk());
  }
  static std::vector<log::Word> DepositRecord(std::string_view key) {
    internal::CommandDraft draft(internal::TypeOf<bank::Deposit>());
    draft.payload().initAs<bank::Deposit>().setCents(1);
    internal::CommandHeader header;
    header.id = MessageId::FromText("foreign");
    header.key = key;
    const internal::FinishedMessage message = internal::Finish(draft, header);
    return {message.words().begin(), message.words().end()};
  }
  // The outcomes of a partition, from the log: "events version 3", "rejection code: message".
  std::vector<std::string> Outcomes(std::uint16_t partition = 0) {
    std::vector<std::string> outcomes;
    const auto log = log::OpenEmbeddedLogReader({.directory = (data() / "log").string()});
    EXPECT_THAT(log, IsOk());
    if (!log.ok()) return outcomes;
    std::vector<log::Record> records;
    const log::TopicPartition events = {2, partition};
    for (Offset next; next < (*log)->End(events).value(); next = records.back().offset + 1) {
      EXPECT_THAT((*log)->Poll(events, next, 1 << 20, &records), IsOk());
    }
    for (const log::Record& record : records) {
      const auto envelope = internal::EnvelopeReader::Open(record.message);
      EXPECT_THAT(envelope, IsOk());
      if (!envelope.ok()) continue;
      std::string text(internal::MessageKindName((*envelope)->kind()));
      if (text == "event") absl::StrAppend(&text, " ", (*envelope)->version());
      if (const Rejection reason = (*envelope)->rejection(); !reason.code.empty()) {
        absl::StrAppend(&text, " ", reason.code, ": ", reason.message);
      }
      outcomes.push_back(text);
    }
    return outcomes;
  }
};

// ---- Keys

TEST_F(BadInputTest, KeysOfTheWrongLengthAreNotSent) {
  Open();
  Answers never;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1025}, std::size_t{1} << 20}) {
    const std::string key(size, 'k');
    const auto is_refused =
        StatusIs(kInvalid, absl::StrCat("a key has 1 to 1024 bytes; this one has ", size));
    EXPECT_THAT(Deposit(key, 1), is_refused);
    EXPECT_THAT(engine_->AsyncCommand<bank::Deposit>(*accounts_, key, [](auto) {}), is_refused);
    EXPECT_THAT(Send(key, 1, never), is_refused);
    EXPECT_THAT(engine_->Retry(*accounts_, key), is_refused);
    EXPECT_THAT(engine_->Skip(*accounts_, key, Offset{}, ""), is_refused);
    EXPECT_THAT(engine_->FindOutcome(*accounts_, key, "d-1"),
                StatusIs(absl::StatusCode::kNotFound));
    EXPECT_THAT(engine_->Get(*balances_, key), IsOkAndHolds(testing::Eq(std::nullopt)));
  }
  EXPECT_EQ(engine_->Status().outstanding, 0u);
  Close();
  EXPECT_EQ(never.count(), 0u);
  EXPECT_THAT(Outcomes(), IsEmpty());
}

TEST_F(BadInputTest, KeysAreAnyBytes) {
  std::string all_bytes;
  for (int byte = 0; byte < 256; ++byte) all_bytes.push_back(static_cast<char>(byte));
  // In bytewise order.
  const std::vector<std::string> keys = {std::string(1, '\0'),
                                         std::string(2, '\0'),
                                         all_bytes,
                                         "a",
                                         std::string("a\0", 2),
                                         std::string("a\0b", 3),
                                         std::string(1024, 'a'),
                                         "cafe\xcc\x81",
                                         "caf\xc3\xa9",
                                         "\xc0\x80",
                                         "\xff",
                                         std::string(1024, '\xff')};
  ASSERT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  group_options_.partitions = 2;
  Open();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(
        const Outcome outcome,
        Deposit(keys[i], static_cast<std::int64_t>(i), {.expected = ExpectedVersion::Absent()}));
    EXPECT_EQ(outcome.version(), 1u);
    EXPECT_EQ(outcome.events()[0].metadata().key, keys[i]);
  }
  for (int life = 0; life < 3; ++life) {
    SCOPED_TRACE(life);
    const auto version = static_cast<std::uint64_t>(life + 1);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      EXPECT_THAT(Deposit(keys[i], 0, {.expected = ExpectedVersion::Exactly(version)}),
                  IsEvents(version + 1));
      EXPECT_EQ(BalanceOf(keys[i]), static_cast<std::int64_t>(i));
    }
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto rows, engine_->Scan(*balances_));
    std::vector<std::string> in_order;
    for (const auto& entry : rows) in_order.push_back(entry.key);
    EXPECT_EQ(in_order, keys);
    life == 0 ? Restart() : Rebuild();
  }
}

// ---- Sizes

// One record over the limit must not take others along, whatever it stands between.
class OversizedEventTest : public BadInputTest, public ::testing::WithParamInterface<int> {};

TEST_P(OversizedEventTest, IsRefusedAlone) {
  constexpr std::int64_t kLimit = 4 << 20;
  struct Case {
    How how;
    std::int64_t number;
    bool fits;
  };
  const Case one = std::vector<Case>{{How::LARGE, kLimit / 40 * 39, true},
                                     {How::LARGE, kLimit - 1, false},
                                     {How::LARGE, kLimit + 1, false},
                                     {How::LARGE, 5 << 20, false},
                                     {How::MANY, 1001, false},
                                     {How::MANY, 65'536, false},
                                     {How::MANY, 700, true}}[static_cast<std::size_t>(GetParam())];
  const auto count = static_cast<std::uint64_t>(one.how == How::MANY ? one.number : 1);
  options_.max_record_bytes = kLimit;
  Open();
  Answers held;
  HoldWorker("acct-9", held);
  Answers answers;
  ASSERT_THAT(Send("acct-1", 1, answers), IsOk());
  ASSERT_THAT(Send("acct-2", 1, answers), IsOk());
  ASSERT_THAT(SendMisbehave("acct-1", one.how, one.number, answers, {.id = "large"}), IsOk());
  ASSERT_THAT(Send("acct-1", 1, answers), IsOk());
  ASSERT_THAT(Send("acct-2", 1, answers), IsOk());
  gate_.Open();
  const auto all = answers.Await(5);
  EXPECT_THAT(all[0], IsEvents(1));
  EXPECT_THAT(all[1], IsEvents(1));
  const std::uint64_t after = one.fits ? 1 + count : 1;
  EXPECT_THAT(all[3], IsEvents(after + 1));
  EXPECT_THAT(all[4], IsEvents(2));

  for (int life = 0; life < 3; ++life) {
    SCOPED_TRACE(life);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome large,
                                   engine_->FindOutcome(*accounts_, "acct-1", "large"));
    EXPECT_EQ(large.version(), after);
    if (one.fits) {
      ASSERT_EQ(large.events().size(), count);
      for (std::size_t i = 0; i < count; ++i) {
        const auto noted = large.events()[i].As<bank::Noted>();
        ASSERT_TRUE(noted.has_value());
        const std::int64_t expected =
            one.how == How::LARGE ? one.number : static_cast<std::int64_t>(i);
        EXPECT_EQ(one.how == How::LARGE ? static_cast<std::int64_t>(noted->getPadding().size())
                                        : noted->getNumber(),
                  expected);
        EXPECT_EQ(large.events()[i].metadata().version, 2 + i);
      }
    } else {
      EXPECT_EQ(large.rejection().code, "commander.too_large");
      // The limit, and how much it would have been.
      EXPECT_THAT(
          large.rejection().message,
          ContainsRegex(count > 65'535 ? "emitted 65536 events; the limit is 65535"
                                       : "[0-9]{7} bytes( together)?; the limit is 4194304"));
    }
    EXPECT_EQ(BalanceOf("acct-1"), 2);
    EXPECT_EQ(BalanceOf("acct-2"), 2);
    life == 0 ? Restart() : Rebuild();
  }
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(after + 2));
}

INSTANTIATE_TEST_SUITE_P(Sizes, OversizedEventTest, ::testing::Range(0, 7));

TEST_F(BadInputTest, CommandsUpToTheLimitAreSentAndNoLargerOnes) {
  options_.max_record_bytes = 64 << 10;
  Open();
  // The largest that fits, in steps of a word.
  std::size_t padding = options_.max_record_bytes - 8;
  absl::Status refused;
  for (; padding > 0; padding -= 8) {
    const auto sent = DepositPadded("acct-1", padding, {.id = absl::StrCat("d-", padding)});
    if (sent.ok()) break;
    refused = sent.status();
  }
  EXPECT_GT(padding, options_.max_record_bytes - 256);
  EXPECT_THAT(refused, StatusIs(kInvalid, HasSubstr("the command bank.Deposit has 65544 bytes with "
                                                    "its envelope; max_record_bytes is 65536")));
  EXPECT_EQ(ErrorCodeOf(refused), "commander.too_large");
  EXPECT_FALSE(CommandIdOf(refused).has_value());  // it was not sent
  // Its event has a larger envelope, and is refused by the worker.
  EXPECT_THAT(engine_->FindOutcome(*accounts_, "acct-1", absl::StrCat("d-", padding)),
              IsRejected("commander.too_large"));

  std::size_t accepted = padding;
  std::string largest_refused;
  for (; accepted > 0; accepted -= 8) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, DepositPadded("acct-1", accepted));
    if (outcome.kind() == OutcomeKind::kEvents) {
      EXPECT_TRUE(IsFilled(outcome.event<bank::Deposited>()->getPadding()));
      EXPECT_EQ(outcome.event<bank::Deposited>()->getPadding().size(), accepted);
      break;
    }
    largest_refused = outcome.rejection().message;
  }
  EXPECT_EQ(largest_refused, "event 1 of 1, bank.Deposited, has 65544 bytes; the limit is 65536");

  // Headers and the actor count, too.
  EXPECT_THAT(Deposit("acct-1", 1, {.actor = std::string(70'000, 'a')}), StatusIs(kInvalid));
  EXPECT_THAT(Deposit("acct-1", 1, {.headers = {{"name", std::string(70'000, 'h')}}}),
              StatusIs(kInvalid));
  EXPECT_THAT(engine_->Skip(*accounts_, "acct-1", Offset{}, std::string(70'000, 'r')),
              StatusIs(kInvalid));
  EXPECT_EQ(BalanceOf("acct-1"), 1);
}

TEST_F(BadInputTest, TheLargestCommandCanBeParkedWhole) {
  options_.max_record_bytes = 64 << 10;
  Open();
  ASSERT_THAT(Misbehave("acct-1", How::THROW_IN_HANDLER, 13), HasKind(OutcomeKind::kParked));
  std::size_t padding = options_.max_record_bytes - 8;
  absl::StatusOr<Outcome> parked = absl::UnknownError("not sent");
  for (; padding > 0 && !parked.ok(); padding -= 8) {
    parked = DepositPadded("acct-1", padding, {.id = "large"});
  }
  padding += 8;
  ASSERT_THAT(parked, HasKind(OutcomeKind::kParked));
  ASSERT_THAT(DepositPadded("acct-1", padding - 256, {.id = "less"}),
              HasKind(OutcomeKind::kParked));
  Rebuild();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto list, engine_->Parked(*accounts_));
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].length, 3u);
  ASSERT_THAT(engine_->Skip(*accounts_, "acct-1", list[0].source, "bad"),
              HasKind(OutcomeKind::kNothing));
  EXPECT_THAT(engine_->FindOutcome(*accounts_, "acct-1", "large"),
              IsRejected("commander.too_large"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome less,
                                 engine_->FindOutcome(*accounts_, "acct-1", "less"));
  ASSERT_EQ(less.kind(), OutcomeKind::kEvents);
  EXPECT_EQ(less.event<bank::Deposited>()->getPadding().size(), padding - 256);
  EXPECT_TRUE(IsFilled(less.event<bank::Deposited>()->getPadding()));
}

// ---- What handlers throw

TEST_F(BadInputTest, AnythingThatAHandlerThrowsParksItsCommand) {
  Open();
  std::string said;
  const auto throws = [&](std::string_view key, const std::function<void()>& what) {
    in_handler_ = what;
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome parked, Misbehave(key, How::CALL_ENGINE));
    EXPECT_TRUE(parked.parked());
    EXPECT_THAT(parked.rejection().message, HasSubstr("handler of bank.Misbehave: "));
    EXPECT_THAT(Misbehave("bystander", How::LARGE), HasKind(OutcomeKind::kEvents));
    said = parked.rejection().message;
  };
  throws("number", [] { throw 7; });
  EXPECT_THAT(said, HasSubstr("not a std::exception"));
  throws("long", [] { throw std::runtime_error(std::string(100'000, 'x')); });
  EXPECT_LT(said.size(), 2000u);
  // Those of Cap'n Proto quote what they read.
  throws("quoting", [] { KJ_FAIL_REQUIRE("secret-iban", "secret-owner"); });
  EXPECT_THAT(said, AllOf(HasSubstr("bad_input_test.cc:"), Not(HasSubstr("secret"))));
  Restart();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto parked, engine_->Parked(*accounts_));
  EXPECT_EQ(parked.size(), 3u);
  EXPECT_THAT(parked.back().message, Not(HasSubstr("secret")));
}

TEST_F(BadInputTest, LackOfMemoryStopsThePartitionAndParksNothing) {
  group_options_.partitions = 2;
  Open();
  std::string elsewhere = "a";
  while (internal::PartitionOf(elsewhere, 2) == internal::PartitionOf("acct-1", 2)) {
    elsewhere += "a";
  }
  in_handler_ = [] { throw std::bad_alloc(); };
  const auto failed = Misbehave("acct-1", How::CALL_ENGINE, 0, {.id = "m-1"});
  EXPECT_THAT(failed,
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("group accounts, partition"), HasSubstr("accounts-commands"),
                             HasSubstr("offset 0"), HasSubstr("out of memory"))));
  EXPECT_EQ(ErrorCodeOf(failed.status()), "commander.stopped");
  EXPECT_EQ(CommandIdOf(failed.status()), MessageId::FromText("m-1"));
  EXPECT_THAT(Deposit("acct-1", 1), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Deposit(elsewhere, 1), IsEvents(1));

  in_handler_ = [] {};
  Restart();
  EXPECT_THAT(engine_->Parked(*accounts_), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Misbehave("acct-1", How::CALL_ENGINE, 0, {.id = "m-1"}), RepeatsEvents(1));
}

// ---- Answers that are not a handler's to give

TEST_F(BadInputTest, CodesOfTheEngineAreNotForHandlers) {
  const auto open = [&](std::string_view code) {
    Close();
    accounts_ = std::make_unique<Group<Account>>("accounts", group_options_);
    accounts_->OnCommand([code = std::string(code)](bank::Close::Reader,
                                                    const AccountView&) -> Decision<bank::Closed> {
      return Reject(code, "not mine to say");
    });
    auto engine = Engine::Open({.data_directory = data().string(), .log_sink = log_.Sink()},
                               {accounts_.get()});
    ASSERT_THAT(engine, IsOk());
    engine_ = *std::move(engine);
  };
  open("commander.id_reused");
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const Outcome parked,
      engine_->SyncCommand<bank::Close>(*accounts_, "acct-1", [](auto) {}, {.id = "c-1"}));
  EXPECT_TRUE(parked.parked());
  EXPECT_THAT(parked.rejection().message,
              AllOf(HasSubstr("bank.Close"), HasSubstr("commander.id_reused")));
  open("commanders");
  EXPECT_THAT(engine_->Retry(*accounts_, "acct-1"), HasKind(OutcomeKind::kNothing));
  EXPECT_THAT(engine_->FindOutcome(*accounts_, "acct-1", "c-1"), IsRejected("commanders"));
}

// ---- Records that no engine wrote

TEST_F(BadInputTest, RecordsThatNobodyCanReadAreRefusedByTheirPlace) {
  Open();
  ASSERT_THAT(Deposit("acct-1", 1), IsEvents(1));
  std::vector<log::Word> of_no_type = DepositRecord("acct-1");
  // The fingerprint stands behind the pointer and the two halves of the id.
  of_no_type[3] ^= 1;
  const std::vector<log::Word> secret = {0x2d74657263657300, ~log::Word{0}, 0x6e61626900000000};
  AppendRaw(0, {secret, of_no_type, DepositRecord(""), DepositRecord(std::string(1025, 'k'))});
  const auto expected = [&] {
    return ElementsAre(
        "event 1",
        HasSubstr("rejection commander.unreadable: topic accounts-commands[0] offset 1: "),
        HasSubstr("rejection commander.unreadable: topic accounts-commands[0] offset 2: no schema "
                  "with the fingerprint"),
        HasSubstr("rejection commander.unreadable: topic accounts-commands[0] offset 3: not an "
                  "envelope: it "
                  "has no key"),
        HasSubstr(
            "rejection commander.unreadable: topic accounts-commands[0] offset 4: not an envelope: "
            "its key is too long"),
        "event 2");
  };
  Open();
  EXPECT_THAT(Deposit("acct-1", 1, {.id = "d-2"}), IsEvents(2));
  EXPECT_THAT(Outcomes(), expected());
  for (const std::string& outcome : Outcomes()) EXPECT_THAT(outcome, Not(HasSubstr("secret")));
  Rebuild();
  EXPECT_THAT(Deposit("acct-1", 1, {.id = "d-2"}), RepeatsEvents(2));
  EXPECT_THAT(engine_->Parked(*accounts_), IsOkAndHolds(IsEmpty()));
}

TEST_F(BadInputTest, ARecordInThePartitionOfAnotherKeyIsRefusedWithTheRightOne) {
  group_options_.partitions = 2;
  Open();
  const std::uint16_t right = internal::PartitionOf("acct-1", 2);
  const auto wrong = static_cast<std::uint16_t>(1 - right);
  ASSERT_THAT(Deposit("acct-1", 1), IsEvents(1));
  AppendRaw(wrong, {DepositRecord("acct-1")});
  Open();
  ASSERT_THAT(engine_->AwaitReady(), IsOk());
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(2));
  ASSERT_THAT(engine_->Close(), IsOk());
  EXPECT_THAT(Outcomes(wrong),
              ElementsAre(AllOf(HasSubstr("rejection commander.misplaced: topic accounts-commands"),
                                HasSubstr(absl::StrCat("belongs to partition ", right)),
                                HasSubstr("murmur2_random"))));
}

// What another program appended runs as if an engine had.
TEST_F(BadInputTest, AReadableRecordOfAnotherProgramRuns) {
  Open();
  ASSERT_THAT(Deposit("acct-1", 1), IsEvents(1));
  AppendRaw(0, {DepositRecord("acct-1"), DepositRecord("acct-1")});
  Open();
  EXPECT_THAT(Deposit("acct-1", 1, {.id = "foreign"}), RepeatsEvents(2));
  EXPECT_EQ(BalanceOf("acct-1"), 2);
}

}  // namespace
}  // namespace commander::test
