#include "commander/internal/strings.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace commander::internal {
namespace {

TEST(StringsTest, ViewsTheSameBytes) {
  const std::string bytes("a\0b", 3);
  EXPECT_EQ(ToStd(ToAbsl(bytes)), std::string_view(bytes));
  EXPECT_EQ(ToAbsl(bytes).data(), bytes.data());
  EXPECT_TRUE(ToStd(ToAbsl(std::string_view())).empty());
}

TEST(StringsTest, GoesWhereAbseilWantsItsOwn) {
  const std::string_view topic = "orders";
  EXPECT_EQ(absl::StrCat("topic ", ToAbsl(topic)), "topic orders");
  EXPECT_EQ(ToStd(absl::NotFoundError(ToAbsl(topic)).message()), topic);
}

}  // namespace
}  // namespace commander::internal
