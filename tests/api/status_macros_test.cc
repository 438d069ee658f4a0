#include "commander/internal/status_macros.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "tests/support/status_matchers.h"

namespace commander::internal {
namespace {

using ::commander::test::IsOkAndHolds;
using ::commander::test::StatusIs;

absl::Status Return(const absl::Status& status, bool& went_on) {
  COMMANDER_RETURN_IF_ERROR(status);
  went_on = true;
  return absl::OkStatus();
}

TEST(StatusMacrosTest, ReturnIfErrorReturnsErrorsOnly) {
  bool went_on = false;
  EXPECT_EQ(Return(absl::DataLossError("torn"), went_on), absl::DataLossError("torn"));
  EXPECT_FALSE(went_on);
  EXPECT_EQ(Return(absl::OkStatus(), went_on), absl::OkStatus());
  EXPECT_TRUE(went_on);
}

absl::StatusOr<int> Deref(absl::StatusOr<std::unique_ptr<int>> pointer) {
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<int> value, std::move(pointer));
  return *value;
}

TEST(StatusMacrosTest, AssignOrReturnMovesTheValueOrReturnsTheError) {
  EXPECT_THAT(Deref(std::make_unique<int>(5)), IsOkAndHolds(5));
  EXPECT_THAT(Deref(absl::DataLossError("torn")), StatusIs(absl::StatusCode::kDataLoss, "torn"));
}

TEST(StatusMacrosTest, AssignOrReturnAssignsToWhatExistsAndEvaluatesOnce) {
  int evaluations = 0;
  int value = 0;
  const auto assign = [&]() -> absl::Status {
    const auto next = [&]() -> absl::StatusOr<int> { return ++evaluations; };
    COMMANDER_ASSIGN_OR_RETURN(value, next());
    return absl::OkStatus();
  };
  EXPECT_EQ(assign(), absl::OkStatus());
  EXPECT_EQ(value, 1);
  EXPECT_EQ(evaluations, 1);
}

// A use in a lambda within a use must not shadow the outer one's name.
TEST(StatusMacrosTest, UsesNest) {
  const auto outer = []() -> absl::Status {
    COMMANDER_RETURN_IF_ERROR([]() -> absl::Status {
      COMMANDER_RETURN_IF_ERROR(absl::AbortedError("inner"));
      return absl::OkStatus();
    }());
    return absl::OkStatus();
  };
  EXPECT_THAT(outer(), StatusIs(absl::StatusCode::kAborted, "inner"));
}

}  // namespace
}  // namespace commander::internal
