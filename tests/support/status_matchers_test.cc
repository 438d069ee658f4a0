#include "tests/support/status_matchers.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace commander::test {
namespace {

using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pointee;
using ::testing::StringMatchResultListener;

template <typename Value, typename Matcher>
std::string Explain(const Value& value, const Matcher& matcher) {
  StringMatchResultListener listener;
  ::testing::ExplainMatchResult(matcher, value, &listener);
  return listener.str();
}

TEST(StatusMatchersTest, IsOkLooksAtStatusAndStatusOr) {
  EXPECT_THAT(absl::OkStatus(), IsOk());
  EXPECT_THAT(absl::StatusOr<int>(1), IsOk());
  EXPECT_THAT(absl::DataLossError("torn"), Not(IsOk()));
  EXPECT_THAT(absl::StatusOr<int>(absl::DataLossError("torn")), Not(IsOk()));
  EXPECT_THAT(Explain(absl::DataLossError("torn"), IsOk()), HasSubstr("torn"));
}

TEST(StatusMatchersTest, StatusIsLooksAtCodeAndMessage) {
  const absl::Status torn = absl::DataLossError("torn at 7");
  EXPECT_THAT(torn, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(torn, StatusIs(absl::StatusCode::kDataLoss, "torn at 7"));
  EXPECT_THAT(torn, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("at 7")));
  EXPECT_THAT(absl::StatusOr<int>(torn), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("at 7")));
  EXPECT_THAT(torn, Not(StatusIs(absl::StatusCode::kInternal)));
  EXPECT_THAT(torn, Not(StatusIs(absl::StatusCode::kInternal, HasSubstr("at 7"))));
  EXPECT_THAT(torn, Not(StatusIs(absl::StatusCode::kDataLoss, HasSubstr("at 8"))));
  EXPECT_THAT(Explain(torn, StatusIs(absl::StatusCode::kInternal)), HasSubstr("torn at 7"));
}

TEST(StatusMatchersTest, IsOkAndHoldsLooksAtTheValue) {
  EXPECT_THAT(absl::StatusOr<int>(3), IsOkAndHolds(3));
  EXPECT_THAT(absl::StatusOr<int>(3), IsOkAndHolds(Gt(2)));
  EXPECT_THAT(absl::StatusOr<int>(3), Not(IsOkAndHolds(4)));
  EXPECT_THAT(absl::StatusOr<int>(absl::InternalError("no")), Not(IsOkAndHolds(3)));
  EXPECT_THAT((absl::StatusOr<std::vector<int>>({1, 2})), IsOkAndHolds(ElementsAre(1, 2)));
  EXPECT_THAT(absl::StatusOr<std::string>("text"), IsOkAndHolds("text"));
  EXPECT_THAT(absl::StatusOr<std::unique_ptr<int>>(std::make_unique<int>(5)),
              IsOkAndHolds(Pointee(5)));
}

TEST(StatusMatchersTest, AssertOkAndAssignMovesTheValue) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<int> value,
                                 absl::StatusOr<std::unique_ptr<int>>(std::make_unique<int>(5)));
  EXPECT_EQ(*value, 5);
}

}  // namespace
}  // namespace commander::test
