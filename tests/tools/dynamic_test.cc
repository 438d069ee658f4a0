#include "tools/commander/dynamic.h"

#include <capnp/message.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>

#include "simdjson.h"
#include "tests/support/status_matchers.h"
#include "tests/tools/odd.capnp.h"

namespace commander::cli {
namespace {

using ::commander::test::IsOk;
using ::commander::test::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

class DynamicTest : public ::testing::Test {
 protected:
  std::string Json(BytesAs bytes = BytesAs::kBase64) {
    std::string out;
    EXPECT_THAT(
        AppendJson(message_->getRoot<capnp::DynamicStruct>(capnp::Schema::from<odd::Everything>())
                       .asReader(),
                   bytes, &out),
        IsOk());
    simdjson::dom::parser parser;
    EXPECT_EQ(parser.parse(out).error(), simdjson::SUCCESS) << out;
    return out;
  }

  // By pointers: their destructors may throw, a test's may not.
  const std::unique_ptr<capnp::MallocMessageBuilder> message_ =
      std::make_unique<capnp::MallocMessageBuilder>();
  odd::Everything::Builder everything_ = message_->initRoot<odd::Everything>();
};

TEST_F(DynamicTest, LeavesOutPointersThatAreNotSet) {
  EXPECT_EQ(Json(),
            R"({"nothing":null,"flag":false,"small":0,"word":0,"wide":"0","unsigned":"0",)"
            R"("single":0,"double":0,"color":"red","pair":{"left":0},"choice":{"none":null}})");
}

TEST_F(DynamicTest, KeepsWideNumbersExact) {
  everything_.setWide(std::numeric_limits<std::int64_t>::min());
  everything_.setUnsigned(9'007'199'254'740'993);
  everything_.initNumbers(1).set(0, std::numeric_limits<std::int64_t>::max());
  EXPECT_THAT(Json(), HasSubstr(R"("wide":"-9223372036854775808","unsigned":"9007199254740993")"));
  EXPECT_THAT(Json(), HasSubstr(R"("numbers":["9223372036854775807"])"));
}

TEST_F(DynamicTest, NamesWhatIsNoNumber) {
  everything_.setDouble(std::nan(""));
  everything_.setSingle(-std::numeric_limits<float>::infinity());
  EXPECT_THAT(Json(), HasSubstr(R"("single":"-Infinity","double":"NaN")"));
  everything_.setDouble(0.1);
  everything_.setSingle(0.1F);
  EXPECT_THAT(Json(), HasSubstr(R"("single":0.1,"double":0.1)"));
}

TEST_F(DynamicTest, ShowsBytesAndTextsThatAreNoText) {
  const capnp::byte bytes[] = {0, 0xfe, 0xff};
  everything_.setBytes(kj::arrayPtr(bytes, 3));
  everything_.setText("\xff");
  EXPECT_THAT(Json(), HasSubstr(R"("text":{"base64":"/w=="},"bytes":"AP7/")"));
  EXPECT_THAT(Json(BytesAs::kHex), HasSubstr(R"("bytes":"00feff")"));
}

TEST_F(DynamicTest, KeepsControlsFromTheTerminal) {
  everything_.setText("a\x1b[2J\n\"\\\x7f\xc2\x9b\xe2\x80\xae\xf3\xa0\x80\x81");
  EXPECT_THAT(Json(), HasSubstr(R"("text":"a\u001b[2J\n\"\\\u007f\u009b\u202e\udb40\udc01")"));
}

TEST_F(DynamicTest, ShowsTheMemberOfAUnionThatIsSet) {
  everything_.getChoice().setNumber(7);
  EXPECT_THAT(Json(), HasSubstr(R"("choice":{"number":7})"));
  everything_.getChoice().setName("");
  EXPECT_THAT(Json(), HasSubstr(R"("choice":{"name":""})"));
  everything_.getChoice().initBoth().setB(3);
  EXPECT_THAT(Json(), HasSubstr(R"("choice":{"both":{"a":false,"b":3}})"));
}

TEST_F(DynamicTest, ShowsEnumerantsOfOtherReleases) {
  everything_.setColor(static_cast<odd::Everything::Color>(42));
  EXPECT_THAT(Json(), HasSubstr(R"("color":42)"));
}

TEST_F(DynamicTest, GoesDown) {
  everything_.initChild().setSmall(-5);
  everything_.initChildren(2)[1].setText("leaf");
  everything_.getAnything().initAs<odd::Everything>();
  EXPECT_THAT(Json(), HasSubstr(R"("child":{"nothing":null,"flag":false,"small":-5)"));
  EXPECT_THAT(Json(), HasSubstr(R"("text":"leaf")"));
  EXPECT_THAT(Json(), HasSubstr(R"("anything":{"anyPointer":"struct"})"));
}

TEST_F(DynamicTest, StopsWhereStructsAreTooDeep) {
  odd::Everything::Builder at = everything_;
  for (int depth = 0; depth < 100; ++depth) at = at.initChild();
  std::string out = "before";
  capnp::ReaderOptions options;
  options.nestingLimit = 64;
  capnp::SegmentArrayMessageReader reader(message_->getSegmentsForOutput(), options);
  EXPECT_THAT(AppendJson(reader.getRoot<capnp::AnyPointer>(),
                         capnp::Schema::from<odd::Everything>(), BytesAs::kBase64, &out),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(out, "before");
}

// What a JSON parser reads is what was written.
RC_GTEST_PROP(DynamicProperty, TextsSurviveJson, (const std::string& text)) {
  std::string out;
  AppendJsonText(text, &out);
  simdjson::dom::parser parser;
  simdjson::dom::element parsed;
  RC_ASSERT(parser.parse(out).get(parsed) == simdjson::SUCCESS);
  for (const char c : out) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  std::string_view read;
  if (parsed.get(read) == simdjson::SUCCESS) {
    RC_ASSERT(read == text);
  } else {
    RC_ASSERT(parsed["base64"].get(read) == simdjson::SUCCESS);
  }
}

RC_GTEST_PROP(DynamicProperty, NumbersSurviveJson, (std::uint64_t bits)) {
  double number;
  std::memcpy(&number, &bits, sizeof(number));
  std::string out;
  AppendJsonFloat(number, &out);
  if (!std::isfinite(number)) {
    RC_ASSERT(out.front() == '"');
    return;
  }
  RC_ASSERT(std::strtod(out.c_str(), nullptr) == number);
}

}  // namespace
}  // namespace commander::cli
