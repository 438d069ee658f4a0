#include "crypto/wiping_message.h"

#include <algorithm>
#include <utility>

#include "tests/crypto/sealing_fixture.h"

namespace commander::test {
namespace {

using crypto::WipedWords;
using crypto::WipingMessage;

bool AllZero(std::span<const std::uint64_t> words) {
  return std::all_of(words.begin(), words.end(), [](std::uint64_t word) { return word == 0; });
}

TEST(WipedWords, AreZeroAtFirstAndWhereTheyAreCut) {
  WipedWords words(4);
  EXPECT_TRUE(AllZero(words.words()));
  std::fill(words.words().begin(), words.words().end(), 7);
  const auto whole = words.words();
  words.Cut(1);
  EXPECT_EQ(words.size(), 1u);
  EXPECT_EQ(words.words()[0], 7u);
  EXPECT_TRUE(AllZero(whole.subspan(1)));
}

TEST(WipedWords, MoveWithoutACopy) {
  WipedWords words(2);
  words.words()[0] = 7;
  const auto* const at = words.words().data();
  WipedWords moved(std::move(words));
  EXPECT_EQ(moved.words().data(), at);
  WipedWords assigned(1);
  assigned = std::move(moved);
  EXPECT_EQ(assigned.words()[0], 7u);
  EXPECT_EQ(moved.size(), 0u);  // NOLINT(bugprone-use-after-move)
}

TEST(WipingMessage, LeavesLentMemoryAllZero) {
  WipedWords scratch(64);
  for (int round = 0; round < 3; ++round) {
    {
      WipingMessage message(&scratch);
      auto event = message.initRoot<sealing::Opened>();
      event.setOwner("canary-bob");
      ASSERT_TRUE(Contains(scratch.bytes(), "canary-bob"));
    }
    EXPECT_TRUE(AllZero(scratch.words()));
  }
}

TEST(WipingMessage, GrowsBeyondItsFirstSegment) {
  WipedWords scratch(8);
  {
    WipingMessage message(&scratch);
    auto event = message.initRoot<sealing::Opened>();
    event.setNote("short");
    const std::string text(100'000, 'x');
    event.setOwner(text.c_str());
    EXPECT_EQ(event.getOwner().size(), text.size());
    EXPECT_GT(message.getSegmentsForOutput().size(), 1u);
  }
  EXPECT_TRUE(AllZero(scratch.words()));
  WipingMessage own(1);
  auto list = own.initRoot<sealing::MarksList>().initContacts(1000);
  list[999].setEmail("last");
  EXPECT_EQ(list[999].asReader().getEmail(), "last");
}

}  // namespace
}  // namespace commander::test
