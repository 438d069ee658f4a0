// The stored bytes, as FORMAT.md has them.
#include "engine/log/format.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/log/catalog.h"
#include "engine/log/segment_index.h"
#include "tests/log/log_fixture.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::filesystem::path kGolden = COMMANDER_SOURCE_DIR "/tests/log/golden";

class GoldenTest : public LogFixture {
 protected:
  // The log that the golden files hold: two segments, a topic of commands and one of
  // events, a schema.
  void Write() {
    zero_ahead_bytes_ = 0;
    segment_bytes_ = 300;
    clock_.TickBy(1);
    Open();
    ASSERT_THAT(log_->StoreSchema({0x0123456789abcdef, "bank.Deposit", "the nodes"}), IsOk());
    Append(1);
    Append(4);
    Commit(2);
    ASSERT_TRUE(log_->Step());
    Append(3);
    ASSERT_TRUE(log_->Step());
    Commit(3);
    ASSERT_TRUE(log_->Step());
    Close();
    files_.Delete("/data/log/LOCK");
  }
  static std::map<std::string, std::string> ReadGolden() {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kGolden)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      files["/data/log/" + entry.path().lexically_relative(kGolden).string()] =
          std::string(std::istreambuf_iterator<char>(in), {});
    }
    return files;
  }
};

// After a change of the format, which FORMAT.md describes first, run this test with
// COMMANDER_WRITE_GOLDEN=1 and look at the difference.
TEST_F(GoldenTest, TheBytesWrittenAreTheGoldenOnes) {
  Write();
  const auto written = files_.Snapshot("/data/log");
  if (std::getenv("COMMANDER_WRITE_GOLDEN") != nullptr) {
    for (const auto& [path, bytes] : written) {
      const std::filesystem::path golden =
          kGolden / std::filesystem::path(path).lexically_relative("/data/log");
      std::filesystem::create_directories(golden.parent_path());
      std::ofstream(golden, std::ios::binary) << bytes;
    }
  }
  EXPECT_EQ(written.size(), 7u);
  EXPECT_EQ(written, ReadGolden());
}

TEST_F(GoldenTest, TheGoldenBytesAreRead) {
  ASSERT_THAT(files_.MakeDirectory("/data/log"), IsOk());
  ASSERT_THAT(files_.MakeDirectory("/data/log/topics"), IsOk());
  ASSERT_THAT(files_.MakeDirectory("/data/log/schemas"), IsOk());
  files_.Restore("/data/log", ReadGolden());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto report, log::VerifyEmbeddedLog(ReaderOptions()));
  EXPECT_TRUE(report.findings.empty());
  EXPECT_EQ(report.segments, 2u);
  EXPECT_EQ(report.frames, 3u);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto reader, log::OpenEmbeddedLogReader(ReaderOptions()));
  ExpectCommands(*reader, 3);
  EXPECT_THAT(reader->End(kEvents), IsOkAndHolds(Offset{2}));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto schemas, reader->Schemas());
  ASSERT_EQ(schemas.size(), 1u);
  EXPECT_EQ(schemas[0].fingerprint, 0x0123456789abcdefu);
  EXPECT_EQ(schemas[0].name, "bank.Deposit");
  EXPECT_EQ(schemas[0].bytes, "the nodes");
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto topics, reader->Topics());
  ASSERT_EQ(topics.size(), 2u);
  EXPECT_EQ(topics[1].settings.kind, log::TopicKind::kEvents);
  EXPECT_EQ(topics[1].settings.name, "e");
}

TEST(FormatTest, NamesOfSegmentsAreTheirFirstSequence) {
  EXPECT_EQ(log::SegmentPath("d", 1), "d/00000000000000000001.log");
  EXPECT_EQ(log::SegmentPath("d", ~std::uint64_t{0}), "d/18446744073709551615.log");
  EXPECT_EQ(log::IndexPath("d", 42), "d/00000000000000000042.idx");
  EXPECT_EQ(log::SegmentNumber("00000000000000000042.log"), 42u);
  EXPECT_EQ(log::SegmentNumber("18446744073709551615.log"), ~std::uint64_t{0});
  for (const char* name : {"", "42.log", "00000000000000000042.idx", "0000000000000000004x.log",
                           "00000000000000000042.log.tmp", "000000000000000000042.log"}) {
    EXPECT_EQ(log::SegmentNumber(name), std::nullopt) << name;
  }
}

