// The engine on Kafka, through the public API: what it promises on the embedded log holds here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/partitioner.h"
#include "tests/kafka/bank_on_kafka.h"
#include "tests/kafka/own_broker.h"
#include "tests/kafka/plain_admin.h"
#include "tests/kafka/plain_consumer.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(KafkaBankTest, AnswersRemembersAndGoesOn) {
  group_options_.partitions = 3;
  Open();
  EXPECT_THAT(Deposit("acct-1", 500, {.id = "one"}), IsEvents(1));
  EXPECT_THAT(Withdraw("acct-1", 200), IsEvents(2));
  EXPECT_THAT(Withdraw("acct-1", 1000), IsRejected("overdrawn"));
  EXPECT_THAT(Deposit("acct-1", 500, {.id = "one"}), RepeatsEvents(1));
  EXPECT_EQ(BalanceOf("acct-1"), 300);
  Restart();
  EXPECT_THAT(Deposit("acct-1", 500, {.id = "one"}), RepeatsEvents(1));
  EXPECT_THAT(Deposit("acct-1", 7, {.id = "one"}), IsRejected("commander.id_reused"));
  EXPECT_THAT(Deposit("acct-1", 50), IsEvents(3));
  EXPECT_THAT(Deposit("acct-2", 1), IsEvents(1));
  EXPECT_EQ(BalanceOf("acct-1"), 350);
}

TEST_F(KafkaBankTest, StoresAreTheSameWhenDeletedOrPutBackFromAnOlderCopy) {
  group_options_.partitions = 2;
  Open();
  for (int i = 0; i < 20; ++i) ASSERT_THAT(Deposit(absl::StrCat("acct-", i % 5), i), IsOk());
  Close();
  const std::filesystem::path copy = dir_ / "copy";
  std::filesystem::copy(data(), copy, std::filesystem::copy_options::recursive);
  Open();
  for (int i = 0; i < 20; ++i) ASSERT_THAT(Deposit(absl::StrCat("acct-", i % 7), i), IsOk());
  ASSERT_THAT(Withdraw("acct-1", 1'000'000), IsRejected("overdrawn"));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::string hash, Hash());

  std::filesystem::remove_all(data());
  std::filesystem::copy(copy, data(), std::filesystem::copy_options::recursive);
  EXPECT_NE(Hash().value(), hash);
  Restart();
  EXPECT_THAT(Hash(), IsOkAndHolds(hash));
  Rebuild();
  EXPECT_THAT(Hash(), IsOkAndHolds(hash));
}

TEST_F(KafkaBankTest, ParksAndRetries) {
  Open();
  EXPECT_THAT(Misbehave("acct-1", How::THROW_IN_HANDLER, Account::poison),
              HasKind(OutcomeKind::kParked));
  EXPECT_THAT(Deposit("acct-1", 5), HasKind(OutcomeKind::kParked));
  Restart();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto parked, engine_->Parked(*accounts_));
  ASSERT_EQ(parked.size(), 1u);
  EXPECT_EQ(parked[0].length, 2u);
}

// A second process with a directory of its own, while the first is alive and after it has gone.
TEST_F(KafkaBankTest, ASecondOwnerIsRefusedUntilTheFirstHasGone) {
  Open();
  ASSERT_THAT(Deposit("acct-1", 5), IsEvents(1));
  Group<Account> other(group_name_, group_options_);
  AddBankHandlers(other);
  EngineOptions options = options_;
  options.data_directory = (dir_ / "other").string();
  const auto refused = Engine::Open(options, {&other});
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable,
                                AllOf(HasSubstr(group_name_), HasSubstr("127.0.0.1"))));
  // Nor one on the same directory.
  options.data_directory = data().string();
  EXPECT_THAT(Engine::Open(options, {&other}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(std::to_string(getpid()))));
  options.data_directory = (dir_ / "other").string();
  EXPECT_THAT(Deposit("acct-1", 5), IsEvents(2));
  Close();
  Group<Account> successor(group_name_, group_options_);
  AddBankHandlers(successor);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto engine, Engine::Open(options, {&successor}));
  EXPECT_THAT(engine->SyncCommand<bank::Deposit>(successor, "acct-1",
                                                 [](auto command) { command.setCents(1); }),
              IsEvents(3));
}

