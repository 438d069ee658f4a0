// What scripts may rely on: formats, exit codes, errors of one line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "engine/log/checksum.h"
#include "simdjson.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/run_commander.h"

namespace commander::test {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ContractTest : public ::testing::Test {
 protected:
  // One bank for all tests, which only read.
  static void SetUpTestSuite() {
    dir_ = new TempDir;
    ASSERT_THAT(WriteBank(Data(), {"--odd"}), IsOk());
  }
  static void TearDownTestSuite() { delete dir_; }
  static fs::path Data() { return *dir_ / "data"; }

  static std::vector<std::string> Texts(const Ran& ran, const std::string& field) {
    simdjson::dom::parser parser;
    std::vector<std::string> texts;
    for (const std::string& line : ran.Lines()) {
      simdjson::dom::element parsed;
      std::string_view text;
      EXPECT_EQ(parser.parse(line).get(parsed), simdjson::SUCCESS) << line;
      if (parsed[field].get(text) == simdjson::SUCCESS) texts.emplace_back(text);
    }
    return texts;
  }

  static TempDir* dir_;
};
TempDir* ContractTest::dir_ = nullptr;

TEST_F(ContractTest, EveryVerbWritesDataOnlyInEveryFormat) {
  const std::vector<std::vector<std::string>> verbs = {{"log", "read"},
                                                       {"log", "tail"},
                                                       {"aggregate", "list"},
                                                       {"aggregate", "show", "acct-1"},
                                                       {"aggregate", "history", "acct-1", "--all"},
                                                       {"projection", "list"},
                                                       {"projection", "show", "balances"},
                                                       {"projection", "show", "balances", "acct-1"},
                                                       {"store", "verify"},
                                                       {"store", "hash"}};
  simdjson::dom::parser parser;
  for (std::vector<std::string> verb : verbs) {
    const Ran lines = Commander(Data(), verb);
    EXPECT_EQ(lines.exit, 0) << lines.err;
    EXPECT_EQ(lines.err, "") << verb[1];
    EXPECT_THAT(lines.Lines(), Not(IsEmpty()));
    for (const std::string& line : lines.Lines()) {
      EXPECT_EQ(parser.parse(line).error(), simdjson::SUCCESS) << line;
    }
    for (const std::string format : {"json", "ndjson", "table"}) {
      verb.insert(verb.begin(), {"-o", format});
      const Ran ran = Commander(Data(), verb);
      verb.erase(verb.begin(), verb.begin() + 2);
      EXPECT_EQ(ran.exit, 0) << ran.err;
      // No byte that moves a cursor, whatever the keys and texts hold.
      EXPECT_TRUE(std::none_of(ran.out.begin(), ran.out.end(), [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f;
      })) << ran.out;
      if (format != "json") continue;
      const simdjson::dom::element document = parser.parse(ran.out);
      EXPECT_EQ(std::string_view(document["version"]), "1.0");
      EXPECT_EQ(std::string_view(document["status"]), "pass");
      EXPECT_EQ(document["diagnostics"].get_array().size(), 0u);
    }
  }
}

TEST_F(ContractTest, PrintedKeysAreAcceptedAsInput) {
  const Ran list = Commander(Data(), {"aggregate", "list"});
  const std::vector<std::string> keys = Texts(list, "key");
  EXPECT_THAT(keys, SizeIs(12));
  EXPECT_THAT(keys, ::testing::IsSupersetOf({"\\x00\\x01\\x0a", "Zürich", "a\\\\b", "\\xff\\xfe"}));
  for (const std::string& key : keys) {
    const Ran show = Commander(Data(), {"aggregate", "show", "--", key});
    EXPECT_EQ(show.exit, 0) << show.err;
    EXPECT_THAT(Texts(show, "key"), ElementsAre(key));
    EXPECT_THAT(Texts(Commander(Data(), {"log", "read", "--key", key}), "key"),
                ::testing::Contains(key));
  }
}

TEST_F(ContractTest, WideNumbersAndBytesAreExact) {
  const Ran show = Commander(Data(), {"aggregate", "show", "bytes"});
  EXPECT_THAT(show.out, HasSubstr(R"("data":{"owner":"","cents":"9007199254740993"})"));
  const Ran read = Commander(Data(), {"log", "read", "--key", "bytes", "--kind", "event"});
  EXPECT_THAT(read.out, HasSubstr(R"("padding":"AAH+/w==")"));
  const Ran hex =
      Commander(Data(), {"--bytes", "hex", "log", "read", "--key", "bytes", "--kind", "event"});
  EXPECT_THAT(hex.out, HasSubstr(R"("padding":"0001feff")"));
}

TEST_F(ContractTest, WhatIsNotThereIsExit1WithItsDocument) {
  const Ran show = Commander(Data(), {"aggregate", "show", "nobody", "-o", "json"});
  EXPECT_EQ(show.exit, 1);
  EXPECT_EQ(show.out,
            "{\"version\":\"1.0\",\"data\":null,\"status\":\"fail\",\"diagnostics\":["
            "\"group accounts has no aggregate nobody\"]}\n");
  EXPECT_THAT(show.err, IsOneLine("group accounts has no aggregate nobody"));
  for (const std::vector<std::string>& verb :
       std::vector<std::vector<std::string>>{{"aggregate", "show", "nobody"},
                                             {"aggregate", "history", "nobody"},
                                             {"projection", "show", "balances", "nobody"}}) {
    const Ran ran = Commander(Data(), verb);
    EXPECT_EQ(ran.exit, 1);
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.err, IsOneLine("has no"));
  }
}

