// Topics that are changed or deleted under an engine that uses them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/envelope.h"
#include "tests/kafka/bank_on_kafka.h"
#include "tests/kafka/plain_admin.h"
#include "tests/kafka/plain_consumer.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr int kAccounts = 20;

std::string KeyOf(int number) { return absl::StrCat("acct-", number); }

// As a program of another kind might send it: the value of a record.
std::string DepositOf(std::string_view key, std::string_view id) {
  internal::CommandDraft draft =
      internal::MakeCommand<bank::Deposit>([](auto command) { command.setCents(1); });
  internal::CommandHeader header;
  header.id = MessageId::FromText(id);
  header.key = key;
  const internal::FinishedMessage message = internal::Finish(draft, header);
  const log::Word stream_header = static_cast<log::Word>(message.words().size()) << 32;
  std::string value(reinterpret_cast<const char*>(&stream_header), sizeof stream_header);
  value.append(reinterpret_cast<const char*>(message.words().data()), message.words().size_bytes());
  return value;
}

class TopicChangeTest : public KafkaBankTest {
 protected:
  void SetUp() override {
    KafkaBankTest::SetUp();
    group_options_.partitions = 4;
    options_.kafka_properties.emplace_back("topic.metadata.refresh.interval.ms", "1000");
    options_.kafka_properties.emplace_back("topic.metadata.propagation.max.ms", "1500");
  }

  // Calls `use` for every record of the topic.
  void Read(const std::string& topic,
            const std::function<void(int, const internal::EnvelopeReader&)>& use) {
    EXPECT_THAT(ReadTopic(options_.brokers, topic,
                          [&](const rd_kafka_message_t& message) -> absl::Status {
                            std::vector<log::Word> words(message.len / sizeof(log::Word) - 1);
                            std::memcpy(
                                words.data(),
                                static_cast<const char*>(message.payload) + sizeof(log::Word),
                                words.size() * sizeof(log::Word));
                            COMMANDER_ASSIGN_OR_RETURN(const auto envelope,
                                                       internal::EnvelopeReader::Open(words));
                            use(message.partition, *envelope);
                            return absl::OkStatus();
                          })
                    .status(),
                IsOk());
  }
  bool Warns(const std::string& topic, const std::string& what) {
    const bool warned = AwaitStatus([&](const EngineStatus& now) {
      return std::all_of(now.partitions.begin(), now.partitions.end(), [&](const auto& each) {
        return absl::StrContains(each.warning, absl::StrCat("topic ", topic, " had 4 ")) &&
               absl::StrContains(each.warning, what);
      });
    });
    EXPECT_THAT(log_.Messages(LogLevel::kWarning),
                Contains(AllOf(HasSubstr(topic), HasSubstr(what))));
    return warned;
  }
};

// A key's partition depends on their number, and Kafka takes none away.
TEST_F(TopicChangeTest, GoesOnWithItsPartitionsWhereOthersAreAdded) {
  Open();
  for (int i = 0; i < kAccounts; ++i) ASSERT_THAT(Deposit(KeyOf(i), 1), IsEvents(1));
  ASSERT_THAT(CreatePartitions(options_.brokers, commands(), 8), IsOk());
  EXPECT_TRUE(Warns(commands(), "has 8"));
  for (int i = 0; i < kAccounts; ++i) {
    ASSERT_THAT(ProduceOne(options_.brokers, commands(), RD_KAFKA_PARTITION_UA, KeyOf(i),
                           DepositOf(KeyOf(i), absl::StrCat("from-others-", i))),
                IsOk());
  }
  ASSERT_THAT(CreatePartitions(options_.brokers, events(), 8), IsOk());
  EXPECT_TRUE(AwaitStatus([](const EngineStatus& now) {
    return absl::StrContains(now.projections[0].warning, "has 8");
  }));
  // Those that others put into the old partitions run as always.
  std::map<std::string, std::uint64_t> sent;
  std::size_t kept = 0;
  Read(commands(), [&](int partition, const internal::EnvelopeReader& command) {
    if (partition < 4) {
      ++sent[std::string(command.key())];
    } else {
      ++kept;
    }
  });
  EXPECT_GT(kept, 0u);
  for (int i = 0; i < kAccounts; ++i) {
    EXPECT_THAT(Deposit(KeyOf(i), 1, {.timeout = absl::Seconds(30)}), IsEvents(sent[KeyOf(i)] + 1));
  }
  // Refused, and with the new number, too: by the store, or by where the events are.
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  AllOf(HasSubstr(commands()), HasSubstr("has 8 partitions"),
                                        HasSubstr("asks for 4"))));
  group_options_.partitions = 8;
  for (const bool stores : {true, false}) {
    if (!stores) DeleteStores();
    EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                    AllOf(HasSubstr(group_name_), HasSubstr("over 4 partitions"),
                                          HasSubstr("asks for 8"))));
  }
  // Each has the versions 1, 2, 3 … once, in its old partition; what was kept is still there.
  std::map<std::string, std::uint64_t> versions;
  Read(events(), [&](int partition, const internal::EnvelopeReader& event) {
    EXPECT_LT(partition, 4);
    if (event.kind() != internal::MessageKind::kEvent) return;
    EXPECT_EQ(event.version(), ++versions[std::string(event.key())]);
  });
  EXPECT_EQ(versions.size(), static_cast<std::size_t>(kAccounts));
  for (const auto& [key, version] : versions) EXPECT_EQ(version, sent[key] + 1) << key;
  std::size_t still_kept = 0;
  Read(commands(), [&](int partition, const internal::EnvelopeReader&) {
    if (partition >= 4) ++still_kept;
  });
  EXPECT_EQ(still_kept, kept);
}

