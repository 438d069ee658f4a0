// status_matchers.h: what a test expects of an absl::Status or an absl::StatusOr.
//
//     EXPECT_THAT(log.Close(), IsOk());
//     EXPECT_THAT(log.End("orders", 0), IsOkAndHolds(Offset{12}));
//     EXPECT_THAT(Decode(damaged), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("offset 12")));
//     COMMANDER_ASSERT_OK_AND_ASSIGN(auto log, EmbeddedLog::Open(options));
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/internal/status_macros.h"

// Declares or assigns `target` from `expression`, an absl::StatusOr<T>; an error ends the test
// function and shows the status.
#define COMMANDER_ASSERT_OK_AND_ASSIGN(target, expression) \
  COMMANDER_INTERNAL_ASSERT_OK_AND_ASSIGN(                 \
      COMMANDER_INTERNAL_CONCAT(commander_internal_value_, __COUNTER__), target, expression)

#define COMMANDER_INTERNAL_ASSERT_OK_AND_ASSIGN(name, target, expression) \
  auto name = (expression);                                               \
  ASSERT_TRUE(name.ok()) << #expression << " is " << name.status();       \
  target = *std::move(name)

namespace commander::test {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

// OK, whatever the value.
MATCHER(IsOk, negation ? "is an error" : "is OK") {
  *result_listener << "whose status is " << StatusOf(arg);
  return arg.ok();
}

// An error, or OK, with the given code and a message that matches `message`, a value or a matcher.
MATCHER_P2(StatusIs, code, message,
           std::string(negation ? "has not" : "has") + " the code " +
               absl::StatusCodeToString(code) + " with a message that " +
               ::testing::DescribeMatcher<std::string>(message)) {
  const absl::Status& status = StatusOf(arg);
  *result_listener << "whose status is " << status;
  return status.code() == code && ::testing::Matches(::testing::SafeMatcherCast<std::string>(
                                      message))(std::string(status.message()));
}

// The same with any message.
MATCHER_P(StatusIs, code,
          std::string(negation ? "has not" : "has") + " the code " +
              absl::StatusCodeToString(code)) {
  *result_listener << "whose status is " << StatusOf(arg);
  return StatusOf(arg).code() == code;
}

// OK, with a value that matches `value`, a value or a matcher.  Works on values that only move.
template <typename InnerMatcher>
class IsOkAndHoldsMatcher {
 public:
  explicit IsOkAndHoldsMatcher(InnerMatcher inner) : inner_(std::move(inner)) {}

  template <typename StatusOr>
  operator ::testing::Matcher<StatusOr>() const {  // NOLINT: a polymorphic matcher converts.
    return ::testing::Matcher<StatusOr>(new Implementation<const StatusOr&>(inner_));
  }

 private:
  template <typename StatusOr>
  class Implementation : public ::testing::MatcherInterface<StatusOr> {
   public:
    using Value = typename std::decay_t<StatusOr>::value_type;

    explicit Implementation(const InnerMatcher& inner)
        : inner_(::testing::SafeMatcherCast<const Value&>(inner)) {}

    void DescribeTo(std::ostream* out) const override {
      *out << "is OK and holds a value that ";
      inner_.DescribeTo(out);
    }
    void DescribeNegationTo(std::ostream* out) const override {
      *out << "is an error or holds a value that ";
      inner_.DescribeNegationTo(out);
    }
    bool MatchAndExplain(StatusOr actual, ::testing::MatchResultListener* listener) const override {
      if (!actual.ok()) {
        *listener << "whose status is " << actual.status();
        return false;
      }
      *listener << "which holds the value " << ::testing::PrintToString(*actual);
      ::testing::StringMatchResultListener inner_listener;
      const bool matches = inner_.MatchAndExplain(*actual, &inner_listener);
      if (!inner_listener.str().empty()) *listener << ", " << inner_listener.str();
      return matches;
    }

   private:
    const ::testing::Matcher<const Value&> inner_;
  };

  const InnerMatcher inner_;
};

template <typename InnerMatcher>
IsOkAndHoldsMatcher<std::decay_t<InnerMatcher>> IsOkAndHolds(InnerMatcher&& inner) {
  return IsOkAndHoldsMatcher<std::decay_t<InnerMatcher>>(std::forward<InnerMatcher>(inner));
}

}  // namespace commander::test