// Records of other programs: one in a partition that its key does not belong to, two that are none.
TEST_F(KafkaBankTest, RefusesWhatOthersPutWrongByItsPlace) {
  group_options_.partitions = 2;
  Open();
  ASSERT_THAT(Deposit("acct-1", 5), IsEvents(1));
  std::string value;
  int right = -1;
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const int partitions,
      ReadTopic(options_.brokers, commands(), [&](const rd_kafka_message_t& message) {
        value.assign(static_cast<const char*>(message.payload), message.len);
        right = message.partition;
        EXPECT_EQ(std::string(static_cast<const char*>(message.key), message.key_len), "acct-1");
        return absl::OkStatus();
      }));
  ASSERT_EQ(partitions, 2);
  ASSERT_NE(right, -1);
  const int wrong = 1 - right;
  ASSERT_THAT(ProduceOne(options_.brokers, commands(), wrong, "acct-1", value), IsOk());
  ASSERT_THAT(ProduceOne(options_.brokers, commands(), right, "acct-1", "no envelope"), IsOk());
  ASSERT_THAT(ProduceOne(options_.brokers, commands(), right, "acct-1", ""), IsOk());
  EXPECT_THAT(Deposit("acct-1", 6), IsEvents(2));
  Restart();
  EXPECT_THAT(Deposit("acct-1", 7), IsEvents(3));
  std::vector<std::string> found;
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const int all, ReadTopic(options_.brokers, events(), [&](const rd_kafka_message_t& message) {
        const std::string_view bytes(static_cast<const char*>(message.payload), message.len);
        for (const char* code : {"commander.misplaced", "commander.unreadable"}) {
          if (bytes.find(code) == std::string_view::npos) continue;
          found.push_back(absl::StrCat(code, " ", message.partition == right ? "right" : "wrong"));
          if (found.back() == "commander.misplaced wrong") {
            EXPECT_NE(bytes.find("murmur2"), std::string_view::npos);
          }
        }
        return absl::OkStatus();
      }));
  EXPECT_EQ(all, 2);
  EXPECT_THAT(found, ::testing::UnorderedElementsAre("commander.misplaced wrong",
                                                     "commander.unreadable right",
                                                     "commander.unreadable right"));
}

TEST_F(KafkaBankTest, RefusesTopicsThatWouldLoseRecordsOrMoveKeys) {
  ASSERT_THAT(CreateTopic(options_.brokers, events(), 1,
                          {{"cleanup.policy", "compact"}, {"retention.ms", "1000"}}),
              IsOk());
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  AllOf(HasSubstr(events()), HasSubstr("cleanup.policy=delete"),
                                        HasSubstr("retention.ms=-1"))));
  ASSERT_THAT(DeleteTopics(options_.brokers, {events()}), IsOk());
  Open();
  ASSERT_THAT(Deposit("acct-1", 5), IsEvents(1));
  group_options_.partitions = 4;
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  AllOf(HasSubstr(commands()), HasSubstr("has 1 partitions"),
                                        HasSubstr("asks for 4"))));
  group_options_.partitions = 1;
  Open();
  EXPECT_THAT(Deposit("acct-1", 5), IsEvents(2));
}

TEST_F(KafkaBankTest, RefusesTopicsMadeAnewAndDeletesNothing) {
  Open();
  ASSERT_THAT(Deposit("acct-1", 5), IsEvents(1));
  ASSERT_THAT(Deposit("acct-1", 5), IsEvents(2));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::string hash, Hash());
  ASSERT_THAT(DeleteTopics(options_.brokers, {commands(), events()}), IsOk());
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  AllOf(HasSubstr("ahead of the log"), HasSubstr(events()))));
  EXPECT_THAT(Hash(), IsOkAndHolds(hash));
}