TEST_F(TopicChangeTest, StopsWhereItsEventsAreDeleted) {
  Open();
  ASSERT_THAT(Deposit("acct-1", 1), IsEvents(1));
  ASSERT_THAT(DeleteTopics(options_.brokers, {events()}), IsOk());
  EXPECT_TRUE(Warns(events(), "has 0"));
  EXPECT_THAT(Deposit("acct-1", 1, {.timeout = absl::Minutes(1)}),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr(events()), HasSubstr("was deleted"))));
}

TEST_F(TopicChangeTest, StopsWhereItsCommandsAreDeleted) {
  Open();
  ASSERT_THAT(Deposit("acct-1", 1), IsEvents(1));
  ASSERT_THAT(DeleteTopics(options_.brokers, {commands()}), IsOk());
  EXPECT_TRUE(Warns(commands(), "has 0"));
  const auto answer = Deposit("acct-1", 1, {.timeout = absl::Minutes(1)});
  EXPECT_THAT(answer.status().code(), ::testing::AnyOf(absl::StatusCode::kUnavailable,
                                                       absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(answer.status().message(), AllOf(HasSubstr(commands()), HasSubstr("deleted")));
}

// With as many commands as before: which ones they are tells.
TEST_F(TopicChangeTest, RefusesCommandsThatWereMadeAnewMeanwhile) {
  group_options_.partitions = 1;
  Open();
  for (std::uint64_t i = 1; i <= 3; ++i) ASSERT_THAT(Deposit("acct-1", 1), IsEvents(i));
  Close();
  ASSERT_THAT(DeleteTopics(options_.brokers, {commands()}), IsOk());
  Open();  // which makes the topic
  EXPECT_THAT(engine_->AwaitReady(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(commands())));
  Close();
  for (int i = 0; i < 4; ++i) {
    ASSERT_THAT(ProduceOne(options_.brokers, commands(), 0, "acct-1",
                           DepositOf("acct-1", absl::StrCat("from-others-", i))),
                IsOk());
  }
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  AllOf(HasSubstr(commands()), HasSubstr("made anew"))));
}

// Between two looks: only the offsets of its outcomes tell.
TEST_F(TopicChangeTest, StopsWhereItsEventsAreMadeAnew) {
  group_options_.partitions = 1;
  Open();
  for (std::uint64_t i = 1; i <= 5; ++i) ASSERT_THAT(Deposit("acct-1", 1), IsEvents(i));
  ASSERT_THAT(DeleteTopics(options_.brokers, {events()}), IsOk());
  ASSERT_THAT(CreateTopic(options_.brokers, events(), 1, {{"retention.ms", "-1"}}), IsOk());
  EXPECT_THAT(
      Deposit("acct-1", 1, {.timeout = absl::Minutes(1)}),
      StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr(events()), HasSubstr("made anew"))));
  EXPECT_EQ(engine_->Status().partitions[0].phase, PartitionPhase::kStopped);
}

}  // namespace
}  // namespace commander::test
