#include "store/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/strings.h"
#include "tests/support/status_matchers.h"

namespace commander::store {
namespace {

using ::commander::test::IsOk;
using ::commander::test::IsOkAndHolds;
using ::commander::test::StatusIs;
using ::testing::HasSubstr;

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

std::string Hex(std::string_view bytes) {
  return absl::BytesToHexString(commander::internal::ToAbsl(bytes));
}

// All fields different, so that one in another's place is seen.
PartitionRow SamplePartition() {
  PartitionRow row;
  for (std::size_t i = 0; i < row.log_id.size(); ++i) row.log_id[i] = static_cast<std::uint8_t>(i);
  row.next = {0x1011121314151617};
  row.last_id = {.hi = 0x2021222324252627, .lo = 0x3031323334353637};
  row.last_hash = 0x4041424344454647;
  row.consumed = {0x5051525354555657};
  row.last_time_ns = -2;
  row.last_asked_ns = 0x6061626364656667;
  row.dedup_window_ns = 3'600'000'000'000;
  row.fold_version = 0x70717273;
  row.schema = 0x8081828384858687;
  return row;
}

std::vector<RememberedId> SampleIds() {
  return {{.id = {.hi = 1, .lo = 2}, .key_hash = 3, .outcome = {4}, .asked_ns = 5, .parked = false},
          {.id = {.hi = 0x0197e3c25b7a7cc3, .lo = 0x98c4dc0c0c07398f},
           .key_hash = 0xffffffffffffffff,
           .outcome = {1u << 31},
           .asked_ns = -1,
           .parked = true}};
}

// Golden rows: what releases have written.  A change here is a change of the stored format, see
// store/FORMAT.md; add rows, do not edit them.

TEST(LayoutGoldenTest, Partition) {
  EXPECT_EQ(Hex(EncodePartition(SamplePartition())),
            "01"
            "000102030405060708090a0b0c0d0e0f"
            "1716151413121110"
            "27262524232221203736353433323130"
            "4746454443424140"
            "5756555453525150"
            "feffffffffffffff"
            "6766656463626160"
            "00a0b83046030000"
            "73727170"
            "8786858483828180");
  EXPECT_EQ(Hex(PartitionKey()), "6d");
  EXPECT_EQ(Hex(PartitionKey("acc-events", 258)), "6d6163632d6576656e74730000000102");
}

TEST(LayoutGoldenTest, State) {
  const std::vector<std::uint64_t> words = {0x0001000100000000, 500};
  EXPECT_EQ(Hex(EncodeState(7, words)),
            "01"
            "0700000000000000"
            "0000000001000100"
            "f401000000000000");
  EXPECT_EQ(Hex(EncodeState(7, {})),
            "01"
            "0700000000000000");
  EXPECT_EQ(Hex(StateKey("a")), "7361");
}

TEST(LayoutGoldenTest, Ids) {
  EXPECT_EQ(Hex(EncodeIds(SampleIds())),
            "01"
            "0100000000000000"
            "0200000000000000"
            "0300000000000000"
            "0400000000000000"
            "0500000000000000"
            "00"
            "c37c7a5bc2e39701"
            "8f39070c0cdcc498"
            "ffffffffffffffff"
            "0000008000000000"
            "ffffffffffffffff"
            "01");
  EXPECT_EQ(Hex(IdBlockKey(258)), "690000000000000102");
}

TEST(LayoutGoldenTest, Queue) {
  EXPECT_EQ(Hex(QueueKey("a", {258})), "710001610000000000000102");
  EXPECT_EQ(Hex(EncodeQueue({258})), "010201000000000000");
}

TEST(LayoutGoldenTest, Projection) {
  const std::vector<std::uint64_t> words = {0x0001000100000000, 500};
  EXPECT_EQ(Hex(EncodeProjection(words)),
            "01"
            "0000000001000100"
            "f401000000000000");
  EXPECT_EQ(Hex(ProjectionKey("a")), "7261");
}

TEST(LayoutTest, ReadsWhatItWrote) {
  PartitionRow partition = SamplePartition();
  for (const bool sealed_whole : {false, true}) {
    partition.sealed_whole = sealed_whole;
    EXPECT_THAT(DecodePartition(EncodePartition(partition)), IsOkAndHolds(partition));
  }
  EXPECT_THAT(DecodePartition(EncodePartition(PartitionRow())), IsOkAndHolds(PartitionRow()));
  EXPECT_THAT(DecodeIds(EncodeIds(SampleIds())), IsOkAndHolds(SampleIds()));
  EXPECT_THAT(DecodeIds(EncodeIds({})), IsOkAndHolds(std::vector<RememberedId>()));

  for (const std::vector<std::uint64_t>& words :
       {std::vector<std::uint64_t>{}, {0}, {1, ~std::uint64_t{0}, 3}}) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const StateRow state,
                                   DecodeState(EncodeState(~std::uint64_t{0}, words)));
    EXPECT_EQ(state.version, ~std::uint64_t{0});
    EXPECT_EQ(state.state, words);
    if (words.empty()) continue;
    COMMANDER_ASSERT_OK_AND_ASSIGN(const ProjectionRow row,
                                   DecodeProjection(EncodeProjection(words)));
    EXPECT_EQ(row.row, words);
  }

