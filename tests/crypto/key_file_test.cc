#include "crypto/key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "crypto/key_row.h"
#include "tests/support/fake_environment.h"
#include "tests/support/status_matchers.h"

namespace commander::crypto {
namespace {

using ::commander::test::FakeRandom;
using ::commander::test::IsOk;
using ::commander::test::IsOkAndHolds;
using ::commander::test::StatusIs;
using Code = absl::StatusCode;

const StoreId kStore = {1, 2, 3};
const std::string kKek(32, 'k');
const std::string kRoot(32, 'r');

std::string Flipped(std::string bytes, std::size_t at) {
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  return bytes;
}
std::string Slot(std::uint64_t sequence, std::uint64_t seed = 1) {
  FakeRandom random(seed);
  return EncodeRootSlot(sequence, 1, kStore, AsBytes(kKek), AsBytes(kRoot), &random);
}
// With the checksum that belongs to it.
std::string WithChecksum(std::string bytes) {
  const std::string body = bytes.substr(0, bytes.size() - 16);
  return body + ToString(Blake2b<16>({}, {AsBytes(body)}));
}

TEST(KeyStoreIdTest, IsReadBackAndNothingElseIs) {
  const KeyStoreId id{.store = kStore, .realm = {9}};
  const std::string bytes = EncodeKeyStoreId(id);
  EXPECT_THAT(DecodeKeyStoreId(bytes), IsOkAndHolds(id));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    EXPECT_THAT(DecodeKeyStoreId(Flipped(bytes, at)), StatusIs(Code::kDataLoss)) << at;
    EXPECT_THAT(DecodeKeyStoreId(bytes.substr(0, at)), StatusIs(Code::kDataLoss)) << at;
  }
  EXPECT_THAT(DecodeKeyStoreId(bytes + "x"), StatusIs(Code::kDataLoss));
  EXPECT_THAT(DecodeKeyStoreId(WithChecksum(Flipped(bytes, 8))), StatusIs(Code::kUnimplemented));
  EXPECT_THAT(DecodeKeyStoreId(WithChecksum(Flipped(bytes, 12))), StatusIs(Code::kUnimplemented));
}

TEST(RootSlotTest, OpensUnderItsKekOfItsStore) {
  const std::string bytes = Slot(1);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const RootSlot slot, DecodeRootSlot(bytes));
  EXPECT_EQ(slot.sequence, 1u);
  EXPECT_EQ(slot.table, 1u);
  EXPECT_EQ(slot.kek_id, KekIdOf(AsBytes(kKek)));
  std::string root(32, '\0');
  const std::span<std::uint8_t> out(reinterpret_cast<std::uint8_t*>(root.data()), 32);
  EXPECT_TRUE(OpenRootSlot(slot, kStore, AsBytes(kKek), out));
  EXPECT_EQ(root, kRoot);
  EXPECT_FALSE(OpenRootSlot(slot, StoreId{7}, AsBytes(kKek), out));
  EXPECT_FALSE(OpenRootSlot(slot, kStore, AsBytes(kRoot), out));
}

TEST(RootSlotTest, NoticesEachChangedByte) {
  const std::string bytes = Slot(1);
  for (std::size_t at = 0; at < 128; ++at) {
    EXPECT_THAT(DecodeRootSlot(Flipped(bytes, at)), StatusIs(Code::kDataLoss)) << at;
  }
  EXPECT_THAT(DecodeRootSlot(bytes.substr(1)), StatusIs(Code::kDataLoss));
  EXPECT_THAT(DecodeRootSlot(""), StatusIs(Code::kDataLoss));
  std::string newer = WithChecksum(Flipped(bytes, 7).substr(0, 128));
  newer.resize(kSlotBytes);
  EXPECT_THAT(DecodeRootSlot(newer), StatusIs(Code::kUnimplemented));
  EXPECT_THAT(NewestRootSlot(bytes + newer), StatusIs(Code::kUnimplemented));
}