TEST(FormatTest, ACheckedHeaderMustFitItsPlace) {
  log::FrameHeader header;
  header.length = 64;
  header.sequence = 7;
  header.time_ns = 9;
  header.check = header.ComputeCheck(11);
  EXPECT_TRUE(log::PlausibleFrame(header, 11, 64));
  EXPECT_FALSE(log::PlausibleFrame(header, 11, 56)) << "longer than what is left";
  EXPECT_FALSE(log::PlausibleFrame(header, 12, 64)) << "another segment's salt";
  const auto with = [&](std::uint32_t length) {
    log::FrameHeader other = header;
    other.length = length;
    other.check = other.ComputeCheck(11);
    return log::PlausibleFrame(other, 11, ~std::uint64_t{0});
  };
  EXPECT_TRUE(with(32));
  EXPECT_FALSE(with(24)) << "shorter than a header";
  EXPECT_FALSE(with(36)) << "no multiple of 8";
  EXPECT_TRUE(with(log::kMaxFrameBytes));
  EXPECT_FALSE(with(log::kMaxFrameBytes + 8));
}

TEST(FormatTest, RunsMustAddUp) {
  const auto frame = [](const std::vector<log::RunHeader>& runs, std::size_t words_behind) {
    std::vector<log::Word> words(4);
    for (const log::RunHeader& run : runs) {
      std::array<log::Word, 3> header;
      std::memcpy(header.data(), &run, sizeof run);
      words.insert(words.end(), header.begin(), header.end());
      words.resize(words.size() + run.bytes / 8, 0);
    }
    words.resize(words.size() + words_behind, 0);
    return words;
  };
  const auto whole = frame({{1, 2, 3, 4, 16, 0}, {5, 6, 7, 8, 0, 0}}, 0);
  const auto runs = log::RunsOf(whole);
  ASSERT_TRUE(runs.has_value());
  ASSERT_EQ(runs->size(), 2u);
  EXPECT_EQ((*runs)[0].entries.size(), 2u);
  EXPECT_EQ((*runs)[1].header.first_offset, 8u);
  EXPECT_FALSE(log::RunsOf(frame({{1, 2, 3, 4, 16, 0}}, 2)).has_value()) << "half a header";
  auto cut = whole;
  cut.resize(4 + 3 + 1);
  EXPECT_FALSE(log::RunsOf(cut).has_value()) << "fewer bytes than the run says";
  EXPECT_FALSE(log::RunsOf(frame({{1, 2, 3, 4, 12, 0}}, 1)).has_value()) << "no multiple of 8";
}