  const std::string key("a\0\xff q", 5);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const QueueRow queue,
                                 DecodeQueue(QueueKey(key, {1'000'000'007}), EncodeQueue({12})));
  EXPECT_EQ(queue.key, key);
  EXPECT_EQ(queue.source, Offset{1'000'000'007});
  EXPECT_EQ(queue.outcome, Offset{12});
  EXPECT_EQ(KeyOfState(StateKey(key)), key);
  EXPECT_EQ(KeyOfProjection(ProjectionKey(key)), key);
}

// A value from a store lies at any address.
TEST(LayoutTest, ReadsAtAnyAddress) {
  const std::vector<std::uint64_t> words = {1, 2, 3};
  const std::string state = EncodeState(9, words);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::string buffer(shift, 'x');
    buffer += state;
    COMMANDER_ASSERT_OK_AND_ASSIGN(const StateRow row,
                                   DecodeState(std::string_view(buffer).substr(shift)));
    EXPECT_EQ(row.state, words);
  }
}

TEST(LayoutTest, NumbersInKeysSortAsNumbers) {
  const std::vector<std::uint64_t> ascending = {0, 1, 255, 256, 65536, 1ull << 40, ~0ull};
  for (std::size_t i = 0; i + 1 < ascending.size(); ++i) {
    EXPECT_LT(IdBlockKey(ascending[i]), IdBlockKey(ascending[i + 1]));
    EXPECT_LT(QueueKey("k", {ascending[i]}), QueueKey("k", {ascending[i + 1]}));
  }
  EXPECT_LT(PartitionKey("t", 255), PartitionKey("t", 256));
}

// Without the length in front, "a" + 8 bytes of a source could lie among the rows of a longer key.
TEST(LayoutTest, QueuesOfTwoAggregatesDoNotMix) {
  const std::string longer = "a" + std::string(8, '\0');
  const auto prefix = [](const std::string& key) {
    return QueueKey(key, {0}).substr(0, 3 + key.size());
  };
  for (const std::uint64_t source : {std::uint64_t{0}, ~std::uint64_t{0}}) {
    EXPECT_FALSE(QueueKey(longer, {source}).starts_with(prefix("a")));
    EXPECT_TRUE(QueueKey("a", {source}).starts_with(prefix("a")));
  }
}

TEST(LayoutTest, PrefixEndIsTheSmallestKeyBehind) {
  EXPECT_EQ(PrefixEnd("s"), "t");
  EXPECT_EQ(PrefixEnd("ab"), "ac");
  EXPECT_EQ(PrefixEnd("a\xff\xff"), "b");
  EXPECT_EQ(PrefixEnd("a\x7f"), "a\x80");
  EXPECT_EQ(PrefixEnd("\xff\xff"), "");
  EXPECT_EQ(PrefixEnd(""), "");
  EXPECT_EQ(PrefixEnd(std::string_view("\0", 1)), "\x01");
}

TEST(LayoutTest, RefusesOtherFormats) {
  std::string partition = EncodePartition(SamplePartition());
  partition[0] = 3;
  EXPECT_THAT(DecodePartition(partition),
              StatusIs(kDataLoss, HasSubstr("format 3 is not known, only 1")));
  EXPECT_THAT(DecodePartition(""), StatusIs(kDataLoss, HasSubstr("empty")));
  EXPECT_THAT(DecodeProjection("\x01"), StatusIs(kDataLoss, HasSubstr("no struct")));

  std::string ids = EncodeIds(SampleIds());
  ids.back() = 2;
  EXPECT_THAT(DecodeIds(ids), StatusIs(kDataLoss, HasSubstr("id 1 has the unknown flags 2")));
  EXPECT_THAT(DecodeQueue("q", EncodeQueue({1})), StatusIs(kDataLoss, HasSubstr("key of 1 bytes")));
  EXPECT_THAT(DecodeQueue(StateKey("0123456789abc"), EncodeQueue({1})), StatusIs(kDataLoss));
  std::string queue_key = QueueKey("abc", {1});
  queue_key[2] = 2;
  EXPECT_THAT(DecodeQueue(queue_key, EncodeQueue({1})),
              StatusIs(kDataLoss, HasSubstr("says that it holds 2")));
}

TEST(LayoutTest, TellsWhichPartitionAProjectionHasFolded) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const TopicOfPartition place,
                                 TopicOfPartitionKey(PartitionKey("acc-events", 258)));
  EXPECT_EQ(place.topic, "acc-events");
  EXPECT_EQ(place.partition, 258u);
  const std::string key = PartitionKey("t", 1);
  for (const std::string& wrong :
       {PartitionKey(), PartitionKey("", 1), key + "x", key.substr(0, key.size() - 1),
        std::string("s") + key.substr(1), std::string()}) {
    EXPECT_THAT(TopicOfPartitionKey(wrong), StatusIs(kDataLoss));
  }
}

TEST(LayoutTest, ChecksRowsOfEveryKind) {
  const std::vector<std::uint64_t> words = {1};
  const std::string partition = EncodePartition(SamplePartition());
  EXPECT_THAT(CheckRow(PartitionKey(), partition), IsOk());
  EXPECT_THAT(CheckRow(PartitionKey("accounts-events", 7), partition), IsOk());
  EXPECT_THAT(CheckRow(StateKey("a"), EncodeState(1, words)), IsOk());
  EXPECT_THAT(CheckRow(IdBlockKey(1), EncodeIds(SampleIds())), IsOk());
  EXPECT_THAT(CheckRow(QueueKey("a", {1}), EncodeQueue({2})), IsOk());
  EXPECT_THAT(CheckRow(ProjectionKey("a"), EncodeProjection(words)), IsOk());

  EXPECT_THAT(CheckRow("", partition), StatusIs(kDataLoss, HasSubstr("no letter")));
  EXPECT_THAT(CheckRow("x", partition), StatusIs(kDataLoss, HasSubstr("no letter")));
  EXPECT_THAT(CheckRow("mx", partition), StatusIs(kDataLoss, HasSubstr("partition row")));
  EXPECT_THAT(CheckRow(PartitionKey("", 7), partition), StatusIs(kDataLoss));
  EXPECT_THAT(CheckRow(StateKey(""), EncodeState(1, words)), StatusIs(kDataLoss));
  EXPECT_THAT(CheckRow("i123", EncodeIds({})), StatusIs(kDataLoss));
  EXPECT_THAT(CheckRow(ProjectionKey(""), EncodeProjection(words)), StatusIs(kDataLoss));
  // Of a sealed struct the form is checked, too: 16 bytes of a header at least.
  EXPECT_THAT(CheckRow(StateKey("a"), EncodeState(1, words, /*sealed=*/true)),
              StatusIs(kDataLoss, HasSubstr("not a sealed struct")));
  EXPECT_THAT(CheckRow(ProjectionKey("a"), EncodeProjection(words, /*sealed=*/true)),
              StatusIs(kDataLoss, HasSubstr("not a sealed struct")));
  // Each kind's value is read as that kind's.
  for (const std::string& key :
       {PartitionKey(), StateKey("a"), IdBlockKey(1), QueueKey("a", {1}), ProjectionKey("a")}) {
    EXPECT_THAT(CheckRow(key, "12345"), StatusIs(kDataLoss, HasSubstr("format 49")));
  }
}

// Whatever is cut off or put behind is noticed, where the length can tell.
TEST(LayoutTest, RefusesEveryTruncation) {
  const std::string partition = EncodePartition(SamplePartition());
  for (std::size_t size = 0; size < partition.size(); ++size) {
    EXPECT_THAT(DecodePartition(partition.substr(0, size)), StatusIs(kDataLoss)) << size;
  }
  EXPECT_THAT(DecodePartition(partition + "x"), StatusIs(kDataLoss));

  const std::string ids = EncodeIds(SampleIds());
  for (std::size_t size = 0; size < ids.size(); ++size) {
    if (size % 41 == 1) continue;  // a whole number of ids
    EXPECT_THAT(DecodeIds(ids.substr(0, size)), StatusIs(kDataLoss)) << size;
  }
  const std::vector<std::uint64_t> words = {1, 2};
  const std::string state = EncodeState(1, words);
  for (std::size_t size = 0; size < state.size(); ++size) {
    if (size == 9 || size == 17) continue;  // whole words
    EXPECT_THAT(DecodeState(state.substr(0, size)), StatusIs(kDataLoss)) << size;
  }
  const std::string queue_key = QueueKey("abc", {1});
  for (std::size_t size = 0; size < queue_key.size(); ++size) {
    EXPECT_THAT(DecodeQueue(queue_key.substr(0, size), EncodeQueue({1})), StatusIs(kDataLoss));
  }
}

class LayoutPropertyTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  std::uint64_t Number() {
    // Small, large and in between, all equally likely.
    return random_() >> (random_() % 64);
  }
  std::string Bytes(std::size_t max_size) {
    std::string bytes(random_() % (max_size + 1), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }
  // The value with a few bytes changed, cut off, put in or behind.
  std::string Mutated(std::string value) {
    for (std::uint64_t edits = 1 + random_() % 3; edits > 0; --edits) {
      const std::size_t at = value.empty() ? 0 : random_() % value.size();
      switch (random_() % 4) {
        case 0:
          if (!value.empty()) value[at] = static_cast<char>(random_());
          break;
        case 1:
          value.resize(at);
          break;
        case 2:
          value.insert(at, Bytes(9));
          break;
        default:
          value += Bytes(9);
      }
    }
    return value;
  }

  std::mt19937_64 random_{GetParam()};
};

TEST_P(LayoutPropertyTest, ReadsWhatItWrote) {
  for (int round = 0; round < 500; ++round) {
    PartitionRow partition;
    for (std::uint8_t& byte : partition.log_id) byte = static_cast<std::uint8_t>(random_());
    partition.next = {Number()};
    partition.last_id = {.hi = Number(), .lo = Number()};
    partition.last_hash = Number();
    partition.consumed = {Number()};
    partition.last_time_ns = static_cast<std::int64_t>(Number());
    partition.last_asked_ns = -static_cast<std::int64_t>(Number() >> 1);
    partition.dedup_window_ns = static_cast<std::int64_t>(Number());
    partition.fold_version = static_cast<std::uint32_t>(Number());
    partition.schema = Number();
    EXPECT_THAT(DecodePartition(EncodePartition(partition)), IsOkAndHolds(partition));

    std::vector<RememberedId> ids(random_() % 9);
    for (RememberedId& id : ids) {
      id = {.id = {.hi = Number(), .lo = Number()},
            .key_hash = Number(),
            .outcome = {Number()},
            .asked_ns = static_cast<std::int64_t>(Number()),
            .parked = random_() % 2 == 0};
    }
    EXPECT_THAT(DecodeIds(EncodeIds(ids)), IsOkAndHolds(ids));

    const std::string key = Bytes(1024);
    const Offset source{Number()};
    const Offset outcome{Number()};
    COMMANDER_ASSERT_OK_AND_ASSIGN(const QueueRow queue,
                                   DecodeQueue(QueueKey(key, source), EncodeQueue(outcome)));
    EXPECT_EQ(queue.key, key);
    EXPECT_EQ(queue.source, source);
    EXPECT_EQ(queue.outcome, outcome);
  }
}

// Keys sort as (kind, key) do, and a prefix's range holds the keys that begin with it and no other.
TEST_P(LayoutPropertyTest, RangesHoldWhatBeginsWithThePrefix) {
  for (int round = 0; round < 2000; ++round) {
    std::string prefix = Bytes(3);
    if (random_() % 2 == 0)
      std::replace_if(
          prefix.begin(), prefix.end(), [](char c) { return c < 0; }, '\xff');
    std::string key = random_() % 2 == 0 ? prefix + Bytes(2) : Bytes(4);
    const std::string end = PrefixEnd(prefix);
    const bool in_range = prefix <= key && (end.empty() || key < end);
    EXPECT_EQ(in_range, key.starts_with(prefix)) << Hex(prefix) << " " << Hex(key);
  }
}

// Damaged values give an error or a value that is written back as the same bytes; the sanitizers
// watch for the rest.
TEST_P(LayoutPropertyTest, DecodesDamagedValuesToAnErrorOrToExactlyThem) {
  const std::vector<std::uint64_t> words = {0x0001000100000000, 500};
  int refused = 0;
  int read = 0;
  const auto count = [&](bool ok) { ++(ok ? read : refused); };
  for (int round = 0; round < 2000; ++round) {
    const std::string partition = Mutated(EncodePartition(SamplePartition()));
    if (const auto row = DecodePartition(partition); row.ok()) {
      EXPECT_EQ(EncodePartition(*row), partition);
      count(true);
    } else {
      EXPECT_THAT(row, StatusIs(kDataLoss));
      count(false);
    }
    const std::string state = Mutated(EncodeState(3, words));
    if (const auto row = DecodeState(state); row.ok()) {
      EXPECT_EQ(EncodeState(row->version, row->state), state);
    } else {
      EXPECT_THAT(row, StatusIs(kDataLoss));
    }
    const std::string projection = Mutated(EncodeProjection(words));
    if (const auto row = DecodeProjection(projection); row.ok()) {
      EXPECT_EQ(EncodeProjection(row->row), projection);
    } else {
      EXPECT_THAT(row, StatusIs(kDataLoss));
    }
    const std::string ids = Mutated(EncodeIds(SampleIds()));
    if (const auto row = DecodeIds(ids); row.ok()) {
      EXPECT_EQ(EncodeIds(*row), ids);
    } else {
      EXPECT_THAT(row, StatusIs(kDataLoss));
    }
    const std::string queue_key = Mutated(QueueKey("acct-1", {8}));
    const std::string queue = Mutated(EncodeQueue({9}));
    if (const auto row = DecodeQueue(queue_key, EncodeQueue({9})); row.ok()) {
      EXPECT_EQ(QueueKey(row->key, row->source), queue_key);
    } else {
      EXPECT_THAT(row, StatusIs(kDataLoss));
    }
    if (const auto row = DecodeQueue(QueueKey("acct-1", {8}), queue); row.ok()) {
      EXPECT_EQ(EncodeQueue(row->outcome), queue);
    } else {
      EXPECT_THAT(row, StatusIs(kDataLoss));
    }
  }
  EXPECT_GT(refused, 100);
  EXPECT_GT(read, 100);
}

INSTANTIATE_TEST_SUITE_P(Seeds, LayoutPropertyTest, ::testing::Values(1u, 2u, 3u));

}  // namespace
}  // namespace commander::store