// A transaction of somebody else hides from every consumer what was committed after it began.
TEST_F(KafkaBankTest, DecidesNothingBeforeItHasReadAllThatWasCommitted) {
  Open();
  for (int i = 0; i < 3; ++i) ASSERT_THAT(Deposit("acct-1", 100), IsOk());
  {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto other,
                                   OpenTransaction::Begin(options_.brokers, events(), 0));
    for (int i = 0; i < 5; ++i) ASSERT_THAT(Deposit("acct-1", 100), IsOk());
    DeleteStores();
    Open();
    EXPECT_THAT(Withdraw("acct-1", 800, {.timeout = absl::Seconds(2)}),
                StatusIs(absl::StatusCode::kDeadlineExceeded));
    const EngineStatus status = engine_->Status();
    EXPECT_EQ(status.partitions[0].phase, PartitionPhase::kRestoring);
    EXPECT_LT(status.partitions[0].folded, status.partitions[0].end);
    // It says why, and what to do: for a restore and for whoever follows.
    const auto warning =
        AllOf(HasSubstr(absl::StrCat(events(), "[0]")),
              HasSubstr(absl::StrCat("from offset ", status.projections[0].folded.value, " on")),
              HasSubstr(absl::StrCat("before ", status.partitions[0].end.value, ":")),
              HasSubstr("transaction.timeout.ms"),
              HasSubstr(absl::StrCat("abort --topic ", events(), " --partition 0 --start-offset ",
                                     status.projections[0].folded.value)));
    EXPECT_TRUE(AwaitStatus([](const EngineStatus& now) {
      return !now.partitions[0].warning.empty() && !now.projections[0].warning.empty();
    }));
    EXPECT_THAT(engine_->Status().partitions[0].warning, warning);
    EXPECT_THAT(engine_->Status().projections[0].warning, warning);
    EXPECT_THAT(log_.Messages(LogLevel::kWarning), ::testing::Contains(warning));
  }
  // The one that nobody waits for any more ran first.
  EXPECT_THAT(Deposit("acct-1", 1, {.timeout = absl::Minutes(1)}), IsEvents(10));
  EXPECT_EQ(BalanceOf("acct-1"), 1);
  EXPECT_TRUE(AwaitStatus([](const EngineStatus& now) {
    return now.partitions[0].warning.empty() && now.projections[0].warning.empty();
  }));
}

TEST_F(KafkaBankTest, RefusesEventsThatAreGoneBelowTheStore) {
  Open();
  for (int i = 0; i < 5; ++i) ASSERT_THAT(Deposit("acct-1", 1), IsOk());
  Close();
  const std::filesystem::path copy = dir_ / "copy";
  std::filesystem::copy(data(), copy, std::filesystem::copy_options::recursive);
  Open();
  for (int i = 0; i < 20; ++i) ASSERT_THAT(Deposit("acct-1", 1), IsOk());
  Close();
  ASSERT_THAT(DeleteRecordsBelow(options_.brokers, events(), 0, 30), IsOk());
  Open();  // has folded them all
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(26));
  Close();
  std::filesystem::remove_all(data());
  std::filesystem::copy(copy, data(), std::filesystem::copy_options::recursive);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::string hash, Hash());
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  AllOf(HasSubstr(events()), HasSubstr("begins at offset 30"))));
  EXPECT_THAT(Hash(), IsOkAndHolds(hash));
}

TEST_F(KafkaBankTest, StopsAPartitionWhoseCommandsAreGoneWithoutAnOutcome) {
  group_options_.handle_commands = false;
  Open();
  Answers answers;
  for (int i = 0; i < 10; ++i) {
    ASSERT_THAT(engine_->AsyncCommand<bank::Deposit>(*accounts_, "acct-1",
                                                     [](auto command) { command.setCents(1); }),
                IsOk());
  }
  Close();
  ASSERT_THAT(DeleteRecordsBelow(options_.brokers, commands(), 0, 5), IsOk());
  group_options_.handle_commands = true;
  Open();
  EXPECT_THAT(engine_->AwaitReady(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr(commands()), HasSubstr("0 to 4 are gone"),
                             HasSubstr("accept_lost_commands"))));
  Close();
  options_.accept_lost_commands = true;
  Open();
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(5 + 1));
  EXPECT_THAT(log_.Messages(LogLevel::kWarning), ::testing::Contains(HasSubstr("0 to 4 are gone")));
  EXPECT_EQ(BalanceOf("acct-1"), 5 + 1);
  options_.accept_lost_commands = false;
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::string hash, Hash());
  Rebuild();
  EXPECT_THAT(Hash(), IsOkAndHolds(hash));
  Open();
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(5 + 2));
}

