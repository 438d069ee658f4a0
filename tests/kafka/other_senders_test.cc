// What another program puts into a group's command topic: keys in partitions that are not theirs,
// and keys that are none.  Each record gets one outcome, and only what is right runs.
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "commander/internal/status_macros.h"
#include "engine/partitioner.h"
#include "tests/kafka/bank_on_kafka.h"
#include "tests/kafka/plain_admin.h"
#include "tests/kafka/plain_lag.h"
#include "tests/kafka/plain_producer.h"
#include "tests/kafka/plain_reader.h"
#include "tests/support/directory_check.h"

namespace commander::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::uint16_t kPartitions = 8;
constexpr int kKeys = 20;
constexpr std::int64_t kHour = 3600 * std::int64_t{1'000'000'000};

// A record of a command as any program makes it that knows envelope.capnp and nothing else.
std::string DepositRecord(const Sent& sent) {
  capnp::MallocMessageBuilder message;
  auto command = message.initRoot<wire::Command>();
  command.setIdHi(sent.id.hi);
  command.setIdLo(sent.id.lo);
  command.setType(internal::TypeOf<bank::Deposit>().fingerprint);
  command.setKey({reinterpret_cast<const kj::byte*>(sent.key.data()), sent.key.size()});
  command.getPayload().initClear().initAs<bank::Deposit>().setCents(1);
  command.initExtra().setActor(sent.tag);
  const kj::Array<capnp::word> words = capnp::messageToFlatArray(message);
  return {words.asChars().begin(), words.asChars().size()};
}

class OtherSendersTest : public KafkaBankTest {
 protected:
  OtherSendersTest() { group_options_.partitions = kPartitions; }
  ~OtherSendersTest() override { Close(); }

  void SetUp() override {
    KafkaBankTest::SetUp();
    // As kcat has it by default, consistent_random: CRC-32 of the key.
    COMMANDER_ASSERT_OK_AND_ASSIGN(crc_, PlainProducer::Open(options_.brokers));
    COMMANDER_ASSERT_OK_AND_ASSIGN(
        murmur2_, PlainProducer::Open(options_.brokers, {{"partitioner", "murmur2_random"}}));
    Open();
  }

  // Sends a command for the aggregate `key`, and returns the partition that it went to.  `bare`:
  // the record has no key.
  int Send(PlainProducer& producer, const std::string& key, bool bare = false) {
    const Sent& sent = NewCommand(&producer == crc_.get() ? "crc" : "murmur2", key);
    const auto partition =
        producer.Send(commands(), bare ? std::nullopt : std::optional<std::string_view>(key),
                      DepositRecord(sent));
    EXPECT_THAT(partition, IsOk());
    return partition.value_or(-1);
  }
  absl::StatusOr<Outcome> DepositHere(const std::string& key) {
    const Sent& sent = NewCommand("engine", key);
    return Deposit(key, 1, {.id = sent.tag, .actor = sent.tag});
  }
  const Sent& NewCommand(const std::string& client, const std::string& key) {
    Sent& sent = sent_.emplace_back();
    sent.client = client;
    sent.tag = absl::StrCat("command-", sent_.size());
    sent.key = key;
    sent.id = MessageId::FromText(sent.tag);
    sent.type = "bank.Deposit";
    sent.acknowledged = true;
    return sent;
  }

  // Returns when every command has been consumed, and the group says so.
  void AwaitNoLag() {
    absl::StatusOr<std::int64_t> lag;
    const absl::Time late = absl::Now() + absl::Seconds(30);
    do {
      lag = LagOf(options_.brokers, group_name_, commands(), kPartitions);
    } while ((!lag.ok() || *lag > 0) && absl::Now() < late);
    ASSERT_THAT(lag, IsOkAndHolds(0));
  }
  // With one outcome for each command: others see a transaction somewhat later than its committer.
  absl::StatusOr<GroupHistory> History() const {
    const absl::Time late = absl::Now() + absl::Seconds(30);
    while (true) {
      COMMANDER_ASSIGN_OR_RETURN(const auto log,
                                 PlainReader::Read(options_.brokers, group_name_, group_name_));
      COMMANDER_ASSIGN_OR_RETURN(GroupHistory history, ReadGroup(*log, group_name_, false));
      std::size_t outcomes = 0;
      for (const PartitionHistory& each : history.partitions) outcomes += each.outcomes.size();
      if (outcomes >= sent_.size() || absl::Now() >= late) return history;
    }
  }

  // What became of the commands, by "events" or code.
  using Fates = std::map<std::string, int>;
  Fates FatesIn(const GroupHistory& history) const {
    Fates fates;
    std::map<std::string, std::set<std::size_t>> places;  // of aggregates
    for (std::size_t p = 0; p < history.partitions.size(); ++p) {
      for (const LoggedOutcome& outcome : history.partitions[p].outcomes) {
        const bool ran = outcome.kind == RecordKind::kEvent;
        ++fates[ran ? "events" : outcome.code];
        if (ran) places[outcome.key].insert(p);
        if (!ran) CheckRefusal(outcome, p);
      }
    }
    for (const auto& [key, partitions] : places) EXPECT_EQ(partitions.size(), 1u) << key;
    return fates;
  }
  void CheckRefusal(const LoggedOutcome& outcome, std::size_t partition) const {
    EXPECT_THAT(outcome.message, StartsWith(absl::StrCat("topic ", commands(), "[", partition,
                                                         "] offset ", outcome.source.value, ": ")));
    if (outcome.code != "commander.misplaced") return;
    EXPECT_THAT(outcome.message, HasSubstr("partitioner=murmur2_random"));
  }

  // The stores, and rebuilt ones too, are what the topics say: states in the partition of their
  // outcomes, and one outcome each.
  void CheckStoresAndRebuild() {
    EXPECT_THAT(DepositHere("acct-1"), HasKind(OutcomeKind::kEvents));
    Restart();
    COMMANDER_ASSERT_OK_AND_ASSIGN(const std::string hash, Hash());
    COMMANDER_ASSERT_OK_AND_ASSIGN(const GroupHistory history, History());
    EXPECT_THAT(CheckStores(data(), history, sent_,
                            {.min_window_ns = kHour, .max_window_ns = kHour, .complete = true}),
                IsOkAndHolds(IsEmpty()));
    Rebuild();
    EXPECT_THAT(Hash(), IsOkAndHolds(hash));
    Open();
    EXPECT_THAT(DepositHere("acct-1"), HasKind(OutcomeKind::kEvents));
  }

  std::unique_ptr<PlainProducer> crc_;
  std::unique_ptr<PlainProducer> murmur2_;
  std::vector<Sent> sent_;
};

TEST_F(OtherSendersTest, AreToldOfTheRightPartitioner) {
  int right = 0;
  for (int i = 1; i <= kKeys; ++i) {
    const std::string key = absl::StrCat("acct-", i);
    if (Send(*crc_, key) == internal::PartitionOf(key, kPartitions)) ++right;
  }
  ASSERT_LT(right, kKeys);
  for (int i = 1; i <= kKeys; ++i) {
    const std::string key = absl::StrCat("acct-", i);
    EXPECT_EQ(Send(*murmur2_, key), internal::PartitionOf(key, kPartitions));
  }
  AwaitNoLag();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const GroupHistory history, History());
  EXPECT_EQ(FatesIn(history),
            (Fates{{"events", kKeys + right}, {"commander.misplaced", kKeys - right}}));
  CheckStoresAndRebuild();
}

