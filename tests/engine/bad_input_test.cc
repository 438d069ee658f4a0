// Handlers that throw and answer what is not theirs to say, and records that no engine wrote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kj/debug.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/envelope.h"
#include "engine/log/embedded_log.h"
#include "engine/partitioner.h"
#include "engine/schema.h"
#include "tests/engine/bank_fixture.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class BadInputTest : public BankTest {
 protected:
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
  // Nobody waits for the foreign record: Close() does not either.
  while (engine_->Status().partitions[wrong].end.value == 0) std::this_thread::yield();
  ASSERT_THAT(engine_->Close(), IsOk());
  EXPECT_THAT(Outcomes(wrong),
              ElementsAre(AllOf(HasSubstr("rejection commander.misplaced: topic accounts-commands"),
                                HasSubstr(absl::StrCat("belongs to partition ", right)),
                                HasSubstr("murmur2_random"))));
}

// Schemas were stored only with commands that the engine itself was asked to send, so the first of
// a type was refused as unreadable when another program had appended it.
TEST_F(BadInputTest, ACommandOfATypeThatNobodySentBeforeRuns) {
  Open();
  AppendRaw(0, {DepositRecord("acct-1")});
  Open();
  EXPECT_THAT(Misbehave("acct-1", How::EMIT_THEN_REJECT), IsRejected("changed_my_mind"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome found,
                                 engine_->FindOutcome(*accounts_, "acct-1", "foreign"));
  EXPECT_EQ(found.version(), 1u);
  Close();
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const auto log, log::OpenEmbeddedLogReader({.directory = (data() / "log").string()}));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto schemas, internal::SchemaSet::Load(*log));
  EXPECT_EQ(schemas->NameOf(internal::TypeOf<bank::Deposit>().fingerprint), "bank.Deposit");
  Rebuild();
  EXPECT_THAT(Deposit("acct-1", 1, {.id = "foreign"}), RepeatsEvents(1));
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
