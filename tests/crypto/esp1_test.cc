// The bytes of ESP1, as FORMAT.md has them, and what is refused of them.
#include "crypto/esp1.h"

#include <algorithm>
#include <functional>

#include "crypto/answer.h"
#include "tests/support/status_matchers.h"

namespace commander::test {
namespace {

using crypto::Answer;
using crypto::esp1::Parse;
using crypto::esp1::Segment;
using crypto::esp1::State;
using Buffer = std::vector<std::uint8_t>;

constexpr std::size_t kPublicBytes = 8;

// A message of `count` segments with boxes of 24 bytes, groups from 0.
Buffer Message(std::size_t count) {
  Buffer out(crypto::esp1::kHeaderBytes + kPublicBytes);
  crypto::esp1::WriteHeader(kPublicBytes, count, out.data());
  for (std::size_t i = 0; i < count; ++i) {
    Segment segment;
    segment.group = static_cast<std::uint8_t>(i);
    segment.kid.bytes.fill(0x11);
    segment.nonce.fill(0x22);
    segment.tag.fill(0x33);
    const std::size_t at = out.size();
    out.resize(at + crypto::esp1::kSegmentBytes);
    crypto::esp1::WriteSegment(segment, 24, &out[at]);
    out.insert(out.end(), 24, 0x44);
  }
  return out;
}

Answer AnswerTo(const Buffer& bytes) { return crypto::AnswerOf(Parse(bytes).status()); }

TEST(Esp1, LiesAsTheFormatSays) {
  const Buffer bytes = Message(1);
  Buffer expected = {'E', 'S', 'P', '1', 1,  1, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0,  // header
                     0,   0,   0,   0,   0,  0, 0, 0,                          // public part
                     0,   1,   0,   0,   24, 0, 0, 0};
  expected.insert(expected.end(), 32, 0x11);
  expected.insert(expected.end(), 24, 0x22);
  expected.insert(expected.end(), 16, 0x33);
  expected.insert(expected.end(), 24, 0x44);
  EXPECT_EQ(bytes, expected);
  EXPECT_EQ(bytes.size(), crypto::esp1::SizeOf(kPublicBytes, 24));

  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto message, Parse(bytes));
  EXPECT_EQ(message.bound.size(), 24u);
  EXPECT_EQ(message.public_part.data(), bytes.data() + 16);
  ASSERT_EQ(message.segment_count, 1u);
  const Segment segment = message.segment(0);
  EXPECT_EQ(segment.state, State::kSealed);
  EXPECT_EQ(segment.kid.bytes[31], 0x11);
  EXPECT_EQ(segment.nonce[23], 0x22);
  EXPECT_EQ(segment.tag[15], 0x33);
  EXPECT_EQ(segment.box.size(), 24u);
  EXPECT_EQ(segment.box.data(), bytes.data() + bytes.size() - 24);
}

TEST(Esp1, HoldsOneToSixteenSegments) {
  for (std::size_t count = 1; count <= 16; ++count) {
    const Buffer bytes = Message(count);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto message, Parse(bytes));
    EXPECT_EQ(message.segment_count, count);
    EXPECT_EQ(message.segment(count - 1).group, count - 1);
  }
  EXPECT_EQ(AnswerTo(Message(17)), Answer::kMalformed);
  EXPECT_EQ(AnswerTo(Message(0)), Answer::kMalformed);
}

struct Change {
  const char* what;
  std::function<void(Buffer*)> make;
  Answer answer;
};

