// Personal fields are sealed wherever they are stored, and stop existing with their subject's key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "engine/envelope.h"
#include "engine/log/embedded_log.h"
#include "engine/partitioner.h"
#include "tests/engine/personal_fixture.h"

namespace commander::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PrivacyTest : public PersonalTest {
 protected:
  // What the log's files hold.
  std::map<std::string, std::string> LogBytes() const {
    std::map<std::string, std::string> bytes;
    for (const auto& file : fs::directory_iterator(data() / "log")) {
      if (file.path().extension() != ".log") continue;
      std::ifstream in(file.path(), std::ios::binary);
      bytes[file.path().filename()] =
          std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    }
    return bytes;
  }
};

// ---------------------------------------------------------------- sealing

TEST_F(PrivacyTest, PersonalFieldsAreReadAsTheyWereWritten) {
  Open();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome opened, OpenAccount("acct-1", kCanary));
  ASSERT_EQ(opened.events().size(), 1u);
  EXPECT_EQ(opened.event<personal::Opened>()->getOwner(), kCanary);
  EXPECT_EQ(opened.event<personal::Opened>()->getBranch(), "north");
  const EventMetadata& metadata = opened.events()[0].metadata();
  EXPECT_EQ(metadata.subject.size(), 64u);
  EXPECT_FALSE(metadata.erased);
  EXPECT_EQ(OwnerOf("acct-1"), kCanary);
  EXPECT_FALSE(seen_erased_);
  const auto row = RowOf(metadata.subject, opened.position());
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->owner, kCanary);

  // From the store, and folded again from the log.
  for (const bool rebuilt : {false, true}) {
    rebuilt ? DeleteStores() : Close();
    Open();
    EXPECT_EQ(OwnerOf("acct-1"), kCanary);
    EXPECT_EQ(RowOf(metadata.subject, opened.position())->owner, kCanary);
    COMMANDER_ASSERT_OK_AND_ASSIGN(
        const Outcome found, engine_->FindOutcome(*accounts_, "acct-1", opened.id().ToString()));
    EXPECT_EQ(found.event<personal::Opened>()->getOwner(), kCanary);
  }
}

TEST_F(PrivacyTest, ASealedFieldIsFoundInNoFile) {
  Open();
  EXPECT_THAT(OpenAccount("acct-1", kCanary), IsEvents(1));
  EXPECT_THAT(Rename("acct-1", kCanary, personal::Rename::How::REJECT), IsRejected("refused"));
  EXPECT_THAT(Rename("acct-1", kCanary, personal::Rename::How::THROW),
              HasKind(OutcomeKind::kParked));
  EXPECT_THAT(OpenAccount("acct-2", kCanary), IsEvents(1));
  Close();
  EXPECT_FALSE(Holds(dir_.path(), kCanary));
  // Public fields are there to be found, and so would be this one without its mark.
  EXPECT_TRUE(Holds(dir_.path(), "north"));
}

TEST_F(PrivacyTest, AnUnmarkedFieldIsFound) {
  Group<Account> accounts("accounts");
  AddBankHandlers(accounts);
  {
    COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, Engine::Open(options_, {&accounts}));
    EXPECT_THAT(engine->SyncCommand<bank::Open>(accounts, "acct-1",
                                                [](auto command) { command.setOwner(kCanary); }),
                IsEvents(1));
  }
  EXPECT_TRUE(Holds(data(), kCanary));
  EXPECT_FALSE(fs::exists(data() / "keys")) << "nothing is personal";
  EXPECT_FALSE(fs::exists(dir_ / "kek"));
}

TEST_F(PrivacyTest, EverythingIsSealedWhereThatIsAsked) {
  options_.seal_everything = true;
  Group<Account> accounts("accounts");
  AddBankHandlers(accounts);
  Projection<Balance> balances("balances", accounts);
  for (int life = 0; life < 2; ++life) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, Engine::Open(options_, {&accounts, &balances}));
    COMMANDER_ASSERT_OK_AND_ASSIGN(
        const Outcome outcome,
        engine->SyncCommand<bank::Open>(
            accounts, "acct-1", [](auto command) { command.setOwner(kCanary); }, {.id = "open"}));
    EXPECT_EQ(outcome.event<bank::Opened>()->getOwner(), kCanary);
    COMMANDER_ASSERT_OK_AND_ASSIGN(
        const Outcome paid,
        engine->SyncCommand<bank::Deposit>(
            accounts, "acct-1", [](auto command) { command.setCents(5); }, {.id = "pay"}));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto row,
                                   engine->Get(balances, "acct-1", {.at_least = paid.position()}));
    ASSERT_TRUE(row.has_value());
    EXPECT_EQ(row->cents, 5);
    EXPECT_THAT(engine->Close(), IsOk());
    if (life == 0) fs::remove_all(data() / "store");
  }
  EXPECT_FALSE(Holds(dir_.path(), kCanary));
}

