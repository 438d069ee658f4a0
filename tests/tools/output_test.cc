#include "tools/commander/output.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "simdjson.h"
#include "tests/support/status_matchers.h"

namespace commander::cli {
namespace {

using ::commander::test::IsOk;
using ::commander::test::StatusIs;
using ::testing::HasSubstr;

class OutputTest : public ::testing::Test {
 protected:
  OutputTest() {
    std::signal(SIGPIPE, SIG_IGN);
    if (pipe(ends_) != 0) std::abort();
  }
  ~OutputTest() override {
    close(ends_[0]);
    close(ends_[1]);
  }
  // What has been written so far; a pipe holds 64 KiB.
  std::string Written() {
    char bytes[1 << 16];
    const ssize_t got = read(ends_[0], bytes, sizeof(bytes));
    return std::string(bytes, got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  static Row RowOf(std::string_view key, std::uint64_t version) {
    Row row;
    row.Key("key", key).Wide("version", version).Json("data", R"({"cents":"5"})").Null("none");
    return row;
  }

  int ends_[2];
};

TEST_F(OutputTest, TablesLineUpUnderTheirNames) {
  Output output(ends_[1], Format::kTable);
  ASSERT_THAT(output.BeginList({"key", "version", "data", "none"}), IsOk());
  ASSERT_THAT(output.Add(RowOf("a", 12345678)), IsOk());
  ASSERT_THAT(output.Add(RowOf("Zürich\n", 1)), IsOk());
  ASSERT_THAT(output.Finish(Verdict::kPass, {}), IsOk());
  EXPECT_EQ(Written(),
            "key         version   data           none\n"
            "a           12345678  {\"cents\":\"5\"}\n"
            "Zürich\\x0a  1         {\"cents\":\"5\"}\n");
}

TEST_F(OutputTest, LongTablesAreNotKept) {
  Output output(ends_[1], Format::kTable);
  ASSERT_THAT(output.BeginList({"key"}), IsOk());
  for (int i = 0; i < 150; ++i) ASSERT_THAT(output.Add(RowOf(absl::StrCat(i), 1)), IsOk());
  ASSERT_THAT(output.Add(RowOf("wider than all before", 1)), IsOk());
  ASSERT_THAT(output.Finish(Verdict::kPass, {}), IsOk());
  EXPECT_THAT(Written(), ::testing::EndsWith("148\n149\nwider than all before\n"));
}

TEST_F(OutputTest, AnObjectALine) {
  Output output(ends_[1], Format::kNdjson);
  ASSERT_THAT(output.BeginList({"key"}), IsOk());
  ASSERT_THAT(output.Add(RowOf("a\\b", 18446744073709551615U)), IsOk());
  ASSERT_THAT(output.Flush(), IsOk());
  EXPECT_EQ(Written(),
            R"({"key":"a\\\\b","version":"18446744073709551615","data":{"cents":"5"},"none":null})"
            "\n");
  ASSERT_THAT(output.Finish(Verdict::kFail, {"a diagnostic"}), IsOk());
}

TEST_F(OutputTest, OneDocumentWhateverHappens) {
  const auto document = [&](const std::function<void(Output&)>& use, Verdict verdict) {
    Output output(ends_[1], Format::kJson);
    use(output);
    EXPECT_THAT(output.Finish(verdict, {"why \"so\""}), IsOk());
    return simdjson::padded_string(Written());
  };
  const auto add = [](Output& output, int rows) {
    EXPECT_THAT(output.BeginList({"key"}), IsOk());
    for (int i = 0; i < rows; ++i) EXPECT_THAT(output.Add(RowOf("k", 1)), IsOk());
  };
  simdjson::dom::parser parser;
  for (const std::size_t rows : {0, 1, 3}) {
    const auto text = document([&](Output& o) { add(o, static_cast<int>(rows)); }, Verdict::kPass);
    const simdjson::dom::element parsed = parser.parse(text);
    EXPECT_EQ(std::string_view(parsed["version"]), "1.0");
    EXPECT_EQ(std::string_view(parsed["status"]), "pass");
    EXPECT_EQ(parsed["data"].get_array().size(), rows);
    EXPECT_EQ(std::string_view(parsed["diagnostics"].at(0)), "why \"so\"");
  }
  const auto none = document([](Output&) {}, Verdict::kError);
  EXPECT_TRUE(parser.parse(none)["data"].is_null());
  const auto missing = document(
      [](Output& output) { EXPECT_THAT(output.One(std::nullopt), IsOk()); }, Verdict::kFail);
  EXPECT_TRUE(parser.parse(missing)["data"].is_null());
  const auto one =
      document([](Output& o) { EXPECT_THAT(o.One(RowOf("k", 1)), IsOk()); }, Verdict::kPass);
  EXPECT_EQ(std::string_view(parser.parse(one)["data"]["key"]), "k");
}

TEST_F(OutputTest, OneResultIsALineAName) {
  Output output(ends_[1], Format::kTable);
  ASSERT_THAT(output.One(RowOf("k", 1)), IsOk());
  ASSERT_THAT(output.Finish(Verdict::kPass, {}), IsOk());
  EXPECT_EQ(Written(), "key      k\nversion  1\ndata     {\"cents\":\"5\"}\nnone\n");
}

TEST_F(OutputTest, NoticesThatNobodyReads) {
  Output output(ends_[1], Format::kNdjson);
  close(ends_[0]);
  ends_[0] = -1;
  ASSERT_THAT(output.Add(RowOf("k", 1)), IsOk()) << "kept back";
  EXPECT_THAT(output.Flush(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_TRUE(output.reader_gone());
}

TEST_F(OutputTest, NoticesAFullDevice) {
  const int full = open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  Output output(full, Format::kNdjson);
  ASSERT_THAT(output.Add(RowOf("k", 1)), IsOk());
  const auto no_space = StatusIs(absl::StatusCode::kInternal, HasSubstr("No space"));
  EXPECT_THAT(output.Finish(Verdict::kPass, {}), no_space);
  EXPECT_THAT(output.Flush(), no_space) << "it stays so";
  close(full);
}

}  // namespace
}  // namespace commander::cli