TEST_F(ContractTest, RangesAreHalfOpen) {
  const auto offsets = [&](std::vector<std::string> range) {
    range.insert(range.begin(), {"log", "read", "--topic", "accounts-events", "--partition", "6"});
    const Ran ran = Commander(Data(), range);
    EXPECT_EQ(ran.exit, 0) << ran.err;
    EXPECT_EQ(ran.err, "");
    return Texts(ran, "offset");
  };
  EXPECT_THAT(offsets({}), ElementsAre("0", "1", "2", "3"));
  EXPECT_THAT(offsets({"start", "end"}), ElementsAre("0", "1", "2", "3"));
  EXPECT_THAT(offsets({"1:3"}), ElementsAre("1", "2"));
  EXPECT_THAT(offsets({"2"}), ElementsAre("2", "3"));
  EXPECT_THAT(offsets({"+3"}), ElementsAre("3"));
  EXPECT_THAT(offsets({"-1"}), ElementsAre("3"));
  EXPECT_THAT(offsets({"-3", "-1"}), ElementsAre("1", "2"));
  EXPECT_THAT(offsets({"end"}), IsEmpty());
  EXPECT_THAT(offsets({"2:2"}), IsEmpty());
  EXPECT_THAT(offsets({"100:200"}), IsEmpty());

  // Whatever stands at a time is in the range that begins there, and not in that which ends there.
  const Ran all = Commander(Data(), {"log", "read", "--topic", "accounts-events"});
  const std::vector<std::string> times = Texts(all, "logged");
  ASSERT_THAT(times, SizeIs(19));
  for (const std::string& time : times) {
    const Ran before =
        Commander(Data(), {"log", "read", "--topic", "accounts-events", "start", "@" + time});
    const Ran behind =
        Commander(Data(), {"log", "read", "--topic", "accounts-events", "@" + time, "end"});
    EXPECT_EQ(before.out + behind.out, all.out);
    EXPECT_THAT(Texts(before, "logged"), Not(::testing::Contains(time)));
  }
}

TEST_F(ContractTest, CommandsComeBeforeWhatTheyCaused) {
  const Ran ran = Commander(Data(), {"log", "read"});
  std::vector<std::string> commands;
  simdjson::dom::parser parser;
  for (const std::string& line : ran.Lines()) {
    const simdjson::dom::element record = parser.parse(line);
    if (std::string_view(record["kind"]) == "command") {
      commands.emplace_back(std::string_view(record["id"]));
    } else {
      EXPECT_THAT(commands, ::testing::Contains(std::string(std::string_view(record["cause"]))));
    }
  }
  EXPECT_THAT(commands, SizeIs(19));
}