// Stores that were folded in clear read as those of somebody who was erased.
TEST_F(PrivacyTest, StoresAreFoldedAgainWhereSealEverythingIsChanged) {
  Group<Account> accounts("accounts");
  bool erased = false;
  std::int64_t before = 0;
  accounts.OnCommand(
      [&](bank::Deposit::Reader command, const AccountView& view) -> Decision<bank::Deposited> {
        erased = view.Erased();
        before = view->cents;
        return Emit<bank::Deposited>([&](auto event) { event.setCents(command.getCents()); });
      });
  Projection<Balance> balances("balances", accounts);
  std::int64_t cents = 0;
  for (const bool everything : {false, true, false}) {
    options_.seal_everything = everything;
    COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, Engine::Open(options_, {&accounts, &balances}));
    COMMANDER_ASSERT_OK_AND_ASSIGN(
        const Outcome paid, engine->SyncCommand<bank::Deposit>(
                                accounts, "acct-1", [&](auto command) { command.setCents(5); }));
    EXPECT_FALSE(erased);
    EXPECT_EQ(before, cents);
    cents += 5;
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto row,
                                   engine->Get(balances, "acct-1", {.at_least = paid.position()}));
    ASSERT_TRUE(row.has_value());
    EXPECT_EQ(row->cents, cents);
    EXPECT_THAT(engine->Close(), IsOk());
  }
}

TEST_F(PrivacyTest, NoTextOfAFailureQuotesAPersonalField) {
  Open();
  EXPECT_THAT(OpenAccount("acct-1", kCanary), IsEvents(1));
  // The caller of a personal command is told, and so is its operator.
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome parked,
                                 Rename("acct-1", kCanary, personal::Rename::How::THROW_IN_FOLD));
  EXPECT_TRUE(parked.parked());
  EXPECT_THAT(parked.rejection().message, HasSubstr(kCanary));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto all, engine_->Parked(*accounts_));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_THAT(all[0].message, HasSubstr(kCanary));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome retried, engine_->Retry(*accounts_, "acct-1"));
  EXPECT_EQ(retried.rejection().code, "commander.failed");
  EXPECT_THAT(retried.rejection().message, Not(HasSubstr(kCanary)));
  // Another command cannot be sealed: of its failure the type is told.
  EXPECT_THAT(OpenAccount("acct-2", kCanary), IsEvents(1));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome scolded, engine_->SyncCommand<personal::Scold>(
                                                            *accounts_, "acct-2", [](auto) {}));
  EXPECT_TRUE(scolded.parked());
  EXPECT_THAT(
      scolded.rejection().message,
      AllOf(HasSubstr("personal.Scold"), HasSubstr("std::runtime_error"), Not(HasSubstr(kCanary))));
  Close();
  EXPECT_FALSE(Holds(dir_.path(), kCanary));
  EXPECT_THAT(log_.Messages(LogLevel::kDebug), Each(Not(HasSubstr(kCanary))));
}

TEST_F(PrivacyTest, ARepeatIsToldByWhatIsUnderTheSeal) {
  Open();
  EXPECT_THAT(OpenAccount("acct-1", "Ada", {.id = "one"}), IsEvents(1));
  for (int life = 0; life < 2; ++life) {
    EXPECT_THAT(OpenAccount("acct-1", "Ada", {.id = "one"}), RepeatsEvents(1));
    EXPECT_THAT(OpenAccount("acct-1", "Bob", {.id = "one"}), IsRejected("commander.id_reused"));
    DeleteStores();
    Open();
  }
  // Its comparison ends with the key; it is a repeat all the same.
  EXPECT_THAT(Erase("acct-1"), IsOk());
}

// What somebody else might write into the log: a payload of a personal type, in clear.
class ClearPayloadTest : public PrivacyTest {
 protected:
  ClearPayloadTest() {
    Open();
    EXPECT_THAT(OpenAccount("acct-1", "Ada"), IsEvents(1));
    EXPECT_THAT(Rename("acct-1", "Ada"), IsEvents(2));
    Close();
    OpenLog();
  }
  void OpenLog() {
    log::EmbeddedLogOptions options;
    options.directory = (data() / "log").string();
    options.clock = &Clock::System();
    options.random = &RandomSource::System();
    auto log = log::OpenEmbeddedLog(std::move(options));
    ASSERT_THAT(log, IsOk());
    log_file_ = *std::move(log);
  }
  log::TopicPartition Place(std::string_view topic) {
    const auto topics = log_file_->Topics();
    for (const log::TopicInfo& each : *topics) {
      if (each.settings.name == topic) return {each.number, internal::PartitionOf("acct-1", 2)};
    }
    ADD_FAILURE() << "no topic " << topic;
    return {};
  }
  void CloseLog() {
    while (log_file_->Step()) {
    }
    EXPECT_THAT(log_file_->Close(), IsOk());
    log_file_.reset();
  }
  std::unique_ptr<log::Log> log_file_;
};