TEST(RootSlotTest, TheNewestWholeOneCounts) {
  const auto sequence_of = [](const std::string& file) -> absl::StatusOr<std::uint64_t> {
    COMMANDER_ASSIGN_OR_RETURN(const RootSlot slot, NewestRootSlot(file));
    return slot.sequence;
  };
  const std::string torn = Flipped(Slot(3), 50);
  EXPECT_THAT(sequence_of(Slot(1) + Slot(1)), IsOkAndHolds(1u));
  EXPECT_THAT(sequence_of(Slot(2) + Slot(1)), IsOkAndHolds(2u));
  EXPECT_THAT(sequence_of(Slot(1) + Slot(2)), IsOkAndHolds(2u));
  EXPECT_THAT(sequence_of(torn + Slot(2)), IsOkAndHolds(2u));
  EXPECT_THAT(sequence_of(Slot(2) + torn), IsOkAndHolds(2u));
  EXPECT_THAT(sequence_of(torn + torn), StatusIs(Code::kDataLoss));
  EXPECT_THAT(sequence_of(Slot(1, 1) + Slot(1, 2)), StatusIs(Code::kDataLoss));
  EXPECT_THAT(sequence_of(Slot(1)), StatusIs(Code::kDataLoss));
}

class TableTest : public ::testing::Test {
 protected:
  TableTest() { table_.Generate(&random_); }

  FakeRandom random_;
  std::vector<std::uint8_t> memory_ = std::vector<std::uint8_t>(SecretTable::kBytes);
  SecretTable table_{memory_};
};

TEST_F(TableTest, HoldsDifferentKeysOfTheFirstEpoch) {
  EXPECT_EQ(table_.epoch(0), 1u);
  EXPECT_EQ(table_.epoch(4095), 1u);
  EXPECT_NE(AsView(table_.bucket_key(0)), AsView(table_.bucket_key(4095)));
  EXPECT_NE(AsView(table_.pepper()), AsView(table_.suppression_pepper()));
  EXPECT_EQ(table_.ledger_seed().data() + 32, memory_.data() + memory_.size());
}

TEST_F(TableTest, OpensFromEitherCopy) {
  const std::string file = SealTable(1, kStore, AsBytes(kRoot), memory_, &random_);
  std::vector<std::uint8_t> read(SecretTable::kBytes);
  const auto opens = [&](const std::string& bytes, std::uint64_t number = 1) {
    return OpenTable(bytes, number, kStore, AsBytes(kRoot), read);
  };
  ASSERT_TRUE(opens(file));
  EXPECT_EQ(read, memory_);
  read.assign(read.size(), 0);
  EXPECT_TRUE(opens(Flipped(file, 1000)));
  EXPECT_EQ(read, memory_);
  EXPECT_TRUE(opens(Flipped(file, file.size() - 1000)));
  EXPECT_FALSE(opens(Flipped(Flipped(file, 1000), file.size() - 1000)));
  EXPECT_FALSE(opens(file, 2));
  EXPECT_FALSE(opens(file.substr(1)));
  EXPECT_FALSE(opens(""));
}

