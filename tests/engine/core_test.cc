// Rare orders of events in one partition, each by hand.
#include "engine/core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/core_fixture.h"

namespace commander::test {
namespace {

// A repeat of a parked command, and FindOutcome, failed while its retry was under way.
TEST_F(CoreTest, AnswersARepeatOfAParkedCommandWhoseRetryIsUnderWay) {
  Open();
  const std::size_t first = Fail("a", {.id = "one"});
  Rest();
  ASSERT_THAT(Answer(first), OfKind(OutcomeKind::kParked));

  Account::poison = -1;
  const std::size_t again = Fail("a", {.id = "one"});
  worker().Step();
  const std::size_t retry = Retry("a");
  worker().Step();
  EXPECT_THAT(core_->FindOutcome(*accounts_, "a", "one"), OfKind(OutcomeKind::kParked));
  StepLog();
  worker().Step();
  EXPECT_THAT(Answer(again), OfKind(OutcomeKind::kParked));
  EXPECT_FALSE(Answered(retry));
  EXPECT_THAT(core_->FindOutcome(*accounts_, "a", "one"), OfKind(OutcomeKind::kParked));

  Rest();
  EXPECT_THAT(Answer(retry), OfKind(OutcomeKind::kNothing));
  EXPECT_THAT(core_->FindOutcome(*accounts_, "a", "one"), OfKind(OutcomeKind::kEvents));
}

}  // namespace
}  // namespace commander::test