TEST_F(ClearPayloadTest, OfACommandIsRefusedByItsPlace) {
  internal::CommandDraft draft(internal::TypeOf<personal::Open>());
  draft.payload().initAs<personal::Open>().setOwner(kCanary);
  internal::CommandHeader header;
  header.id = MessageId::FromText("clear");
  header.key = "acct-1";
  const internal::FinishedMessage message = Finish(draft, header);
  ASSERT_THAT(log_file_->Append(Place("accounts-commands"), message.words(), nullptr, true),
              IsOk());
  CloseLog();
  Open();
  EXPECT_EQ(OwnerOf("acct-1"), "Ada");  // the partition goes on
  Close();
  OpenLog();
  std::vector<log::Record> records;
  ASSERT_THAT(log_file_->Poll(Place("accounts-events"), Offset{2}, 1, &records), IsOk());
  ASSERT_FALSE(records.empty());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto record,
                                 internal::EnvelopeReader::Open(records[0].message));
  EXPECT_EQ(record->kind(), internal::MessageKind::kRejection);
  EXPECT_EQ(record->key(), "");
  EXPECT_EQ(record->rejection().code, "commander.unreadable");
  EXPECT_THAT(record->rejection().message, AllOf(HasSubstr("clear"), Not(HasSubstr(kCanary))));
}

TEST_F(ClearPayloadTest, OfAnEventStopsThePartition) {
  internal::EventDraft draft(internal::TypeOf<personal::Renamed>());
  draft.payload().initAs<personal::Renamed>().setOwner(kCanary);
  internal::CommandDraft command(internal::TypeOf<personal::Deposit>());
  command.payload().initAs<personal::Deposit>();
  internal::CommandHeader sent;
  sent.id = MessageId::FromText("cause");
  sent.key = "acct-1";
  internal::OutcomeHeader header;
  header.id = MessageId::FromText("event");
  header.type = internal::TypeOf<personal::Renamed>().fingerprint;
  header.kind = internal::MessageKind::kEvent;
  header.version = 3;
  header.key = "acct-1";
  header.source = Offset{2};
  header.cause = sent.id;
  ASSERT_THAT(
      log_file_->Append(Place("accounts-commands"), Finish(command, sent).words(), nullptr, true),
      IsOk());
  log::CommitBatch batch;
  batch.commands = Place("accounts-commands");
  batch.events = Place("accounts-events");
  batch.consumed = Offset{3};
  batch.entries.Append(Finish(draft, header).words());
  log_file_->Commit(std::move(batch));
  CloseLog();
  Open();
  EXPECT_THAT(engine_->AwaitReady(),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("accounts-events"), HasSubstr("offset 2"),
                             HasSubstr("clear"), Not(HasSubstr(kCanary)))));
}

// ---------------------------------------------------------------- erasing

