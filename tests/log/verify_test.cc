#include "engine/log/verify.h"

#include "tests/log/log_fixture.h"

namespace commander::test {
namespace {

using log::FindingKind;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <typename Text>
auto Finding(FindingKind kind, const std::string& path, std::uint64_t at, Text what) {
  return AllOf(Field(&log::Finding::kind, kind), Field(&log::Finding::path, path),
               Field(&log::Finding::at, at), Field(&log::Finding::what, what));
}

class VerifyTest : public LogFixture {
 protected:
  void SetUp() override {
    Open();
    ASSERT_THAT(log_->StoreSchema({7, "bank.Deposit", "nodes"}), IsOk());
    Fill(4, 4);
    Close();
    segments_ = Segments();
    for (const std::string& path : segments_) places_.push_back(FramePlaces(path));
  }
  log::VerifyReport Verify() {
    const auto before = files_.Snapshot("/data/log");
    auto report = log::VerifyEmbeddedLog(ReaderOptions());
    EXPECT_THAT(report, IsOk());
    EXPECT_EQ(files_.Snapshot("/data/log"), before);
    return report.ok() ? *std::move(report) : log::VerifyReport();
  }

  std::vector<std::string> segments_;
  std::vector<std::vector<std::uint64_t>> places_;
};

TEST_F(VerifyTest, AWholeLogHasNoFindingsAndIsCounted) {
  const auto report = Verify();
  EXPECT_TRUE(report.ok());
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.segments, 4u);
  EXPECT_EQ(report.frames, appended_);
  EXPECT_EQ(report.records, appended_);
  EXPECT_EQ(report.topics, 2u);
  EXPECT_EQ(report.schemas, 1u);
  std::uint64_t bytes = 0;
  for (const auto& places : places_) bytes += places.back() - places.front();
  EXPECT_EQ(report.bytes, bytes);
}

TEST_F(VerifyTest, ThereMustBeALog) {
  EXPECT_THAT(log::VerifyEmbeddedLog({"/data/nothing", 0, &files_}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/data/nothing")));
}

TEST_F(VerifyTest, NamesEveryDamageAndGoesOnBehindIt) {
  FlipByte(segments_[0], places_[0][1] + 40);
  FlipByte(segments_[2], places_[2][0]);
  FlipByte(segments_[2], places_[2][3] + 8);
  FlipByte(segments_[3], places_[3][1] + 20);
  FlipByte("/data/log/topics/2", 3);
  FlipByte("/data/log/schemas/0000000000000007", 50);
  const auto report = Verify();
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(
      report.findings,
      ElementsAre(
          Finding(FindingKind::kDamaged, segments_[0], places_[0][1], HasSubstr("frames 2 to 2")),
          Finding(FindingKind::kDamaged, segments_[2], places_[2][0],
                  HasSubstr("byte " + std::to_string(places_[2][1]))),
          Finding(FindingKind::kDamaged, segments_[2], places_[2][3], HasSubstr("damaged")),
          Finding(FindingKind::kDamaged, segments_[3], places_[3][1], HasSubstr("damaged")),
          Finding(FindingKind::kDamaged, "/data/log/topics/2", 0, HasSubstr("damaged")),
          Finding(FindingKind::kDamaged, "/data/log/schemas/0000000000000007", 0,
                  HasSubstr("damaged"))));
  EXPECT_EQ(report.frames, appended_ - 4);
}

TEST_F(VerifyTest, ATornTailIsNotDamage) {
  std::string bytes = files_.Contents(segments_[3]);
  bytes.replace(places_[3].back(), 5, "torn!");
  files_.SetContents(segments_[3], bytes);
  const auto report = Verify();
  EXPECT_TRUE(report.ok());
  EXPECT_THAT(report.findings, ElementsAre(Finding(FindingKind::kTornTail, segments_[3],
                                                   places_[3].back(), HasSubstr("5 bytes"))));
}

TEST_F(VerifyTest, MissingCountsLikeDamaged) {
  const std::string second = files_.Contents(segments_[1]);
  files_.Delete(segments_[1]);
  auto report = Verify();
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(report.findings,
              ElementsAre(Finding(FindingKind::kMissing, segments_[1], 0, HasSubstr("missing"))));
  files_.SetContents(segments_[1], second);

  const std::string first = files_.Contents(segments_[0]);
  files_.Delete(segments_[0]);
  report = Verify();
  EXPECT_THAT(report.findings,
              ElementsAre(Finding(FindingKind::kMissing, segments_[0], 0, HasSubstr("frames 1"))));
  files_.SetContents(segments_[0], first);

  files_.Delete(segments_[3]);
  report = Verify();
  EXPECT_THAT(report.findings, ElementsAre(Finding(FindingKind::kMissing, segments_[3], 0,
                                                   HasSubstr("acknowledged frames"))));
  files_.Restore("/data/log", {});
  files_.SetContents("/data/log/durable", "");
  EXPECT_THAT(log::VerifyEmbeddedLog(ReaderOptions()), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(VerifyTest, AMissingTopicIsNamed) {
  files_.Delete("/data/log/topics/1");
  EXPECT_THAT(Verify().findings, ElementsAre(Finding(FindingKind::kMissing, "/data/log/topics/1", 0,
                                                     HasSubstr("topic 1"))));
}

TEST_F(VerifyTest, ACutLogIsNamedWithItsPlace) {
  // Seven bytes off the last frame, and off a sealed one.
  files_.SetContents(segments_[3], files_.Contents(segments_[3]).substr(0, places_[3].back() - 7));
  files_.SetContents(segments_[1], files_.Contents(segments_[1]).substr(0, places_[1].back() - 7));
  const std::uint64_t in_second = places_[1][places_[1].size() - 2];
  const std::uint64_t in_last = places_[3][places_[3].size() - 2];
  const auto report = Verify();
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(
      report.findings,
      ElementsAre(Finding(FindingKind::kDamaged, segments_[1], in_second, HasSubstr("cut off")),
                  Finding(FindingKind::kTornTail, segments_[3], in_last, HasSubstr("torn tail")),
                  Finding(FindingKind::kMissing, log::SegmentPath("/data/log", appended_), 0,
                          HasSubstr("acknowledged frames are missing"))));
}

TEST_F(VerifyTest, ADamagedHeaderHidesItsSegmentOnly) {
  FlipByte(segments_[1], 50);
  FlipByte(segments_[2], places_[2][1] + 40);
  const auto report = Verify();
  EXPECT_THAT(report.findings,
              ElementsAre(Finding(FindingKind::kDamaged, segments_[1], 0, HasSubstr("header")),
                          Finding(FindingKind::kDamaged, segments_[2], places_[2][1],
                                  HasSubstr("damaged"))));
}

TEST_F(VerifyTest, ASegmentOfAnotherLogAndABrokenChainAreNamed) {
  ChangeHeader(segments_[1], [](auto* header) { header->log[0] ^= 1; });
  ChangeHeader(segments_[2], [](auto* header) { header->previous_checksum ^= 1; });
  const auto findings = Verify().findings;
  ASSERT_GE(findings.size(), 2u);
  EXPECT_THAT(findings, ::testing::Contains(Finding(FindingKind::kDamaged, segments_[1], 16,
                                                    HasSubstr("belongs to log"))));
  EXPECT_THAT(findings, ::testing::Contains(Finding(FindingKind::kDamaged, segments_[2], 40,
                                                    HasSubstr("does not follow"))));
}

TEST_F(VerifyTest, AnIndexThatDiffersAndAMarkThatSaysNothingAreNamed) {
  const std::string index = "/data/log/00000000000000000001.idx";
  FlipByte(index, 30);
  FlipByte("/data/log/durable", 2);
  const auto report = Verify();
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(
      report.findings,
      ElementsAre(Finding(FindingKind::kDamaged, index, 30, HasSubstr("delete the index")),
                  Finding(FindingKind::kUnusable, "/data/log/durable", 0, HasSubstr("not valid"))));
  files_.Delete(index);
  EXPECT_TRUE(Verify().ok()) << "a missing index is made again";
}

TEST_F(VerifyTest, AByteThatCannotBeReadIsAFinding) {
  files_.BreakByte(segments_[1], places_[1][1]);
  const auto report = Verify();
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(report.findings,
              ElementsAre(AllOf(Field(&log::Finding::path, segments_[1]),
                                Field(&log::Finding::what, HasSubstr("Input/output error")))));
  EXPECT_GT(report.frames, appended_ / 2) << "the segments behind were read";
}

TEST_F(VerifyTest, AWriterAtWorkIsNotDamage) {
  Open();
  int reports = 0;
  files_.SetHook([&] {
    const auto report = log::VerifyEmbeddedLog(ReaderOptions());
    ASSERT_THAT(report, IsOk());
    EXPECT_TRUE(report->ok());
    ++reports;
  });
  for (int i = 0; i < 20; ++i) {
    Append();
    ASSERT_TRUE(log_->Step());
  }
  files_.SetHook(nullptr);
  EXPECT_GT(reports, 40);
}

}  // namespace
}  // namespace commander::test
