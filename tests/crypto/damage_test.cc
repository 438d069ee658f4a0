// P3, P28, P32: bytes that were altered, cut, lengthened or invented are never opened and never
// called erased.
#include <random>

#include "crypto/esp1.h"
#include "tests/crypto/sealing_fixture.h"

namespace commander::test {
namespace {

using crypto::Answer;
using crypto::Place;
using crypto::PlaceKind;

class DamageTest : public SealingFixture {
 protected:
  void ExpectRefused(const Words& words, const std::string& what) {
    const Answer answer = AnswerTo(Event(), words);
    const auto opened = sealer_.Open(Event(), BytesOf(words));
    EXPECT_FALSE(opened.ok()) << what;
    EXPECT_TRUE(answer == Answer::kForged || answer == Answer::kMalformed ||
                answer == Answer::kKeyUnknown || answer == Answer::kUnsupported)
        << what << ": " << opened.status();
  }
  void ExpectEveryFlipRefused(const Words& sealed) {
    for (std::size_t bit = 0; bit < sealed.size() * 64; ++bit) {
      Words damaged = sealed;
      damaged[bit / 64] ^= std::uint64_t{1} << (bit % 64);
      ExpectRefused(damaged, "bit " + std::to_string(bit));
    }
  }
};

TEST_F(DamageTest, EveryFlippedBitIsNoticed) {
  ExpectEveryFlipRefused(SealOpened(Event(), KidOf("acct-1")));
}

// The key is gone, the place tag is left.
TEST_F(DamageTest, EveryFlippedBitOfAnErasedSubjectIsNoticed) {
  const crypto::Kid kid = KidOf("acct-1");
  const Words sealed = SealOpened(Event(), kid);
  keyring_.Erase(kid);
  ASSERT_EQ(AnswerTo(Event(), sealed), Answer::kErased);
  const auto message = crypto::esp1::Parse(BytesOf(sealed));
  const std::size_t box_word = sealed.size() - message->segment(0).box.size() / 8;
  for (std::size_t bit = 0; bit < box_word * 64; ++bit) {
    Words damaged = sealed;
    damaged[bit / 64] ^= std::uint64_t{1} << (bit % 64);
    ExpectRefused(damaged, "bit " + std::to_string(bit));
  }
}

TEST_F(DamageTest, EveryFlippedBitOfAMarkIsNoticed) {
  const crypto::Kid kid = KidOf("acct-1");
  keyring_.Erase(kid);
  const Words mark = SealOpened(Event(), kid, crypto::IfErased::kMark);
  ASSERT_EQ(AnswerTo(Event(), mark), Answer::kErased);
  ExpectEveryFlipRefused(mark);
}

TEST_F(DamageTest, EveryTruncationIsNoticed) {
  const Words sealed = SealOpened(Event(), KidOf("acct-1"));
  const auto bytes = BytesOf(sealed);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Answer answer = AnswerTo(Event(), bytes.first(size));
    EXPECT_TRUE(answer == Answer::kMalformed) << size;
  }
}

TEST_F(DamageTest, EveryExtensionIsNoticed) {
  const Words sealed = SealOpened(Event(), KidOf("acct-1"));
  for (std::size_t more = 1; more <= 20; ++more) {
    Words longer = sealed;
    longer.resize(sealed.size() + more);
    const auto bytes = BytesOf(longer);
    for (std::size_t odd = 0; odd < 8; ++odd) {
      EXPECT_EQ(AnswerTo(Event(), bytes.first(bytes.size() - odd)), Answer::kMalformed);
    }
  }
  Words twice = sealed;
  twice.insert(twice.end(), sealed.begin(), sealed.end());
  EXPECT_EQ(AnswerTo(Event(), twice), Answer::kMalformed);
}

TEST_F(DamageTest, AStrippedSegmentIsMalformed) {
  Words sealed = SealOpened(Event(), KidOf("acct-1"));
  const auto message = crypto::esp1::Parse(BytesOf(sealed));
  sealed.resize(message->bound.size() / 8);
  EXPECT_EQ(AnswerTo(Event(), sealed), Answer::kMalformed);
  sealed[0] &= ~(std::uint64_t{0xFF} << 48);  // and the header says so
  EXPECT_EQ(AnswerTo(Event(), sealed), Answer::kMalformed);
}

TEST_F(DamageTest, RandomBytesAreNeverOpened) {
  std::mt19937_64 random(42);
  const Words sealed = SealOpened(Event(), KidOf("acct-1"));
  for (int run = 0; run < 20'000; ++run) {
    Words words = sealed;
    const std::size_t kept = random() % sealed.size();
    for (std::size_t i = kept; i < words.size(); ++i) words[i] = random();
    words.resize(1 + random() % words.size());
    if (words == sealed) continue;
    ExpectRefused(words, "run " + std::to_string(run));
  }
}

// Lengths and offsets that small numbers would not reach.
TEST_F(DamageTest, HugeLengthsAllocateNothing) {
  const Words sealed = SealOpened(Event(), KidOf("acct-1"));
  for (std::size_t word = 0; word < sealed.size(); ++word) {
    for (const std::uint64_t value : {~std::uint64_t{0}, std::uint64_t{0xFFFFFFF8FFFFFFF8},
                                      std::uint64_t{0x7FFFFFFF7FFFFFF8}}) {
      Words damaged = sealed;
      if (damaged[word] == value) continue;
      damaged[word] = value;
      ExpectRefused(damaged, "word " + std::to_string(word));
      Words mixed = sealed;
      mixed[word] = (sealed[word] & 0xFFFFFFFF) | (value << 32);
      if (mixed != sealed) ExpectRefused(mixed, "upper half of word " + std::to_string(word));
    }
  }
}

}  // namespace
}  // namespace commander::test