TEST_F(PrivacyTest, AnErasedSubjectReadsAsAbsentEverywhereAndEverythingElseReplays) {
  Open();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome ada, OpenAccount("acct-1", kCanary));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome bob, OpenAccount("acct-2", "Bob"));
  EXPECT_THAT(Deposit("acct-1", 500), IsEvents(2));
  const std::string pseudonym = ada.events()[0].metadata().subject;
  EXPECT_EQ(RowOf(pseudonym, ada.position())->owner, kCanary);
  const auto before = LogBytes();

  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt receipt, Erase("acct-1"));
  EXPECT_EQ(receipt.pseudonym, pseudonym);
  EXPECT_EQ(receipt.erasure.size(), 32u);
  EXPECT_GE(receipt.completed, receipt.requested);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const SubjectStatus status,
                                 engine_->privacy().Status({"accounts", "acct-1"}));
  EXPECT_EQ(status.state, SubjectStatus::State::kErased);

  for (int life = 0; life < 3; ++life) {
    SCOPED_TRACE(life);
    EXPECT_EQ(OwnerOf("acct-1"), "");
    EXPECT_TRUE(seen_erased_);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome found,
                                   engine_->FindOutcome(*accounts_, "acct-1", ada.id().ToString()));
    ASSERT_EQ(found.events().size(), 1u);
    EXPECT_EQ(found.event<personal::Opened>()->getOwner(), "");
    EXPECT_EQ(found.event<personal::Opened>()->getBranch(), "north");
    EXPECT_TRUE(found.events()[0].metadata().erased);
    EXPECT_EQ(found.events()[0].metadata().subject, pseudonym);
    const auto row = RowOf(pseudonym, bob.position());
    ASSERT_TRUE(row.has_value());
    EXPECT_EQ(row->owner, "");
    EXPECT_EQ(row->accounts, 1u);
    // Everybody else.
    EXPECT_EQ(OwnerOf("acct-2"), "Bob");
    EXPECT_FALSE(seen_erased_);
    // New personal data is refused, before it is written and after.
    const auto refused = Rename("acct-1", "Eve");
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("erased")));
    EXPECT_EQ(ErrorCodeOf(refused.status()), "commander.erased");
    life == 1 ? DeleteStores() : Close();
    Open();
  }
  const auto after = LogBytes();
  for (const auto& [file, bytes] : before) {
    const std::size_t written = bytes.find_last_not_of('\0') + 1;
    EXPECT_EQ(after.at(file).substr(0, written), bytes.substr(0, written)) << file;
  }
  EXPECT_FALSE(Holds(dir_.path(), kCanary));
  EXPECT_THAT(log_.Messages(LogLevel::kDebug), Each(Not(HasSubstr(kCanary))));
}

TEST_F(PrivacyTest, ErasingTwiceIsErasingOnce) {
  Open();
  EXPECT_THAT(OpenAccount("acct-1", "Ada"), IsEvents(1));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt first, Erase("acct-1"));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto again = Erase("acct-1");
      ASSERT_THAT(again, IsOk());
      EXPECT_EQ(again->erasure, first.erasure);
    });
  }
  for (std::thread& thread : threads) thread.join();
  Close();
  Open();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt later, Erase("acct-1"));
  EXPECT_EQ(later.erasure, first.erasure);
}

TEST_F(PrivacyTest, ASubjectThatNeverHadAKeyIsErasedBeforeItComes) {
  Open();
  EXPECT_THAT(Deposit("acct-9", 1), IsEvents(1));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureReceipt receipt, Erase("acct-9"));
  EXPECT_EQ(receipt.pseudonym, "");
  for (int life = 0; life < 3; ++life) {
    EXPECT_EQ(ErrorCodeOf(OpenAccount("acct-9", kCanary).status()), "commander.erased");
    EXPECT_EQ(OwnerOf("acct-9"), "");
    life == 1 ? DeleteStores() : Close();
    Open();
  }
  EXPECT_FALSE(Holds(dir_.path(), kCanary));
}

TEST_F(PrivacyTest, ACommandThatWasInTheLogBeforeTheErasureIsRefusedWithoutItsHandler) {
  Gate gate;
  std::atomic<int> handled = 0;
  in_handler_ = [&] {
    ++handled;
    gate.Pass();
  };
  Open();
  EXPECT_THAT(OpenAccount("acct-1", "Ada"), IsEvents(1));
  gate.Shut();
  Answers blocked;
  ASSERT_THAT(engine_->SendCommand<personal::Deposit>(
                  *accounts_, "acct-1", [](auto command) { command.setCents(1); }, blocked.Next()),
              IsOk());
  gate.AwaitSomebodyHeld();
  const int before = handled;
  Answers waiting;
  ASSERT_THAT(
      engine_->SendCommand<personal::Open>(
          *accounts_, "acct-1", [](auto command) { command.setOwner(kCanary); }, waiting.Next()),
      IsOk());
  std::thread eraser([&] { EXPECT_THAT(Erase("acct-1"), IsOk()); });
  while (true) {
    const auto status = engine_->privacy().Status({"accounts", "acct-1"});
    ASSERT_THAT(status, IsOk());
    if (status->state == SubjectStatus::State::kErasing) break;
  }
  gate.Open();
  eraser.join();
  EXPECT_THAT(waiting.Await(1)[0], IsRejected("commander.erased"));
  EXPECT_EQ(handled, before);
  EXPECT_THAT(blocked.Await(1)[0], IsEvents(2));
}

