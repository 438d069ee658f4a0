// A long log through pipes: every line parses, memory does not grow, a reader may leave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "simdjson.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/run_commander.h"

namespace commander::test {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class StreamTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new TempDir;
    ASSERT_THAT(WriteBank(Short(), {"--accounts", "100", "--deposits", "50"}), IsOk());
  }
  static void TearDownTestSuite() { delete dir_; }
  static fs::path Short() { return *dir_ / "short"; }

  static TempDir* dir_;
};
TempDir* StreamTest::dir_ = nullptr;

// The two with a long log are one test: writing it takes longer than reading it.
TEST_F(StreamTest, EveryLineOfALongLogParsesAndMemoryDoesNotGrow) {
  const fs::path data = *dir_ / "long";
  ASSERT_THAT(WriteBank(data, {"--accounts", "100", "--deposits", "1000"}), IsOk());
  const Ran ran = Commander(data, {"log", "read", "start", "end", "-o", "ndjson"});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_EQ(ran.err, "");
  simdjson::dom::parser parser;
  std::size_t events = 0;
  std::size_t lines = 0;
  for (const std::string& line : ran.Lines()) {
    simdjson::dom::element record;
    ASSERT_EQ(parser.parse(line).get(record), simdjson::SUCCESS) << line;
    events += std::string_view(record["kind"]) == "event" ? 1 : 0;
    ++lines;
  }
  EXPECT_EQ(events, 100u * 1001);
  EXPECT_EQ(lines, 2 * (events + 1)) << "and one refusal";

  std::uintmax_t log_bytes = 0;
  for (const auto& file : fs::directory_iterator(data / "log")) {
    if (file.path().extension() == ".log") log_bytes += file.file_size();
  }
  ASSERT_GT(log_bytes, 24u << 20);
  const auto peak_kib = [](const fs::path& of, const std::string& format) {
    const Ran read = RunProgram({Program("tools_peak"), Program("commander"), "--data", of.string(),
                                 "log", "read", "-o", format});
    EXPECT_EQ(read.exit, 0) << read.err;
    return std::atol(read.out.c_str());
  };
  for (const std::string format : {"ndjson", "json", "table"}) {
    // Of which the log's cache for readers is the most.
    EXPECT_LT(peak_kib(data, format), peak_kib(Short(), format) + (18 << 10)) << format;
  }
}

TEST_F(StreamTest, AReaderThatLeavesEndsItQuietly) {
  for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{
           {"log", "read"}, {"log", "read", "-o", "json"}, {"aggregate", "history", "acct-1"}}) {
    std::vector<std::string> arguments = {Program("commander"), "--data", Short().string()};
    arguments.insert(arguments.end(), verb.begin(), verb.end());
    const absl::Time begin = absl::Now();
    Process process(arguments);
    EXPECT_THAT(process.ReadLine(), Not(IsEmpty()));
    process.CloseOutput();
    const Ran ran = process.Wait();
    EXPECT_EQ(ran.exit, 0);
    EXPECT_EQ(ran.err, "");
    EXPECT_LT(absl::Now() - begin, absl::Seconds(20)) << "it goes on reading";
  }
}

TEST_F(StreamTest, AnInterruptionSaysHowToGoOn) {
  Process process({Program("commander"), "--data", Short().string(), "log", "read"});
  std::string out = process.ReadLine() + "\n";
  process.Signal(SIGINT);
  const Ran ran = process.Wait();
  EXPECT_EQ(ran.exit, 130);
  out += ran.out;
  const std::string go_on = "to go on: commander log read --after ";
  ASSERT_THAT(ran.err, HasSubstr(go_on));
  std::string token = ran.err.substr(ran.err.find(go_on) + go_on.size());
  token.erase(token.find('\n'));
  const Ran rest = Commander(Short(), {"log", "read", "--after", token});
  EXPECT_EQ(rest.exit, 0) << rest.err;
  EXPECT_EQ(out + rest.out, Commander(Short(), {"log", "read"}).out) << "nothing twice or left out";
}

TEST_F(StreamTest, TailShowsTheNewest) {
  const Ran all = Commander(Short(), {"log", "read"});
  const Ran tail = Commander(Short(), {"log", "tail", "-n", "25"});
  EXPECT_EQ(tail.Lines().size(), 25u);
  EXPECT_TRUE(all.out.ends_with(tail.out));
  const Ran refusals = Commander(Short(), {"log", "tail", "-n", "3", "--kind", "rejection"});
  EXPECT_EQ(refusals.Lines().size(), 1u) << "however far back it lies";
}

}  // namespace
}  // namespace commander::test
