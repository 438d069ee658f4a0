// Beside an engine that is writing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "simdjson.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/run_commander.h"

namespace commander::test {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

class FollowTest : public ::testing::Test {
 protected:
  const TempDir dir_;
  const fs::path data_ = dir_ / "data";
};

TEST_F(FollowTest, ShowsWhatComesInOrderAndOnce) {
  ASSERT_THAT(WriteBank(data_), IsOk());
  Process tail({Program("commander"), "--data", data_.string(), "log", "tail", "-n", "1", "-f",
                "--key", "acct-1", "--kind", "event", "--limit", "200"});
  ASSERT_THAT(tail.ReadLine(), HasSubstr(R"("version":"3")")) << "what is there comes at once";
  Process writer({Program("tools_bank"), data_.string(), "--accounts", "0", "--wait"});
  ASSERT_EQ(writer.ReadLine(), "ready");
  simdjson::dom::parser parser;
  for (int version = 4; version < 203; ++version) {
    const simdjson::dom::element event = parser.parse(tail.ReadLine());
    EXPECT_EQ(std::string_view(event["version"]), std::to_string(version));
    EXPECT_EQ(std::string_view(event["type"]), "bank.Deposited");
  }
  const Ran ended = tail.Wait();
  EXPECT_EQ(ended.exit, 0) << "at its limit";
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(writer.Wait().exit, 0);
}

TEST_F(FollowTest, CommandsComeBeforeWhatTheyCausedHere_Too) {
  ASSERT_THAT(WriteBank(data_), IsOk());
  Process tail({Program("commander"), "--data", data_.string(), "log", "tail", "-n", "0", "-f",
                "--limit", "300"});
  Process writer({Program("tools_bank"), data_.string(), "--accounts", "0", "--wait"});
  std::vector<std::string> commands;
  simdjson::dom::parser parser;
  for (int i = 0; i < 300; ++i) {
    const simdjson::dom::element record = parser.parse(tail.ReadLine());
    if (std::string_view(record["kind"]) == "command") {
      commands.emplace_back(std::string_view(record["id"]));
    } else {
      ASSERT_THAT(commands, ::testing::Contains(std::string(std::string_view(record["cause"]))));
    }
  }
  EXPECT_EQ(tail.Wait().exit, 0);
  EXPECT_EQ(writer.Wait().exit, 0);
}

TEST_F(FollowTest, EndsWhenItIsTold) {
  ASSERT_THAT(WriteBank(data_), IsOk());
  const Ran late = Commander(data_, {"log", "tail", "-f", "-n", "0", "--timeout", "0.2"});
  EXPECT_EQ(late.exit, 3);
  EXPECT_EQ(late.out, "");
  EXPECT_THAT(late.err, HasSubstr("stopped following after 0.2 s and 0 records"));

  Process tail({Program("commander"), "--data", data_.string(), "log", "tail", "-f", "-n", "1"});
  ASSERT_NE(tail.ReadLine(), "");
  tail.Signal(SIGINT);
  const Ran ran = tail.Wait();
  EXPECT_EQ(ran.exit, 130);
  EXPECT_THAT(ran.err, HasSubstr("interrupted after 1 records; to go on: commander log read"));
}

TEST_F(FollowTest, AReaderThatLeavesEndsItWithTheNextRecord) {
  ASSERT_THAT(WriteBank(data_), IsOk());
  Process tail({Program("commander"), "--data", data_.string(), "log", "tail", "-f"});
  ASSERT_NE(tail.ReadLine(), "");
  tail.CloseOutput();
  Process writer({Program("tools_bank"), data_.string(), "--accounts", "0", "--wait"});
  const Ran ran = tail.Wait();
  EXPECT_EQ(ran.exit, 0);
  EXPECT_EQ(ran.err, "");
  EXPECT_EQ(writer.Wait().exit, 0);
}

}  // namespace
}  // namespace commander::test
