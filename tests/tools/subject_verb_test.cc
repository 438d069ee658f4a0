// The verbs of subjects: what they take, what they say, and what they refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/directory_state.h"
#include "tests/tools/run_commander.h"

namespace commander::test {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class SubjectVerbTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(WritePeople(data_), IsOk()); }

  Ran Subject(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "subject");
    return CommanderWithKeys(data_, std::move(arguments));
  }
  std::string File(const std::string& text) const {
    const fs::path path = dir_ / "ids";
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }

  const TempDir dir_;
  const fs::path data_ = dir_ / "data";
};

TEST_F(SubjectVerbTest, StatusGoesFromActiveToErased) {
  const Ran before = Subject({"status", "accounts:acct-1", "accounts:nobody"});
  EXPECT_EQ(before.exit, 1) << "of one nothing is known";
  ASSERT_THAT(before.Lines(), SizeIs(2));
  EXPECT_THAT(before.Lines()[0], HasSubstr(R"("number":1,"state":"active","subject":")"));
  EXPECT_THAT(before.Lines()[1], HasSubstr(R"("number":2,"state":"unknown","subject":null)"));

  const Ran erased =
      Subject({"erase", "accounts:acct-1", "--reason", "a letter", "--confirm", "1"});
  EXPECT_EQ(erased.exit, 0) << erased.err;
  EXPECT_EQ(erased.err, "");
  EXPECT_THAT(erased.out, AllOf(HasSubstr(R"("state":"erased")"), HasSubstr(R"("erasure":")"),
                                HasSubstr(R"("completed":"20)"), Not(HasSubstr("acct-1"))));
  EXPECT_EQ(Subject({"status", "accounts:acct-1"}).out, erased.out);
  const Ran again = Subject({"erase", "accounts:acct-1", "--reason", "a letter", "--yes"});
  EXPECT_EQ(again.exit, 0) << again.err;
  EXPECT_EQ(again.out, erased.out) << "the same receipt";
  // An engine takes it so.
  EXPECT_THAT(WritePeople(data_, {"--only-open"}), IsOk());
}

TEST_F(SubjectVerbTest, ShowsAllThatIsOfOneSubject) {
  const Ran masked = Subject({"show", "accounts:acct-1"});
  EXPECT_EQ(masked.exit, 0) << masked.err;
  // Command and event, command and refusal, state and row.
  EXPECT_THAT(masked.Lines(), AllOf(SizeIs(6), Each(HasSubstr(R"("key":"acct-1")"))));
  EXPECT_THAT(masked.out, Not(HasSubstr("canary")));
  const Ran shown = Subject({"--show-personal", "show", "accounts:acct-1"});
  EXPECT_THAT(shown.Lines(), AllOf(SizeIs(6), Each(HasSubstr("canary-"))));
  EXPECT_THAT(shown.out, Not(HasSubstr("canary-owner-2")));
  EXPECT_EQ(Subject({"show", "accounts:nobody"}).exit, 1);
  EXPECT_EQ(Subject({"show", "accounts:acct-1", "accounts:acct-2"}).exit, 2);
}

TEST_F(SubjectVerbTest, PersonalIdsAreNoArguments) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"status", "person:canary-person"},
           {"status", "--namespace", "person", "canary-person"},
           {"show", "person:canary-person"},
           {"erase", "person:canary-person", "--reason", "x", "--yes"},
           {"erase", "canary-person", "--reason", "x", "--yes"},
           {"canary-person"},
           {"status", "--person", "canary-person"},
           {"status", "accounts:canary\\person"},
           {"status", "--from", "canary-person"}}) {
    const Ran ran = Subject(arguments);
    EXPECT_EQ(ran.exit, 2) << arguments[0];
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.err, AllOf(IsOneLine(""), Not(HasSubstr("canary")))) << ran.err;
  }
  EXPECT_THAT(Subject({"status", "person:canary-person"}).err, HasSubstr("--from FILE or -"));

  const std::string one = File("person:canary-person\n");
  EXPECT_THAT(Subject({"status", "--from", one}).out, HasSubstr("active"));
  const std::string two = File("canary-person\r\n\nnobody");
  const Ran both = Subject({"status", "--namespace", "person", "--from", two});
  ASSERT_THAT(both.Lines(), SizeIs(2));
  EXPECT_THAT(both.Lines()[0], HasSubstr("active"));
  EXPECT_THAT(both.out + both.err, Not(HasSubstr("canary")));

  Process process({Program("commander"), "-d", data_.string(), "--kek-file",
                   data_.string() + ".kek", "subject", "erase", "-", "--reason", "x", "--yes"});
  process.WriteInput("person:canary-person\n");
  const Ran erased = process.Wait();
  EXPECT_EQ(erased.exit, 0) << erased.err;
  EXPECT_THAT(erased.out, AllOf(HasSubstr("erased"), Not(HasSubstr("canary"))));
  const Ran log = CommanderWithKeys(data_, {"--show-personal", "log", "read"});
  EXPECT_THAT(log.out, Not(HasSubstr("canary-person")));
}

TEST_F(SubjectVerbTest, EraseIsRefusedUnlessItIsConfirmed) {
  const auto before = StateOf(data_);
  const std::vector<std::string> erase = {"erase", "accounts:acct-1", "--reason", "x"};
  const Ran unconfirmed = Subject(erase);
  EXPECT_EQ(unconfirmed.exit, 5);
  EXPECT_THAT(unconfirmed.err, IsOneLine("--confirm 1 or --yes"));
  const Ran other = Subject({"erase", "accounts:acct-1", "--reason", "x", "--confirm", "2"});
  EXPECT_EQ(other.exit, 5);
  EXPECT_EQ(Subject({"erase", "accounts:acct-1", "--yes"}).exit, 2) << "without a reason";
  EXPECT_EQ(Subject({"erase", "--reason", "x", "--yes"}).exit, 2) << "without a subject";
  EXPECT_EQ(StateOf(data_), before);

  const Ran dry = Subject({"erase", "accounts:acct-1", "--dry-run"});
  EXPECT_EQ(dry.exit, 0) << dry.err;
  EXPECT_THAT(dry.out, HasSubstr(R"("would":"destroy its key")"));
  EXPECT_THAT(Subject({"status", "accounts:acct-1"}).out, HasSubstr("active"));
}

