// A command whose handler kills the process, whenever it runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "tests/support/temp_dir.h"
#include "tests/tools/run_commander.h"

namespace commander::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class DeadlyTest : public ::testing::Test {
 protected:
  Ran Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {Program("process_deadly"), (dir_ / "data").string()});
    return RunProgram(arguments);
  }
  void Send() {
    const Ran ran = Run({"send"});
    ASSERT_EQ(ran.exit, 0) << ran.err;
  }
  void Die(int times, const std::string& how, int exit) {
    for (; times > 0; --times) {
      const Ran ran = Run({how});
      ASSERT_EQ(ran.exit, exit) << ran.out << ran.err;
      ASSERT_EQ(ran.out, "");
    }
  }

  // What a process writes that finds it parked.
  static auto OtherGoesOn() { return std::string("other: events  version 2"); }
  static auto IsParked() {
    return StartsWith(
        "parked victim failed source 0 length 2 bank.Misbehave: the process died 3 times");
  }

 private:
  const TempDir dir_{TempDir::kMemory};
};

TEST_F(DeadlyTest, IsParkedAfterThreeDeathsAndTheOthersGoOn) {
  Send();
  Die(3, "abort", 128 + SIGABRT);
  const Ran fourth = Run({"abort"});
  ASSERT_EQ(fourth.exit, 0) << fourth.out << fourth.err;
  EXPECT_THAT(fourth.Lines(),
              ElementsAre(OtherGoesOn(), IsParked(), "deadly: parked failed version 0",
                          "behind: parked behind version 0"));
}

TEST_F(DeadlyTest, DiesNoMoreOftenThanThat) {
  Send();
  Die(2, "exit", 9);
  const Ran cured = Run({"live"});
  ASSERT_EQ(cured.exit, 0) << cured.out << cured.err;
  EXPECT_THAT(cured.Lines(),
              ElementsAre(OtherGoesOn(), "deadly: events  version 1", "behind: events  version 2"));
}

TEST_F(DeadlyTest, IsRetriedOnceItIsCured) {
  Send();
  Die(3, "exit", 9);
  const Ran cured = Run({"live", "retry"});
  ASSERT_EQ(cured.exit, 0) << cured.out << cured.err;
  EXPECT_THAT(cured.Lines(),
              ElementsAre(OtherGoesOn(), IsParked(), "deadly: parked failed version 0",
                          "behind: parked behind version 0", "retry: nothing  version 2",
                          "deadly: events  version 1", "behind: events  version 2",
                          "new: events  version 3"));
}

TEST_F(DeadlyTest, IsSkippedWhileItStillKills) {
  Send();
  Die(3, "abort", 128 + SIGABRT);
  const Ran skipped = Run({"abort", "skip"});
  ASSERT_EQ(skipped.exit, 0) << skipped.out << skipped.err;
  EXPECT_THAT(skipped.Lines(),
              ElementsAre(OtherGoesOn(), IsParked(), "deadly: parked failed version 0",
                          "behind: parked behind version 0", "skip: nothing  version 1",
                          "deadly: rejected commander.skipped version 0",
                          "behind: events  version 1", "new: events  version 2"));
}

TEST_F(DeadlyTest, StaysParkedThroughRestarts) {
  Send();
  Die(3, "exit", 9);
  for (int restart = 0; restart < 2; ++restart) {
    const Ran ran = Run({"exit"});
    ASSERT_EQ(ran.exit, 0) << ran.out << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("parked victim failed source 0 length 2")) << restart;
  }
}

}  // namespace
}  // namespace commander::test
