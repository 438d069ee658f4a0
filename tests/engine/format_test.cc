// The engine's stored formats (engine/FORMAT.md): what is written today must be read for ever.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"
#include "commander/id.h"
#include "commander/position.h"
#include "engine/envelope.h"
#include "engine/partitioner.h"
#include "engine/schema.h"
#include "tests/support/bank.capnp.h"
#include "tests/support/status_matchers.h"

namespace commander::internal {
namespace {

using ::commander::test::IsOkAndHolds;
using ::commander::test::StatusIs;

std::string Hex(std::span<const Word> words) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(words.data()), words.size_bytes()));
}

TEST(FormatTest, CommandRecord) {
  CommandDraft draft(TypeOf<bank::Deposit>());
  draft.payload().initAs<bank::Deposit>().setCents(0x1122);
  CommandHeader header;
  header.id = {0x0102030405060708, 0x090a0b0c0d0e0f10};
  header.key = "acct-1";
  header.expected = 2;
  header.version = 7;
  header.created_ns = 0x55;
  EXPECT_EQ(Hex(Finish(draft, header).words()),
            "00000000060003000807060504030201100f0e0d0c0b0a091edbd727d55e8e950002000000000000"
            "55000000000000000700000000000000110000003200000004000000010001000000000000000000"
            "22110000000000000000000000000000616363742d310000");
}

TEST(FormatTest, EventRecord) {
  EventDraft draft(TypeOf<bank::Deposited>());
  draft.payload().initAs<bank::Deposited>().setCents(0x1122);
  OutcomeHeader header;
  header.id = {1, 2};
  header.type = draft.type().fingerprint;
  header.kind = MessageKind::kEvent;
  header.index = 1;
  header.count = 3;
  header.time_ns = 0x66;
  header.asked_ns = 0x55;
  header.version = 8;
  header.key = "acct-1";
  header.source = {9};
  header.cause = {3, 4};
  header.correlation = {5, 6};
  EXPECT_EQ(Hex(Finish(draft, header).words()),
            "000000000a0003000100000000000000020000000000000008375c5cd5f3bd8c0100010003000000"
            "66000000000000000800000000000000550000000000000009000000000000000300000000000000"
            "0400000000000000110000003200000004000000010001000c000000030004002211000000000000"
            "0000000000000000616363742d310000050000000000000006000000000000000000000000000000"
            "0000000000000000000000000000000000000000000000000000000000000000");
}

TEST(FormatTest, Fingerprints) {
  EXPECT_EQ(absl::StrCat(absl::Hex(TypeOf<bank::Deposit>().fingerprint)), "958e5ed527d7db1e");
  EXPECT_EQ(absl::StrCat(absl::Hex(TypeOf<bank::Misbehave>().fingerprint)), "20e6c4e9a7567df9");
  EXPECT_EQ(absl::StrCat(absl::Hex(TypeOf<wire::Parked>().fingerprint)), "447744681b487412");
  EXPECT_EQ(TypeOf<wire::Parked>().name, "commander.Parked");
  EXPECT_EQ(TypeOf<bank::Deposit>().name, "bank.Deposit");
}

TEST(FormatTest, AStoredSchemaDecodesNestedTypes) {
  const log::Schema stored =
      EncodeSchema(TypeOf<bank::Misbehave>(), {{"accounts", SchemaRole::kCommand}});
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<StoredType> type, DecodeSchema(stored));
  EXPECT_EQ(type->name(), "bank.Misbehave");
  EXPECT_EQ(type->fingerprint(), TypeOf<bank::Misbehave>().fingerprint);
  const auto how = type->schema().getFieldByName("how").getType().asEnum();
  EXPECT_EQ(how.getEnumerants().size(), 7u);
}