TEST_F(OtherSendersTest, MayUseKeysOf1To1024Bytes) {
  const std::string longest(1024, 'k');
  const std::string binary("\x00\xff\x80", 3);
  Send(*murmur2_, longest);
  Send(*murmur2_, binary);
  Send(*murmur2_, "");
  Send(*murmur2_, "", true);
  Send(*murmur2_, std::string(1025, 'k'));
  AwaitNoLag();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const GroupHistory history, History());
  EXPECT_EQ(FatesIn(history), (Fates{{"events", 2}, {"commander.unreadable", 3}}));
  CheckStoresAndRebuild();
  for (const std::string& key : {longest, binary}) {
    EXPECT_THAT(DepositHere(key), IsEvents(2));
  }
}

// A command whose Kafka key is none, or another, was placed by chance: it is refused where it came
// to the right partition, too.
TEST_F(OtherSendersTest, MustGiveKafkaTheKeyOfTheCommand) {
  const std::uint16_t right = internal::PartitionOf("acct-1", kPartitions);
  for (const int partition : {right + 0, (right + 1) % kPartitions}) {
    for (const char* key : {"", "acct-2", "acct-11", "acct-1"}) {
      const std::string client = absl::StrCat("to ", partition);
      const std::string record = DepositRecord(NewCommand(client, "acct-1"));
      ASSERT_THAT(ProduceOne(options_.brokers, commands(), partition, key, record), IsOk());
    }
  }
  for (int i = 0; i < 2 * kPartitions; ++i) {
    // Each of a client of its own: they go to partitions at random.
    const std::string record = DepositRecord(NewCommand(absl::StrCat("null ", i), "acct-1"));
    ASSERT_THAT(murmur2_->Send(commands(), std::nullopt, record), IsOk());
  }
  AwaitNoLag();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const GroupHistory history, History());
  EXPECT_EQ(FatesIn(history), (Fates{{"events", 1}, {"commander.misplaced", 7 + 2 * kPartitions}}));
  CheckStoresAndRebuild();
}

}  // namespace
}  // namespace commander::test
