// Clocks that go back, and what outcomes say about time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/engine/bank_fixture.h"
#include "tests/support/fake_environment.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;

class ClockTest : public BankTest {
 protected:
  ClockTest() {
    options_.clock = &clock_;
    group_options_.partitions = 2;
  }
  ~ClockTest() override { Close(); }

  void OpenAt(std::int64_t now_ns) {
    Close();
    clock_.Set(now_ns);
    Open();
    ASSERT_THAT(engine_->AwaitReady(), IsOk());
  }
  std::string NewId() { return ids_.Next(clock_.NowNanos()).ToString(); }
  // Time of the outcome, which is that of all its events; later than none that came before.
  std::int64_t DepositAndTell(const std::string& id) {
    const auto outcome = Deposit("acct-1", 1, {.id = id});
    EXPECT_THAT(outcome, HasKind(OutcomeKind::kEvents));
    if (!outcome.ok() || outcome->events().empty()) return 0;
    EXPECT_EQ(outcome->events()[0].metadata().time, outcome->time());
    const std::int64_t time_ns = absl::ToUnixNanos(outcome->time());
    EXPECT_GE(time_ns, last_time_ns_);
    last_time_ns_ = time_ns;
    return time_ns;
  }

  static constexpr std::int64_t kStart = FakeClock::kStart;
  FakeClock clock_;
  FakeRandom random_;
  IdSource ids_{random_};
  std::int64_t last_time_ns_ = 0;
};

TEST_F(ClockTest, TimeNeverGoesBackWithinAPartition) {
  std::vector<std::string> ids;
  std::vector<std::int64_t> times;
  const auto five_more = [&] {
    for (int i = 0; i < 5; ++i) {
      ids.push_back(NewId());
      times.push_back(DepositAndTell(ids.back()));
      clock_.Advance(kSecond);
    }
  };
  const auto send_again = [&] {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome again, Deposit("acct-1", 1, {.id = ids[i]}));
      EXPECT_TRUE(again.repeat());
      EXPECT_EQ(again.version(), i + 1);
      EXPECT_EQ(absl::ToUnixNanos(again.time()), times[i]);
    }
  };
  OpenAt(kStart);
  five_more();
  EXPECT_EQ(times[4], kStart + 4 * kSecond);
  OpenAt(kStart - 2 * kMinute);  // behind, but not by much
  five_more();
  EXPECT_EQ(times[9], times[4]);  // time stood still
  send_again();
  OpenAt(kStart + kMinute);
  five_more();
  EXPECT_EQ(times[10], kStart + kMinute);
  send_again();

  clock_.Set(kStart - 10 * kMinute);
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  AllOf(HasSubstr("the clock says 2023-11-14T22:03:20"),
                                        HasSubstr("accounts-events[0], 2023-11-14T22:14:2"),
                                        HasSubstr("accept_clock"))));
  // A log that was idle for a day.
  OpenAt(kStart + 24 * 60 * kMinute);
  const std::int64_t next_day = DepositAndTell(NewId());
  EXPECT_EQ(next_day, kStart + 24 * 60 * kMinute);
  DeleteStores();
  OpenAt(kStart + 24 * 60 * kMinute);
  EXPECT_EQ(BalanceOf("acct-1"), 16);
  EXPECT_THAT(Deposit("acct-1", 1, {.id = NewId()}), IsEvents(17));
}

TEST_F(ClockTest, AClockFiveMinutesBehindIsTheLastThatIsTaken) {
  OpenAt(kStart);
  DepositAndTell(NewId());
  OpenAt(kStart - 5 * kMinute);
  Close();
  clock_.Set(kStart - 5 * kMinute - 1);
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ClockTest, ARefusedClockHasChangedNothing) {
  OpenAt(kStart);
  DepositAndTell("d-1");
  Close();
  clock_.Set(kStart - 10 * kMinute);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition));
  }
  OpenAt(kStart);
  EXPECT_THAT(Deposit("acct-1", 1, {.id = "d-1"}), RepeatsEvents(1));
}

TEST_F(ClockTest, AClockBehindMayBeAcceptedAndTimeStandsStillUntilItCatchesUp) {
  OpenAt(kStart);
  DepositAndTell("d-1");
  options_.accept_clock = true;
  OpenAt(kStart - 600 * kMinute);
  EXPECT_EQ(DepositAndTell("d-2"), kStart);
  EXPECT_EQ(DepositAndTell(""), kStart);           // the engine's own ids are not out of the window
  EXPECT_THAT(Deposit("acct-2", 1), IsEvents(1));  // nor ahead of it elsewhere
  clock_.Set(kStart - kSecond);
  EXPECT_EQ(DepositAndTell("d-4"), kStart);
  clock_.Set(kStart + kSecond);
  EXPECT_EQ(DepositAndTell("d-5"), kStart + kSecond);
}

TEST_F(ClockTest, AClockThatJumpsWhileTheEngineRunsDisturbsNothing) {
  OpenAt(kStart);
  DepositAndTell("d-1");
  for (const std::int64_t now : {kStart - 600 * kMinute, kStart + 600 * kMinute, kStart}) {
    clock_.Set(now);
    DepositAndTell("");
    EXPECT_THAT(Deposit("acct-2", 1), HasKind(OutcomeKind::kEvents));
  }
  EXPECT_EQ(last_time_ns_, kStart + 600 * kMinute);
  EXPECT_EQ(BalanceOf("acct-1"), 4);
}

TEST_F(ClockTest, HandlersSeeTheTimeOfTheirOutcome) {
  Close();
  accounts_ = std::make_unique<Group<Account>>("accounts", group_options_);
  absl::Time seen;
  accounts_->OnCommand(
      [&seen](bank::Deposit::Reader, const AccountView& view) -> Decision<bank::Deposited> {
        seen = view.now();
        return Emit<bank::Deposited>();
      });
  options_.data_directory = data().string();
  COMMANDER_ASSERT_OK_AND_ASSIGN(engine_, Engine::Open(options_, {accounts_.get()}));
  for (const std::int64_t now : {kStart, kStart - kMinute, kStart + kMinute}) {
    clock_.Set(now);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, Deposit("acct-1", 1));
    EXPECT_EQ(outcome.time(), seen);
    EXPECT_EQ(absl::ToUnixNanos(seen), std::max(now, kStart));
  }
}

}  // namespace
}  // namespace commander::test