TEST_F(ContractTest, HistoryHasTheVersionsThatAreAskedFor) {
  const auto versions = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"aggregate", "history", "acct-1"});
    return Texts(Commander(Data(), more), "version");
  };
  EXPECT_THAT(versions({}), ElementsAre("1", "2", "3"));
  EXPECT_THAT(versions({"v2"}), ElementsAre("2", "3"));
  EXPECT_THAT(versions({"v1:v3"}), ElementsAre("1", "2"));
  EXPECT_THAT(versions({"v9"}), IsEmpty());
  EXPECT_THAT(versions({"--all"}), ElementsAre("1", "2", "3", "3")) << "with the refusal";
  EXPECT_THAT(versions({"--limit", "1"}), ElementsAre("1"));
}

TEST_F(ContractTest, ListsArePaged) {
  const auto keys = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"aggregate", "list"});
    return Texts(Commander(Data(), more), "key");
  };
  EXPECT_THAT(keys({"--prefix", "acct-"}), ElementsAre("acct-1", "acct-2", "acct-3"));
  EXPECT_THAT(keys({"--prefix", "acct-", "--after", "acct-1", "--limit", "1"}),
              ElementsAre("acct-2"));
  EXPECT_THAT(keys({"--prefix", "\\x00"}), ElementsAre("\\x00\\x01\\x0a"));
  EXPECT_THAT(
      Texts(Commander(Data(), {"projection", "show", "balances", "--after", "acct-2"}), "key"),
      ElementsAre("acct-3", "bytes"));
}

TEST_F(ContractTest, WrongUsageIsExit2AndSaysWhatWasExpected) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"log", "read", "9:5"}, "ends before it begins"},
      {{"log", "read", "tomorrow"}, "is no range; a range is"},
      {{"log", "read", "--topic", "x"}, "it has: accounts-commands, accounts-events"},
      {{"log", "read", "--partition", "8"}, "0 to 7"},
      {{"log", "read", "--kind", "fact"}, "command, event, rejection, nothing, parked"},
      {{"log", "read", "--after", "x"}, "--after takes what an interrupted"},
      {{"log", "read", "--foo"}, "--foo"},
      {{"log"}, "read, tail"},
      {{}, "log, aggregate, projection, store"},
      {{"frobnicate"}, "frobnicate"},
      {{"log", "raed"}, "raed"},
      {{"log", "read", "-o", "xml"}, "table, json or ndjson"},
      {{"log", "read", "--bytes", "octal"}, "base64 or hex"},
      {{"aggregate", "show"}, "see commander aggregate show --help"},
      {{"aggregate", "show", "a\\q"}, "\\\\"},
      {{"aggregate", "show", ""}, "1 to 1024 bytes"},
      {{"aggregate", "show", "k", "--group", "x"}, "there are: accounts"},
      {{"aggregate", "history", "k", "7"}, "v3:v9"},
      {{"projection", "show", "x"}, "there are: balances@1"},
      {{"projection", "show", "balances@2"}, "there are: balances@1"},
      {{"store", "hash", "x"}, "there are: projections/balances@1, store/accounts"},
      {{"store", "verify", "x"}, "there are: log, projections/balances@1, store/accounts"},
  };
  for (const auto& [arguments, expected] : cases) {
    const Ran ran = Commander(Data(), arguments);
    EXPECT_EQ(ran.exit, 2) << expected;
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.err, IsOneLine(expected));
  }
}

TEST_F(ContractTest, AWrongDirectoryHasItsOwnSentence) {
  const fs::path file = *dir_ / "file";
  std::ofstream(file) << "x";
  const fs::path empty = *dir_ / "empty";
  fs::create_directories(empty);
  const fs::path on_kafka = *dir_ / "on-kafka";
  fs::create_directories(on_kafka);
  std::ofstream(on_kafka / "INSTANCE") << "x";
  const std::vector<std::pair<fs::path, std::string>> cases = {
      {*dir_ / "nothing", "there is no directory"},
      {file, "is a file"},
      {empty, "there is no log/ in it"},
      {on_kafka, "is of an engine whose log is on Kafka"},
      {Data() / "log", "--data names the directory above it, " + Data().string()},
  };
  for (const auto& [directory, expected] : cases) {
    for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{
             {"log", "read"}, {"store", "verify"}, {"projection", "list"}}) {
      const Ran ran = Commander(directory, verb);
      EXPECT_EQ(ran.exit, 2);
      EXPECT_THAT(ran.err, IsOneLine(expected));
    }
  }
  const Ran none = RunProgram({Program("commander"), "log", "read"});
  EXPECT_EQ(none.exit, 2);
  EXPECT_THAT(none.err, IsOneLine("--data is needed"));
  const Ran json = RunProgram({Program("commander"), "log", "read", "-o", "json"});
  EXPECT_THAT(json.out, StartsWith(R"({"version":"1.0","data":null,"status":"error")"));
}

