#include "tools/commander/store_hash.h"

#include <capnp/message.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/tools/odd.capnp.h"

namespace commander::cli {
namespace {

using ::commander::test::IsOk;
using ::commander::test::StatusIs;

using Words = std::vector<std::uint64_t>;

Words WordsOf(capnp::MallocMessageBuilder& message) {
  const auto segments = message.getSegmentsForOutput();
  EXPECT_EQ(segments.size(), 1u);
  Words words(segments[0].size());
  std::memcpy(words.data(), segments[0].begin(), words.size() * sizeof(std::uint64_t));
  return words;
}

RowsHash HashOf(const Words& words, std::string_view key = "k", std::uint64_t version = 1) {
  RowsHash hash;
  EXPECT_THAT(hash.Add('s', key, version, words), IsOk());
  return hash;
}

// The same value, laid out in another order, with what was replaced still in between.
TEST(StoreHashTest, DoesNotDependOnTheLayout) {
  capnp::MallocMessageBuilder one, other;
  auto a = one.initRoot<odd::Everything>();
  a.setText("text");
  a.initChild().setWide(5);
  auto b = other.initRoot<odd::Everything>();
  b.initChild().setWide(5);
  b.setText("a longer text, replaced");
  b.setText("text");
  ASSERT_NE(WordsOf(one), WordsOf(other));
  EXPECT_EQ(HashOf(WordsOf(one)), HashOf(WordsOf(other)));
}

TEST(StoreHashTest, DependsOnEveryPartOfARow) {
  capnp::MallocMessageBuilder message, changed;
  message.initRoot<odd::Everything>().setWide(5);
  changed.initRoot<odd::Everything>().setWide(6);
  const Words words = WordsOf(message);
  const RowsHash hash = HashOf(words);
  EXPECT_NE(HashOf(WordsOf(changed)), hash);
  EXPECT_NE(HashOf(words, "l"), hash);
  EXPECT_NE(HashOf(words, "k", 2), hash);
  EXPECT_NE(HashOf({}), hash);
  RowsHash other_kind;
  ASSERT_THAT(other_kind.Add('r', "k", 1, words), IsOk());
  EXPECT_NE(other_kind, hash);
  RowsHash twice = hash;
  twice.Add(hash);
  EXPECT_NE(twice.ToHex(), hash.ToHex()) << "rows do not cancel out";
}

TEST(StoreHashTest, RefusesWhatIsNoStruct) {
  RowsHash hash;
  EXPECT_THAT(hash.Add('s', "k", 1, Words{~std::uint64_t{0}}),
              StatusIs(absl::StatusCode::kDataLoss));
}

RC_GTEST_PROP(StoreHashProperty, DoesNotDependOnTheOrder,
              (std::vector<std::pair<std::string, std::uint64_t>> rows)) {
  RowsHash forwards, backwards, halves, second;
  for (const auto& [key, version] : rows) RC_ASSERT(forwards.Add('s', key, version, {}).ok());
  std::reverse(rows.begin(), rows.end());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    RC_ASSERT(backwards.Add('s', rows[i].first, rows[i].second, {}).ok());
    RC_ASSERT((i % 2 == 0 ? halves : second).Add('s', rows[i].first, rows[i].second, {}).ok());
  }
  halves.Add(second);
  RC_ASSERT(forwards == backwards);
  RC_ASSERT(forwards == halves);
  RC_ASSERT(forwards.rows() == rows.size());
}

}  // namespace
}  // namespace commander::cli