// Format 1, as FORMAT.md has it.
TEST_F(TableTest, FilesAndRowsKeepTheirFormat) {
  const auto hex = [](std::string_view bytes) {
    const std::string copy(bytes);
    return absl::BytesToHexString(copy);
  };
  const auto digest = [&](std::string_view bytes) {
    return hex(ToString(Blake2b<16>({}, {AsBytes(bytes)})));
  };
  EXPECT_EQ(hex(EncodeKeyStoreId({.store = kStore, .realm = {9}})),
            "45534b45595349440100000001000000010203000000000000000000000000000900000000000000"
            "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "9714fe9604fae8ce8b5a81ffd7db0eb9");
  EXPECT_EQ(hex(Slot(5).substr(0, 128)),
            "4553524f4f5430310500000000000000010000000000000088edc1a8d3e4a603c8df0ddc92d94c07"
            "c15c0289ec2d0a9167ec8e65a18debbe5e5532fbeea293f865c784325f5e7bb3363a92185eb1f909"
            "7d0601e274a386650306e3b5b5fbabf03657c4e895223b8e508cb7f9b1fb5b6754eca0da31ea4614"
            "44541126eede49b7");
  FakeRandom random(3);
  EXPECT_EQ(digest(SealTable(1, kStore, AsBytes(kRoot), memory_, &random)),
            "9dbc967ba23e7dcaaf9eb9a295193a09");

  const std::string subject = EncodeSubject({"people", "anna"});
  const std::uint16_t bucket = BucketOf(HashSubject(table_, subject));
  std::vector<std::uint8_t> plain(kKeyRowPlainBytes, 'd');
  const Kid kid = KidOfKey({plain.data(), 32});
  EXPECT_EQ(hex(ToString(kid.bytes)),
            "49582f48af217dbcf1d70f9610edb6139911dc6c4d5cfe013eee7a45586660b1");
  const KeyRowPlace place{table_, kStore};
  const std::string row = SealKeyRow(place, kid, bucket, 7, subject, plain, &random);
  EXPECT_EQ(hex(row),
            "81000100000000000000cfc9ab66fb64a7129699b7caad8d6837074f1f093777dfa27464b49d61a5"
            "aed04a225b199e4bc08e513703b59c1f4f75d0db2c097124192c03e4311780c31956a637d9e10089"
            "275dd80fe98d6b755411d1bccf743147b8a28105f5a1dd2dc331a84c");
  const std::string tag = TagRowKey(table_, bucket, subject);
  EXPECT_EQ(hex(tag), "810026d858e44042a0e79fbc543c6dce9d89");
  EXPECT_EQ(hex(SealTagRow(place, tag, kid, &random)),
            "0100000000000000b8fdbecb42eb9822169285dc210d83e37aee49c8e044b67dd453c1a14dffb889"
            "db3000ce44fff2cd6524a3657d32988338cf42a1673aae5798d544c596f7324d801f11c2667524a9");
  EXPECT_EQ(hex(ToString(SuppressionTagOf(table_, subject))), "0af1c2b3ca2341ba854626af0a7a3381");

  // And what was written then is still opened.
  std::vector<std::uint8_t> opened(kKeyRowPlainBytes);
  ASSERT_THAT(OpenKeyRow(place, kid, row, opened), IsOk());
  EXPECT_EQ(std::memcmp(opened.data(), plain.data(), 32 + 8 + subject.size()), 0);
}

// A key of another subject under a right kid, and a row that was moved.
TEST_F(TableTest, RefusesAnotherKeyUnderAKidAndARowInAnotherBucket) {
  const KeyRowPlace place{table_, kStore};
  std::vector<std::uint8_t> plain(kKeyRowPlainBytes, 'd');
  const Kid kid = KidOfKey({plain.data(), 32});
  const std::string wrong(32, 'e');
  std::vector<std::uint8_t> opened(kKeyRowPlainBytes);
  std::string row = SealKeyRow(place, kid, 5, 7, "", plain, nullptr);
  ASSERT_THAT(OpenKeyRow(place, kid, row, opened), IsOk());
  EXPECT_THAT(OpenKeyRow(place, kid, Flipped(row, 0), opened), StatusIs(Code::kDataLoss));
  EXPECT_THAT(OpenKeyRow(place, kid, Flipped(row, 2), opened), StatusIs(Code::kDataLoss));
  EXPECT_THAT(OpenKeyRow({table_, StoreId{8}}, kid, row, opened), StatusIs(Code::kDataLoss));
  for (std::size_t size = 0; size < row.size(); ++size) {
    EXPECT_THAT(OpenKeyRow(place, kid, row.substr(0, size), opened), StatusIs(Code::kDataLoss));
  }
  std::memcpy(plain.data(), wrong.data(), 32);
  row = SealKeyRow(place, kid, 5, 7, "", plain, nullptr);  // sealed well, for the wrong kid
  EXPECT_THAT(OpenKeyRow(place, kid, row, opened), StatusIs(Code::kDataLoss));
  EXPECT_EQ(opened[0], 0) << "nothing of the plaintext";

  const std::string tag = TagRowKey(table_, 5, "subject");
  const std::string tag_row = SealTagRow(place, tag, kid, nullptr);
  EXPECT_THAT(OpenTagRow(place, tag, tag_row), IsOkAndHolds(kid));
  EXPECT_THAT(OpenTagRow(place, Flipped(tag, 0), tag_row), StatusIs(Code::kDataLoss));
  EXPECT_THAT(OpenTagRow(place, Flipped(tag, 9), tag_row), StatusIs(Code::kDataLoss));
  for (std::size_t size = 0; size < tag_row.size(); ++size) {
    EXPECT_FALSE(OpenTagRow(place, tag, tag_row.substr(0, size)).ok());
  }
}

}  // namespace
}  // namespace commander::crypto