TEST(FormatTest, ADamagedStoredSchemaIsRefused) {
  log::Schema stored = EncodeSchema(TypeOf<bank::Misbehave>(), {});
  for (std::size_t i = 0; i < stored.bytes.size(); i += 7) {
    log::Schema damaged = stored;
    damaged.bytes[i] = static_cast<char>(damaged.bytes[i] ^ 0x10);
    const auto decoded = DecodeSchema(damaged);
    // Display names and padding are not part of the fingerprint; nothing else may differ.
    if (decoded.ok()) {
      EXPECT_EQ(Fingerprint((*decoded)->name(), (*decoded)->schema()), stored.fingerprint);
    } else {
      EXPECT_THAT(decoded, StatusIs(absl::StatusCode::kDataLoss));
    }
  }
  stored.fingerprint ^= 1;
  EXPECT_THAT(DecodeSchema(stored), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(FormatTest, DerivedIds) {
  const MessageId parent{0x0197e3c25b7a7cc3, 0x98c4dc0c0c07398f};
  EXPECT_EQ(MessageId::Derive(parent, "event", 0).ToString(),
            "18b35270-bf1b-861c-aa60-b6bc8a7182f3");
  EXPECT_EQ(MessageId::FromText("d-1").ToString(), "5087c840-ffa8-84fb-8afd-b84e1f1eff64");
  EXPECT_EQ(MessageId::FromText("d-1").version(), 8);
  EXPECT_EQ(MessageId::FromText(parent.ToString()), parent);
}

// Values of Kafka's own UtilsTest (org.apache.kafka.common.utils).
TEST(FormatTest, PartitionsAsKafkasJavaClient) {
  EXPECT_EQ(static_cast<std::int32_t>(Murmur2("21")), -973932308);
  EXPECT_EQ(static_cast<std::int32_t>(Murmur2("foobar")), -790332482);
  EXPECT_EQ(static_cast<std::int32_t>(Murmur2("a-little-bit-long-string")), -985981536);
  EXPECT_EQ(static_cast<std::int32_t>(Murmur2("a-little-bit-longer-string")), -1486304829);
  EXPECT_EQ(static_cast<std::int32_t>(Murmur2("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")),
            -58897971);
  EXPECT_EQ(static_cast<std::int32_t>(Murmur2("abc")), 479470107);
}

TEST(FormatTest, PositionTokens) {
  Position position(RecordPosition{"00ff", "accounts-events", 3, {41}});
  position.Merge(RecordPosition{"00ff", "accounts-events", 1, {7}});
  position.Merge(RecordPosition{"00ff", "accounts-events", 3, {12}});
  EXPECT_EQ(position.ToToken(),
            "MXwwMGZmOmFjY291bnRzLWV2ZW50czoxOjd8MDBmZjphY2NvdW50cy1ldmVudHM6Mzo0MQ");
  EXPECT_THAT(Position::FromToken(position.ToToken()), IsOkAndHolds(position));
  for (const char* text : {"", "!", "MQ=", "fHg6eTox", "MXxhOmI6YzpkOmU"}) {
    EXPECT_THAT(Position::FromToken(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

// Every truncation and every flipped bit of a record is an error or another readable record, never
// undefined behaviour (the sanitizers watch).
TEST(FormatTest, DamagedRecordsAreReadDefensively) {
  EventDraft draft(TypeOf<bank::Deposited>());
  draft.payload().initAs<bank::Deposited>().initPadding(40);
  OutcomeHeader header;
  header.id = {1, 2};
  header.kind = MessageKind::kEvent;
  header.key = "acct-1";
  header.cause = {3, 4};
  header.correlation = {5, 6};
  const FinishedMessage message = Finish(draft, header);
  const std::vector<Word> whole(message.words().begin(), message.words().end());
  const auto read = [](const std::vector<Word>& words) {
    const auto record = EnvelopeReader::Open(words);
    if (!record.ok()) return;
    GuardKj("record", [&] {
      (void)(*record)->headers();
      (void)(*record)->payload().getAs<bank::Deposited>().getPadding().size();
      (void)(*record)->rejection();
    }).IgnoreError();
  };
  ASSERT_THAT(EnvelopeReader::Open(whole), test::IsOk());
  for (std::size_t words = 0; words < whole.size(); ++words) {
    read({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(words)});
  }
  for (std::size_t bit = 0; bit < whole.size() * 64; ++bit) {
    std::vector<Word> damaged = whole;
    damaged[bit / 64] ^= Word{1} << (bit % 64);
    read(damaged);
  }
}

}  // namespace
}  // namespace commander::internal