TEST(FormatTest, TheChecksumOfPiecesIsThatOfTheWhole) {
  std::string bytes(100'000, 'x');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * i);
  log::Checksum pieces(77);
  for (std::size_t at = 0, n = 1; at < bytes.size(); at += n, n = n * 2 + 1) {
    n = std::min(n, bytes.size() - at);
    pieces.Add(bytes.data() + at, n);
  }
  EXPECT_EQ(pieces.Get(), log::ChecksumOf(bytes.data(), bytes.size(), 77));
  EXPECT_NE(pieces.Get(), log::ChecksumOf(bytes.data(), bytes.size(), 78));
}

// A state that lies where one with the same seed lay, and something else since, must not take over
// what is left of its secret.
TEST(FormatTest, AChecksumOwesNothingToTheMemoryItLiesIn) {
  const std::string bytes(5000, 'y');
  alignas(log::Checksum) std::byte memory[sizeof(log::Checksum)];
  auto* first = new (memory) log::Checksum(77);
  first->Add(bytes.data(), bytes.size());
  const std::uint64_t expected = first->Get();
  first->~Checksum();
  for (std::size_t at = 0; at + 8 <= sizeof memory; at += 8) {
    std::array<std::byte, sizeof memory> before;
    std::memcpy(before.data(), memory, sizeof memory);
    std::memset(memory + at, 0x5a, 8);
    auto* second = new (memory) log::Checksum(77);
    second->Add(bytes.data(), bytes.size());
    EXPECT_EQ(second->Get(), expected) << at;
    second->~Checksum();
    std::memcpy(memory, before.data(), sizeof memory);
  }
}

// ---------------------------------------------------------------- indexes

class IndexTest : public ::testing::Test {
 protected:
  void SetUp() override {
    segment_.first_sequence = 5;
    segment_.checksum = segment_.ComputeChecksum();
    log::IndexHead before;
    before.partitions[{1, 0}] = {0, 100};
    before.partitions[{1, 1}] = {0, 7};
    index_ = log::SegmentIndex(log::IndexHead::Following(before));
    Add(5, 200, {{1, 0, 3, 100, 0, 0}, {2, 0, 1, 0, 0, 0}});
    Add(6, 80, {{2, 0, 2, 1, 0, 0}});
    Add(7, 400, {{1, 0, 10, 103, 0, 0}});
  }
  void Add(std::uint64_t sequence, std::uint32_t length, std::vector<log::RunHeader> runs) {
    log::FrameHeader header;
    header.sequence = sequence;
    header.length = length;
    header.checksum = sequence * 1000;
    header.time_ns = static_cast<std::int64_t>(sequence) * 10;
    ASSERT_THAT(index_.AddFrame(header, runs), IsOk());
  }
  static void ExpectPlaces(const log::SegmentIndex& index) {
    EXPECT_EQ(index.FindFrame({1, 0}, 99), std::nullopt) << "in the segment before";
    EXPECT_EQ(index.FindFrame({1, 0}, 100), 64u);
    EXPECT_EQ(index.FindFrame({1, 0}, 102), 64u);
    EXPECT_EQ(index.FindFrame({1, 0}, 103), 64u + 200 + 80);
    EXPECT_EQ(index.FindFrame({1, 0}, 112), 64u + 200 + 80);
    EXPECT_EQ(index.FindFrame({1, 0}, 113), std::nullopt);
    EXPECT_EQ(index.FindFrame({2, 0}, 0), 64u);
    EXPECT_EQ(index.FindFrame({2, 0}, 1), 64u + 200);
    EXPECT_EQ(index.FindFrame({1, 1}, 6), std::nullopt);
    EXPECT_EQ(index.FindFrame({3, 0}, 0), std::nullopt);
    EXPECT_EQ(index.head().end, 64u + 200 + 80 + 400);
    EXPECT_EQ(index.head().last_sequence, 7u);
    EXPECT_EQ(index.head().last_checksum, 7000u);
    EXPECT_EQ(index.head().last_time_ns, 70);
    EXPECT_EQ(index.head().partitions.at({1, 1}).next, 7u);
  }
  static std::span<const std::byte> Bytes(const std::string& text) {
    return std::as_bytes(std::span(text));
  }

  log::SegmentHeader segment_;
  log::SegmentIndex index_;
};

TEST_F(IndexTest, FindsTheFrameOfEveryOffset) { ExpectPlaces(index_); }

TEST_F(IndexTest, IsReadAsItWasWritten) {
  const std::string bytes = index_.Encode(segment_);
  const auto read = log::SegmentIndex::Decode(Bytes(bytes), segment_);
  ASSERT_TRUE(read.has_value());
  ExpectPlaces(*read);
  EXPECT_EQ(read->Encode(segment_), bytes);
}

TEST_F(IndexTest, EveryFlippedBitAndEveryCutIsNoticed) {
  const std::string bytes = index_.Encode(segment_);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(log::SegmentIndex::Decode(Bytes(flipped), segment_).has_value()) << bit;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(log::SegmentIndex::Decode(Bytes(bytes.substr(0, size)), segment_).has_value());
  }
}

TEST_F(IndexTest, BelongsToOneSegment) {
  log::SegmentHeader other = segment_;
  other.rewrites = 1;
  other.checksum = other.ComputeChecksum();
  EXPECT_FALSE(log::SegmentIndex::Decode(Bytes(index_.Encode(segment_)), other).has_value());
  FaultyFileSystem files(1);
  files.SetContents("/data/x.idx", index_.Encode(segment_));
  const auto found = [&](const std::string& path, const log::SegmentHeader& segment) {
    const auto head = log::ReadIndexHead(files, path, segment);
    EXPECT_THAT(head, IsOk());
    return head.ok() && head->has_value();
  };
  EXPECT_TRUE(found("/data/x.idx", segment_));
  EXPECT_FALSE(found("/data/x.idx", other));
  EXPECT_FALSE(found("/data/y.idx", segment_)) << "there is no such file";
}

