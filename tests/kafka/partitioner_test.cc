// Keys go to the partitions that Kafka's Java client puts them into: its console producer is asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/wait.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/partitioner.h"
#include "tests/kafka/own_broker.h"
#include "tests/kafka/plain_admin.h"
#include "tests/kafka/plain_consumer.h"
#include "tests/support/status_matchers.h"

namespace commander::test {
namespace {

constexpr std::uint16_t kPartitions = 7;

// Lengths of all remainders of the hash's four-byte words, ASCII and not.
std::vector<std::string> Keys() {
  std::vector<std::string> keys;
  for (int i = 0; i < 200; ++i) keys.push_back(absl::StrCat("acct-", i));
  for (std::size_t length = 1; length <= 40; ++length) keys.emplace_back(length, 'x');
  for (const char* key : {"ü", "日本", "naïve", "a\xc2\x80", "\xf0\x9f\x90\x98-42"})
    keys.emplace_back(key);
  keys.emplace_back(1024, 'k');
  return keys;
}

TEST(Partitioner, AgreesWithTheJavaClient) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::string brokers, SharedBroker());
  const std::string jars = COMMANDER_SOURCE_DIR "/.build/broker/jars";
  if (!std::filesystem::exists(jars)) {
    FAIL() << "needs Kafka's jars; tests/broker/broker install fetches them";
  }
  const std::string topic = UniqueName("murmur2");
  ASSERT_THAT(CreateTopic(brokers, topic, kPartitions), IsOk());
  const std::vector<std::string> keys = Keys();
  const std::string command = absl::StrCat(
      "java -Dfile.encoding=UTF-8 -cp '", jars, "/*' ",
      "org.apache.kafka.tools.ConsoleProducer --bootstrap-server ", brokers, " --topic ", topic,
      " --reader-property parse.key=true --reader-property key.separator== >&2");
  FILE* const producer = popen(command.c_str(), "we");
  ASSERT_NE(producer, nullptr);
  for (const std::string& key : keys) fprintf(producer, "%s=value\n", key.c_str());
  ASSERT_EQ(pclose(producer), 0);

  std::map<std::string, std::uint16_t> found;
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const int partitions, ReadTopic(brokers, topic, [&](const rd_kafka_message_t& message) {
        found[std::string(static_cast<const char*>(message.key), message.key_len)] =
            static_cast<std::uint16_t>(message.partition);
        return absl::OkStatus();
      }));
  EXPECT_EQ(partitions, kPartitions);
  ASSERT_EQ(found.size(), keys.size());
  for (const std::string& key : keys) {
    ASSERT_TRUE(found.contains(key)) << key;
    EXPECT_EQ(internal::PartitionOf(key, kPartitions), found[key]) << key;
  }
}

}  // namespace
}  // namespace commander::test
