#include "tools/commander/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "tests/support/status_matchers.h"
#include "tools/commander/utf8.h"

namespace commander::cli {
namespace {

using ::commander::test::IsOkAndHolds;
using ::commander::test::StatusIs;
using ::testing::HasSubstr;
using std::string_view_literals::operator""sv;

TEST(KeysTest, PrintablesStandForThemselves) {
  for (const std::string key : {"acct-1", "Zürich", "a b", "日本", "\"quoted\"", "-5", "🙂"}) {
    EXPECT_EQ(PrintKey(key), key);
  }
}

TEST(KeysTest, EscapesWhatATerminalWouldNotShow) {
  EXPECT_EQ(PrintKey("a\\b"), "a\\\\b");
  EXPECT_EQ(PrintKey("\x00\x01\n\x7f"sv), "\\x00\\x01\\x0a\\x7f");
  EXPECT_EQ(PrintKey("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(PrintKey(" a b "), "\\x20a b\\x20");
  EXPECT_EQ(PrintKey("\xc2\x9b"
                     "2J"),
            "\\xc2\\x9b2J")
      << "a C1 control";
  EXPECT_EQ(PrintKey("\xe2\x80\xae"
                     "abc"),
            "\\xe2\\x80\\xaeabc")
      << "right to left override";
  EXPECT_EQ(PrintKey("a\xc2\xa0z"), "a\\xc2\\xa0z") << "a space that looks like another";
  EXPECT_EQ(PrintKey("\xff\xc3"), "\\xff\\xc3") << "no UTF-8";
  EXPECT_EQ(PrintKey("\xc0\x80"), "\\xc0\\x80") << "overlong";
  EXPECT_EQ(PrintKey("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
}

TEST(KeysTest, RefusesWhatIsNoKey) {
  EXPECT_THAT(ParseKey("a\\b"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\\\\")));
  EXPECT_THAT(ParseKey("a\\x1"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("byte 1")));
  EXPECT_THAT(ParseKey("a\\"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\\xNN")));
  EXPECT_THAT(ParseKey(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1 to 1024")));
  EXPECT_THAT(ParseKey(std::string(1025, 'a')), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseKey(std::string(1024, 'a')), IsOkAndHolds(std::string(1024, 'a')));
  EXPECT_THAT(ParseKeyPrefix(""), IsOkAndHolds(std::string()));
  EXPECT_THAT(ParseKey("\\x41\\x0A"), IsOkAndHolds(std::string("A\n"))) << "more than is printed";
}

RC_GTEST_PROP(KeysTest, WhatIsPrintedIsAcceptedAsInput, (const std::string& key)) {
  RC_PRE(!key.empty() && key.size() <= 1024);
  const std::string printed = PrintKey(key);
  const auto parsed = ParseKey(printed);
  RC_ASSERT(parsed.ok());
  RC_ASSERT(*parsed == key);
}

RC_GTEST_PROP(KeysTest, WhatIsPrintedIsPrintableUtf8, (const std::string& key)) {
  std::string printed = PrintKey(key);
  for (std::string_view rest = printed; !rest.empty();) {
    const std::optional<CodePoint> c = FirstCodePoint(rest);
    RC_ASSERT(c.has_value());
    RC_ASSERT(IsPrintable(c->value));
    rest.remove_prefix(c->bytes);
  }
}

}  // namespace
}  // namespace commander::cli