TEST_F(IndexTest, AHeadLargerThanTheFirstReadIsReadWhole) {
  for (std::uint16_t p = 0; p < 1000; ++p) {
    Add(8 + std::uint64_t{p}, 64, {{9, p, 1, 0, 0, 0}});
  }
  FaultyFileSystem files(1);
  files.SetContents("/data/x.idx", index_.Encode(segment_));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto head,
                                 log::ReadIndexHead(files, "/data/x.idx", segment_));
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->partitions.size(), 1003u);
}

TEST_F(IndexTest, AFrameThatLeavesAGapIsRefused) {
  log::FrameHeader header;
  header.sequence = 8;
  header.length = 64;
  const std::vector<log::RunHeader> gap = {{1, 0, 1, 114, 0, 0}};
  EXPECT_THAT(index_.AddFrame(header, gap),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("frame 8"), HasSubstr("114"), HasSubstr("113"))));
  ExpectPlaces(index_);
}

// ---------------------------------------------------------------- small files

TEST(CatalogTest, TopicsAndSchemasAreReadAsTheyWereWritten) {
  const log::TopicInfo topic = {513, {"orders_v2.eu-commands", log::TopicKind::kCommands, 300}};
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto read,
                                 log::DecodeTopic(log::EncodeTopic(topic), "p/513", "513"));
  EXPECT_EQ(read.number, 513);
  EXPECT_EQ(read.settings.name, topic.settings.name);
  EXPECT_EQ(read.settings.kind, log::TopicKind::kCommands);
  EXPECT_EQ(read.settings.partitions, 300);
  EXPECT_THAT(log::DecodeTopic(log::EncodeTopic(topic), "p/514", "514"),
              StatusIs(absl::StatusCode::kDataLoss, AllOf(HasSubstr("p/514"), HasSubstr("513"))));

  const log::Schema schema = {0xfeed, "a::B", std::string(1000, '\0')};
  const std::string name = log::SchemaFileName(schema.fingerprint);
  EXPECT_EQ(name, "000000000000feed");
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto same,
                                 log::DecodeSchema(log::EncodeSchema(schema), "p", name));
  EXPECT_EQ(same.name, schema.name);
  EXPECT_EQ(same.bytes, schema.bytes);
}

TEST(CatalogTest, EveryFlippedBitAndEveryCutOfASmallFileIsNoticed) {
  const std::string topic = log::EncodeTopic({3, {"events", log::TopicKind::kEvents, 8}});
  const std::string schema = log::EncodeSchema({7, "bank.Deposit", "some nodes"});
  const std::string name = log::SchemaFileName(7);
  const auto expect_noticed = [&](const std::string& bytes) {
    EXPECT_FALSE(log::DecodeTopic(bytes, "p", "3").ok());
    EXPECT_FALSE(log::DecodeSchema(bytes, "p", name).ok());
  };
  for (const std::string& whole : {topic, schema}) {
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
      std::string flipped = whole;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      expect_noticed(flipped);
    }
    for (std::size_t size = 0; size < whole.size(); ++size) expect_noticed(whole.substr(0, size));
  }
}

TEST(CatalogTest, NamesOfTopicsAreThoseOfKafka) {
  const auto check = [](const std::string& name) {
    return log::CheckTopicSettings({name, log::TopicKind::kEvents, 1});
  };
  EXPECT_THAT(check("A-z_0.9"), IsOk());
  EXPECT_THAT(check(std::string(249, 'x')), IsOk());
  for (const std::string& name :
       {std::string(), std::string(250, 'x'), std::string("a/b"), std::string("a b"),
        std::string("\xc3\xa4"), std::string("a\0b", 3)}) {
    EXPECT_THAT(check(name), StatusIs(absl::StatusCode::kInvalidArgument)) << name;
  }
}

}  // namespace
}  // namespace commander::test