TEST_F(SubjectVerbTest, WaitsForTheEngineToStop) {
  Process engine(
      {Program("tools_people"), data_.string(), data_.string() + ".kek", "--only-open", "--wait"});
  ASSERT_EQ(engine.ReadLine(), "ready");
  for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{
           {"--show-personal", "log", "read"},
           {"subject", "status", "accounts:acct-1"},
           {"subject", "show", "accounts:acct-1"},
           {"subject", "erase", "accounts:acct-1", "--dry-run"},
           {"subject", "erase", "accounts:acct-1", "--reason", "x", "--yes"}}) {
    const Ran ran = CommanderWithKeys(data_, verb);
    EXPECT_EQ(ran.exit, 4) << ran.err;
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.err, IsOneLine("in use by an engine"));
  }
  EXPECT_EQ(Commander(data_, {"log", "read"}).exit, 0) << "masked it needs no keys";
  EXPECT_EQ(engine.Wait().exit, 0);
  EXPECT_EQ(Subject({"status", "accounts:acct-1"}).exit, 0);
}

// S9: what is missing or wrong is named, and nothing is made in its place.
TEST_F(SubjectVerbTest, NothingIsMadeWhereKeysDoNotOpen) {
  const fs::path kek = data_.string() + ".kek";
  const fs::path keys = data_ / "keys";
  const fs::path aside = dir_ / "aside";
  fs::create_directory(aside);
  ASSERT_THAT(WritePeople(aside / "other"), IsOk());
  const std::vector<std::vector<std::string>> verbs = {
      {"--show-personal", "aggregate", "list"},
      {"subject", "status", "accounts:acct-1"},
      {"subject", "erase", "accounts:acct-1", "--reason", "x", "--yes"}};
  const auto refuse = [&](const std::string& cause) {
    const auto before = StateOf(data_ / "keys");
    const auto outside = StateOf(dir_.path()).size();
    const std::string file = fs::exists(kek) ? StateOf(kek.parent_path())["data.kek"] : "";
    for (const std::vector<std::string>& verb : verbs) {
      const Ran ran = CommanderWithKeys(data_, verb);
      EXPECT_EQ(ran.exit, 2) << cause << ": " << ran.err;
      EXPECT_EQ(ran.out, "");
      EXPECT_THAT(ran.err, IsOneLine(cause + ": "));
    }
    EXPECT_EQ(StateOf(data_ / "keys"), before) << cause;
    EXPECT_EQ(StateOf(dir_.path()).size(), outside) << cause << ": something was made";
    EXPECT_EQ(fs::exists(kek) ? StateOf(kek.parent_path())["data.kek"] : "", file);
    EXPECT_EQ(Commander(data_, {"aggregate", "list"}).exit, 0) << "masked all is as before";
  };
  const fs::path kept = aside / "kek";
  fs::rename(kek, kept);
  refuse("KEK_MISSING");
  for (const std::size_t size : {std::size_t{31}, std::size_t{0}}) {
    std::ofstream(kek, std::ios::binary | std::ios::trunc) << std::string(size, 'k');
    refuse("KEK_INVALID");
  }
  fs::remove(kek);
  fs::create_directory(kek);
  refuse("KEK_INVALID");
  fs::remove(kek);
  fs::copy_file(aside / "other.kek", kek);
  refuse("WRONG_KEK");
  fs::remove(kek);
  fs::rename(kept, kek);
  if (geteuid() != 0) {  // root reads whatever the permissions say
    fs::permissions(kek, fs::perms::none);
    refuse("KEK_UNREADABLE");
    fs::permissions(kek, fs::perms::owner_read | fs::perms::owner_write);
  }

  fs::rename(keys, aside / "keys");
  for (const std::vector<std::string>& verb : verbs) {
    const Ran ran = CommanderWithKeys(data_, verb);
    EXPECT_EQ(ran.exit, 2) << ran.err;
    EXPECT_THAT(ran.err, IsOneLine("KEYS_MISSING: "));
    EXPECT_FALSE(fs::exists(keys));
    EXPECT_FALSE(fs::exists(keys.string() + ".new"));
  }
  fs::rename(aside / "keys", keys);
  const Ran whole = CommanderWithKeys(data_, verbs[0]);
  EXPECT_EQ(whole.exit, 0) << whole.err;
  EXPECT_THAT(whole.out, HasSubstr("canary-owner-1"));
}

TEST_F(SubjectVerbTest, ADirectoryWithoutKeysHasNoSubjects) {
  const fs::path bank = dir_ / "bank";
  ASSERT_THAT(WriteBank(bank), IsOk());
  const auto before = StateOf(bank);
  EXPECT_EQ(Commander(bank, {"--show-personal", "log", "read"}).exit, 0);
  EXPECT_EQ(Commander(bank, {"subject", "status", "accounts:acct-1"}).exit, 2);
  EXPECT_EQ(Commander(bank, {"subject", "erase", "accounts:acct-1", "--reason", "x", "--yes"}).exit,
            2);
  EXPECT_EQ(StateOf(bank), before);
}

}  // namespace
}  // namespace commander::test