// Each in its own way no command, between good ones and as the last.
TEST_F(KafkaBankTest, GivesPoisonOneRejectionEach) {
  Open();
  ASSERT_THAT(Deposit("acct-1", 1), IsEvents(1));
  std::string good;
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const int partitions,
      ReadTopic(options_.brokers, commands(), [&](const rd_kafka_message_t& message) {
        good.assign(static_cast<const char*>(message.payload), message.len);
        return absl::OkStatus();
      }));
  ASSERT_EQ(partitions, 1);
  std::string wild = good;
  std::fill_n(wild.begin(), 8, '\xff');
  const std::vector<std::string> poisons = {std::string(17, '\x5a'), "",
                                            good.substr(0, good.size() / 2 & ~std::size_t{7}), wild,
                                            std::string(64, '\0')};
  for (const std::string& poison : poisons) {
    ASSERT_THAT(ProduceOne(options_.brokers, commands(), 0, "acct-1", poison), IsOk());
  }
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(2));
  ASSERT_THAT(ProduceOne(options_.brokers, commands(), 0, "", "the last"), IsOk());
  Restart();
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(3));
  Restart();
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(4));
  std::size_t rejections = 0;
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const int all, ReadTopic(options_.brokers, events(), [&](const rd_kafka_message_t& message) {
        const std::string_view bytes(static_cast<const char*>(message.payload), message.len);
        if (bytes.find("commander.unreadable") != std::string_view::npos) ++rejections;
        return absl::OkStatus();
      }));
  EXPECT_EQ(all, 1);
  EXPECT_EQ(rejections, poisons.size() + 1);
}

// A key of each partition.
std::vector<std::string> KeysOfEach(std::uint16_t partitions) {
  std::vector<std::string> keys(partitions);
  for (int i = 0; i < 100; ++i) {
    const std::string key = absl::StrCat("acct-", i);
    keys[internal::PartitionOf(key, partitions)] = key;
  }
  return keys;
}

// An event that is none stops its partition, also as the last one at the start.
TEST_F(KafkaBankTest, StopsOnlyThePartitionWithAPoisonedEvent) {
  group_options_.partitions = 2;
  Open();
  const std::vector<std::string> keys = KeysOfEach(2);
  for (const std::string& key : keys) ASSERT_THAT(Deposit(key, 1), IsEvents(1));
  Close();
  ASSERT_THAT(ProduceOne(options_.brokers, events(), 0, "", std::string(17, '\x5a')), IsOk());
  Open();
  EXPECT_THAT(engine_->AwaitReady().message(), HasSubstr(absl::StrCat(events(), "[0] offset")));
  EXPECT_THAT(Deposit(keys[0], 1), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Deposit(keys[1], 1), IsEvents(2));
}

TEST_F(KafkaBankTest, SaysWhatABrokerWillNeverTake) {
  options_.kafka_properties = {{"transaction.timeout.ms", "2000000000"}};
  const absl::Time before = absl::Now();
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("timeout")));
  EXPECT_LT(absl::Now() - before, absl::Seconds(20));
}

TEST_F(KafkaBankTest, RefusesOneOfABurstThatIsTooLarge) {
  Open();
  Answers answers;
  HoldWorker("acct-1", answers);
  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(Send("acct-1", 1, answers), IsOk());
    if (i == 10) {
      ASSERT_THAT(SendMisbehave("acct-1", How::LARGE, 2 << 20, answers), IsOk());
    }
  }
  gate_.Open();
  int events = 0;
  int too_large = 0;
  for (const absl::StatusOr<Outcome>& answer : answers.Await(22)) {
    ASSERT_THAT(answer, IsOk());
    if (answer->kind() == OutcomeKind::kEvents) ++events;
    if (answer->rejected() && answer->rejection().code == "commander.too_large") ++too_large;
  }
  EXPECT_EQ(events, 20 + 1);  // and that of the one that held the worker
  EXPECT_EQ(too_large, 1);
  EXPECT_EQ(BalanceOf("acct-1"), 20);
}

// Whether this process leaves a core half idle within a second, or one of the next: something else
// may still have been under way.
bool ComesToRest() {
  for (int seconds = 0; seconds < 5; ++seconds) {
    const std::clock_t before = std::clock();
    absl::SleepFor(absl::Seconds(1));
    if (std::clock() - before < CLOCKS_PER_SEC / 2) return true;
  }
  return false;
}