TEST_F(ContractTest, TheDirectoryMayComeFromTheEnvironment) {
  const Ran ran = RunProgram({Program("commander"), "log", "read", "-1"}, "",
                             {"COMMANDER_DATA=" + Data().string()});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_THAT(ran.Lines(), Not(IsEmpty()));
}

TEST_F(ContractTest, HelpStartsWithExamples) {
  for (const std::vector<std::string>& verb :
       std::vector<std::vector<std::string>>{{},
                                             {"log", "read"},
                                             {"log", "tail"},
                                             {"aggregate", "show"},
                                             {"aggregate", "history"},
                                             {"aggregate", "list"},
                                             {"projection", "show"},
                                             {"projection", "list"},
                                             {"store", "verify"},
                                             {"store", "hash"}}) {
    std::vector<std::string> arguments = {Program("commander")};
    arguments.insert(arguments.end(), verb.begin(), verb.end());
    arguments.push_back("--help");
    const Ran ran = RunProgram(arguments);
    EXPECT_EQ(ran.exit, 0);
    EXPECT_EQ(ran.err, "");
    EXPECT_THAT(ran.out, StartsWith("Examples:\n  commander --data data "));
    EXPECT_THAT(ran.out, HasSubstr("Usage: commander "));
  }
}

TEST_F(ContractTest, AnOutputThatCannotBeWrittenIsAnError) {
  for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{
           {"log", "read"}, {"aggregate", "show", "acct-1"}, {"store", "hash"}, {"--help"}}) {
    const Ran full = Commander(Data(), verb, "/dev/full");
    EXPECT_EQ(full.exit, 2);
    EXPECT_THAT(full.err, IsOneLine("No space left on device"));
    const Ran closed = Commander(Data(), verb, "closed");
    EXPECT_EQ(closed.exit, 2);
    EXPECT_THAT(closed.err, IsOneLine("the standard output is closed"));
  }
}

TEST_F(ContractTest, AMissingSchemaIsNamedAndTheRestIsShown) {
  const fs::path copy = *dir_ / "without_schemas";
  fs::copy(Data(), copy, fs::copy_options::recursive);
  for (const auto& schema : fs::directory_iterator(copy / "log/schemas")) fs::remove(schema);
  const Ran read = Commander(copy, {"log", "read", "--key", "acct-1", "--kind", "event"});
  EXPECT_EQ(read.exit, 1);
  EXPECT_THAT(read.Lines(), SizeIs(3));
  EXPECT_THAT(read.out, HasSubstr(R"("data":null,"undecoded":"no schema with the fingerprint)"));
  EXPECT_THAT(read.err, HasSubstr("bring log/schemas/ back from a backup"));
  const Ran show = Commander(copy, {"aggregate", "show", "acct-1"});
  EXPECT_EQ(show.exit, 1);
  EXPECT_THAT(show.out, HasSubstr(R"("version":"3")"));
  EXPECT_THAT(show.err, IsOneLine("no schema with the fingerprint"));
}

TEST_F(ContractTest, AnotherFormatHasItsOwnSentence) {
  const fs::path copy = *dir_ / "other_format";
  fs::copy(Data(), copy, fs::copy_options::recursive);
  // An older format, rightly checksummed.
  const fs::path path = copy / "log/topics/1";
  std::string bytes(fs::file_size(path), 0);
  std::ifstream(path, std::ios::binary).read(bytes.data(), static_cast<long>(bytes.size()));
  const std::size_t covered = bytes.size() - 8;
  bytes[8] = 0;
  const std::uint64_t checksum = log::ChecksumOf(bytes.data(), covered);
  std::memcpy(bytes.data() + covered, &checksum, 8);
  std::ofstream(path, std::ios::binary) << bytes;
  const Ran ran = Commander(copy, {"log", "read"});
  EXPECT_EQ(ran.exit, 2);
  EXPECT_THAT(ran.err, IsOneLine(path.string() + " has format 0, this program knows format 1"));
}

}  // namespace
}  // namespace commander::test