TEST(Esp1, RefusesWhatIsOff) {
  constexpr std::size_t kSegmentAt = 24;
  const std::vector<Change> changes = {
      {"magic", [](Buffer* b) { (*b)[3] = '2'; }, Answer::kMalformed},
      {"version 0", [](Buffer* b) { (*b)[4] = 0; }, Answer::kUnsupported},
      {"version 2", [](Buffer* b) { (*b)[4] = 2; }, Answer::kUnsupported},
      {"algorithm", [](Buffer* b) { (*b)[5] = 2; }, Answer::kUnsupported},
      {"flags", [](Buffer* b) { (*b)[7] = 1; }, Answer::kUnsupported},
      {"more flags", [](Buffer* b) { (*b)[15] = 1; }, Answer::kUnsupported},
      {"segment's flags", [](Buffer* b) { (*b)[kSegmentAt + 3] = 1; }, Answer::kUnsupported},
      {"no public part", [](Buffer* b) { (*b)[8] = 0; }, Answer::kMalformed},
      {"odd public part", [](Buffer* b) { (*b)[8] = 9; }, Answer::kMalformed},
      {"long public part", [](Buffer* b) { (*b)[11] = 0xFF; }, Answer::kMalformed},
      {"state 0", [](Buffer* b) { (*b)[kSegmentAt + 1] = 0; }, Answer::kMalformed},
      {"state 3", [](Buffer* b) { (*b)[kSegmentAt + 1] = 3; }, Answer::kMalformed},
      {"erased with a box", [](Buffer* b) { (*b)[kSegmentAt + 1] = 2; }, Answer::kMalformed},
      {"no box", [](Buffer* b) { (*b)[kSegmentAt + 4] = 0; }, Answer::kMalformed},
      {"tag only", [](Buffer* b) { (*b)[kSegmentAt + 4] = 16; }, Answer::kMalformed},
      {"odd box", [](Buffer* b) { (*b)[kSegmentAt + 4] = 23; }, Answer::kMalformed},
      {"long box", [](Buffer* b) { (*b)[kSegmentAt + 7] = 0xFF; }, Answer::kMalformed},
      {"a byte more", [](Buffer* b) { b->push_back(0); }, Answer::kMalformed},
      {"a byte less", [](Buffer* b) { b->pop_back(); }, Answer::kMalformed},
      {"nothing", [](Buffer* b) { b->clear(); }, Answer::kMalformed},
  };
  ASSERT_EQ(AnswerTo(Message(1)), Answer::kOk);
  for (const Change& change : changes) {
    Buffer bytes = Message(1);
    change.make(&bytes);
    EXPECT_EQ(AnswerTo(bytes), change.answer) << change.what;
  }
  const auto newer = [] {
    Buffer bytes = Message(1);
    bytes[4] = 2;
    return Parse(bytes).status();
  };
  EXPECT_THAT(newer(), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(Parse(Buffer(3)), StatusIs(absl::StatusCode::kDataLoss));
}

// Nothing is read behind the bytes.
TEST(Esp1, RefusesALongBoxBeforeAnotherSegment) {
  Buffer bytes = Message(2);
  bytes[24 + 5] = 0xFF;
  EXPECT_EQ(AnswerTo(bytes), Answer::kMalformed);
}

TEST(Esp1, RefusesGroupsOutOfOrder) {
  Buffer bytes = Message(2);
  const auto second = bytes.begin() + 24 + 104;
  std::swap_ranges(bytes.begin() + 24, second, second);
  EXPECT_EQ(AnswerTo(bytes), Answer::kMalformed);
  bytes = Message(2);
  bytes[24 + 104] = 0;  // the same group twice
  EXPECT_EQ(AnswerTo(bytes), Answer::kMalformed);
}

TEST(Answers, HaveTheirCodes) {
  EXPECT_EQ(StatusOf(Answer::kErased).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(StatusOf(Answer::kKeyUnknown).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(StatusOf(Answer::kForged).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(StatusOf(Answer::kMalformed).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(StatusOf(Answer::kUnsupported).code(), absl::StatusCode::kUnimplemented);
  for (const Answer answer : {Answer::kErased, Answer::kKeyUnknown, Answer::kForged,
                              Answer::kMalformed, Answer::kUnsupported}) {
    EXPECT_EQ(crypto::AnswerOf(StatusOf(answer, "detail")), answer);
  }
  EXPECT_EQ(crypto::AnswerOf(absl::DataLossError("of something else")), Answer::kOk);
}

}  // namespace
}  // namespace commander::test