// The broker's bound was lowered: tried a few times, then said, without taking the others along.
TEST_F(KafkaBankTest, StopsOnlyThePartitionWhoseRecordABrokerRefusesForGood) {
  options_.kafka_properties.emplace_back("compression.codec", "none");
  group_options_.partitions = 3;
  Open();
  const std::vector<std::string> keys = KeysOfEach(3);
  for (const std::string& key : keys) ASSERT_THAT(Deposit(key, 1), IsEvents(1));
  ASSERT_THAT(AlterTopic(options_.brokers, events(),
                         {{"max.message.bytes", "10000"}, {"retention.ms", "-1"}}),
              IsOk());
  // Far behind the pauses between the attempts.
  const CommandOptions patient = {.timeout = absl::Seconds(60)};
  Answers answers;
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(Send(keys[1], 1, answers, patient), IsOk());
    if (i == 2) {
      ASSERT_THAT(SendMisbehave(keys[0], How::LARGE, 50'000, answers, patient), IsOk());
    }
    ASSERT_THAT(Send(keys[2], 1, answers, patient), IsOk());
  }
  int events_of_others = 0;
  absl::Status refusal;
  for (const absl::StatusOr<Outcome>& answer : answers.Await(11)) {
    answer.ok() ? void(++events_of_others) : refusal.Update(answer.status());
  }
  EXPECT_EQ(events_of_others, 10);
  EXPECT_THAT(refusal, StatusIs(absl::StatusCode::kUnavailable,
                                AllOf(HasSubstr(absl::StrCat(events(), "[0]")), HasSubstr(" bytes"),
                                      HasSubstr("too large"))));
  EXPECT_TRUE(ComesToRest());
  EXPECT_THAT(Deposit(keys[1], 1), IsEvents(7));
  const EngineStatus status = engine_->Status();
  EXPECT_EQ(status.partitions[0].phase, PartitionPhase::kStopped);
  EXPECT_THAT(status.partitions[0].error.message(), HasSubstr("too large"));
  EXPECT_EQ(status.partitions[1].phase, PartitionPhase::kRunning);
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  AllOf(HasSubstr(events()), HasSubstr("max.message.bytes"))));
}

TEST_F(KafkaBankTest, RefusesWhatIsTooLargeAloneAndKeepsTheRestWhole) {
  options_.max_record_bytes = std::size_t{4} << 20;
  options_.max_outstanding_bytes = std::size_t{64} << 20;
  Open();
  std::uint64_t version = 0;
  for (const std::int64_t bytes : {3'900'000, 4'100'000, 5'000'000, 4'300'000}) {
    ASSERT_THAT(Deposit("acct-1", 1), IsEvents(++version));
    const auto answer = Misbehave("acct-1", How::LARGE, bytes);
    if (bytes < 4'190'000) {
      EXPECT_THAT(answer, IsEvents(++version));
    } else {
      EXPECT_THAT(answer, IsRejected("commander.too_large"));
    }
    ASSERT_THAT(Deposit("acct-2", 1), HasKind(OutcomeKind::kEvents));
    Restart();
  }
  EXPECT_EQ(BalanceOf("acct-1"), 4);
  EXPECT_EQ(BalanceOf("acct-2"), 4);
}

// What a client says of its records' times is not believed: the broker's count.
TEST_F(KafkaBankTest, IgnoresTheTimesThatClientsGiveTheirRecords) {
  Open();
  ASSERT_THAT(Deposit("acct-1", 1), IsEvents(1));
  std::string value;
  std::vector<std::int64_t> times;
  const auto read = [&] {
    times.clear();
    return ReadTopic(options_.brokers, commands(),
                     [&](const rd_kafka_message_t& message) {
                       value.assign(static_cast<const char*>(message.payload), message.len);
                       rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
                       times.push_back(rd_kafka_message_timestamp(&message, &type));
                       EXPECT_EQ(type, RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME);
                       return absl::OkStatus();
                     })
        .status();
  };
  ASSERT_THAT(read(), IsOk());
  const std::int64_t now = absl::ToUnixMillis(absl::Now());
  for (const std::int64_t time : {now, now - 3000, now - 1000}) {
    ASSERT_THAT(ProduceOne(options_.brokers, commands(), 0, "acct-1", value, time), IsOk());
  }
  EXPECT_THAT(Deposit("acct-1", 1), IsEvents(2));  // the others were repeats
  ASSERT_THAT(read(), IsOk());
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::string hash, Hash());
  Rebuild();
  EXPECT_THAT(Hash(), IsOkAndHolds(hash));
}

TEST_F(KafkaBankTest, RefusesPropertiesThatItStandsOn) {
  options_.kafka_properties = {{"enable.idempotence", "false"}};
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("idempotence")));
  options_.kafka_properties = {{"no.such.property", "1"}};
  EXPECT_THAT(TryOpen(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no.such.property")));
  options_.kafka_properties = {};
  options_.brokers = "127.0.0.1:1";
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("brokers")));
}

}  // namespace
}  // namespace commander::test