TEST_F(PrivacyTest, AParkedCommandOfAnErasedSubjectIsRefusedWhenItIsRetried) {
  Open();
  EXPECT_THAT(OpenAccount("acct-1", kCanary), IsEvents(1));
  EXPECT_THAT(Rename("acct-1", kCanary, personal::Rename::How::THROW),
              HasKind(OutcomeKind::kParked));
  EXPECT_THAT(Erase("acct-1"), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto parked, engine_->Parked(*accounts_));
  ASSERT_EQ(parked.size(), 1u);
  EXPECT_EQ(parked[0].message, "");
  EXPECT_EQ(parked[0].code, "failed");
  EXPECT_THAT(engine_->Retry(*accounts_, "acct-1"), HasKind(OutcomeKind::kNothing));
  EXPECT_THAT(engine_->FindOutcome(*accounts_, "acct-1", parked[0].id.ToString()),
              IsRejected("commander.erased"));
  EXPECT_THAT(engine_->Parked(*accounts_), IsOkAndHolds(IsEmpty()));
}

TEST_F(PrivacyTest, ASubjectIsWhomTheFieldNames) {
  Open();
  const auto refer = [&](std::string_view key, const char* email) {
    return engine_->SyncCommand<personal::Refer>(*accounts_, key,
                                                 [&](auto command) { command.setEmail(email); });
  };
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome one, refer("acct-1", "ada@example.org"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome two, refer("acct-2", "ada@example.org"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome other, refer("acct-2", "bob@example.org"));
  EXPECT_EQ(one.events()[0].metadata().subject, two.events()[0].metadata().subject);
  EXPECT_NE(one.events()[0].metadata().subject, other.events()[0].metadata().subject);
  EXPECT_THAT(engine_->privacy().Erase({"person", "ada@example.org"}, ""), IsOk());
  EXPECT_EQ(ErrorCodeOf(refer("acct-3", "ada@example.org").status()), "commander.erased");
  EXPECT_THAT(refer("acct-1", "bob@example.org"), HasKind(OutcomeKind::kEvents));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome found,
                                 engine_->FindOutcome(*accounts_, "acct-2", two.id().ToString()));
  EXPECT_TRUE(found.events()[0].metadata().erased);
  // Nobody is named: it is not sent.
  EXPECT_THAT(refer("acct-4", ""), StatusIs(absl::StatusCode::kInvalidArgument));
}

// The state was sealed under the subject of the aggregate's last event, whoever that was, so that
// the owner's name outlived the owner's key.
TEST_F(PrivacyTest, AnEventAboutSomebodyElseDoesNotTakeAStateOver) {
  Open();
  EXPECT_THAT(OpenAccount("acct-1", kCanary), IsEvents(1));
  EXPECT_THAT(engine_->SyncCommand<personal::Refer>(
                  *accounts_, "acct-1", [](auto command) { command.setEmail("bob@example.org"); }),
              IsEvents(2));
  for (const bool rebuilt : {false, true}) {
    rebuilt ? DeleteStores() : Close();
    Open();
    EXPECT_EQ(OwnerOf("acct-1"), kCanary);
    Close();  // what is in the store is sealed again
    Open();
    EXPECT_THAT(engine_->privacy().Erase({"person", "bob@example.org"}, ""), IsOk());
    EXPECT_EQ(OwnerOf("acct-1"), kCanary);
  }
  EXPECT_THAT(Erase("acct-1"), IsOk());
  EXPECT_EQ(OwnerOf("acct-1"), "");
  EXPECT_TRUE(seen_erased_);
}

// ---------------------------------------------------------------- keys

TEST_F(PrivacyTest, WithoutItsKeysNothingOpensAndNothingIsTakenForErased) {
  Open();
  EXPECT_THAT(OpenAccount("acct-1", "Ada"), IsEvents(1));
  Close();
  const fs::path kek = dir_ / "kek";
  fs::rename(kek, dir_ / "elsewhere");
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("KEK_MISSING")));
  EXPECT_FALSE(fs::exists(kek));
  fs::rename(dir_ / "elsewhere", kek);
  fs::rename(data() / "keys", dir_ / "keys");
  EXPECT_THAT(TryOpen(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("KEYS_MISSING")));
  EXPECT_FALSE(fs::exists(data() / "keys"));
  fs::rename(dir_ / "keys", data() / "keys");
  Open();
  EXPECT_EQ(OwnerOf("acct-1"), "Ada");
}

TEST_F(PrivacyTest, AProgramWithoutPersonalTypesHasNoKeys) {
  Group<Account> accounts("accounts");
  AddBankHandlers(accounts);
  COMMANDER_ASSERT_OK_AND_ASSIGN(auto engine, Engine::Open(options_, {&accounts}));
  const auto erased = engine->privacy().Erase({"accounts", "acct-1"}, "");
  EXPECT_THAT(erased, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(ErrorCodeOf(erased.status()), "commander.no_keys");
}

}  // namespace
}  // namespace commander::test
