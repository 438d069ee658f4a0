// The log as other processes see it.
#include "tests/log/log_fixture.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

class ReaderTest : public LogFixture {
 protected:
  std::unique_ptr<log::EmbeddedLogReader> OpenReader() {
    auto reader = log::OpenEmbeddedLogReader(ReaderOptions());
    EXPECT_THAT(reader, IsOk());
    return reader.ok() ? *std::move(reader) : nullptr;
  }
  absl::Status TryReader() { return log::OpenEmbeddedLogReader(ReaderOptions()).status(); }
  std::uint64_t End(log::LogReader& reader) {
    const auto end = reader.End(kCommands);
    EXPECT_THAT(end, IsOk());
    return end.ok() ? end->value : 0;
  }
};

TEST_F(ReaderTest, ThereMustBeALog) {
  EXPECT_THAT(TryReader(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("/data/log")));
  ASSERT_THAT(files_.MakeDirectory("/data/log"), IsOk());
  EXPECT_THAT(TryReader(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("/data/log")));
  EXPECT_FALSE(files_.Exists("/data/log/LOCK"));
}

TEST_F(ReaderTest, SeesWhatTheWriterSees) {
  Open();
  Fill(3);
  Commit(appended_);
  ASSERT_THAT(log_->StoreSchema({7, "bank.Deposit", "nodes"}), IsOk());
  log_->Step();
  const auto reader = OpenReader();
  EXPECT_EQ(reader->id(), log_->id());
  ExpectCommands(*reader, appended_);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto topics, reader->Topics());
  ASSERT_EQ(topics.size(), 2u);
  EXPECT_EQ(topics[0].settings.name, "c");
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto schemas, reader->Schemas());
  ASSERT_EQ(schemas.size(), 1u);
  EXPECT_EQ(schemas[0].bytes, "nodes");
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto event, reader->Read(kEvents, {0}));
  EXPECT_EQ(event.message[0], Message(1'000'000 + appended_)[0]);
  EXPECT_THAT(reader->Read(kEvents, {1}), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(reader->Begin(kCommands), IsOkAndHolds(Offset{0}));
  EXPECT_THAT(reader->End({3, 0}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(reader->End({1, 1}), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(ReaderTest, FollowsTheWriterThroughNewSegmentsAndTopics) {
  Open();
  const auto reader = OpenReader();
  for (int i = 0; i < 60; ++i) {
    Append(1 + static_cast<std::size_t>(i) % 9);
    EXPECT_EQ(End(*reader), appended_ - 1) << "seen before it was durable";
    ASSERT_TRUE(log_->Step());
    EXPECT_EQ(End(*reader), appended_);
  }
  EXPECT_GT(Segments().size(), 4u);
  ExpectCommands(*reader, appended_);
  ASSERT_THAT(log_->OpenTopic({"late", log::TopicKind::kCommands, 1}), IsOkAndHolds(3));
  EXPECT_THAT(reader->End({3, 0}), IsOkAndHolds(Offset{0}));
  Kill();
  ExpectCommands(*OpenReader(), appended_);
}

TEST_F(ReaderTest, NeverReadsAFrameThatIsNotSynced) {
  Open();
  Append();
  ASSERT_TRUE(log_->Step());
  const auto reader = OpenReader();
  Append();
  files_.FailNextSync();
  log_->Step();
  ASSERT_FALSE(log_->health().ok());
  // The bytes are all there, but nobody may believe them.
  EXPECT_EQ(FramePlaces(Segments()[0]).size(), 3u);
  EXPECT_EQ(End(*reader), 1u);
  EXPECT_EQ(End(*OpenReader()), 1u);
}

TEST_F(ReaderTest, WithoutAMarkItReadsToTheLastValidFrame) {
  Open();
  Fill(2, 3);
  Close();
  // Missing, empty, not valid.
  files_.Delete("/data/log/durable");
  ExpectCommands(*OpenReader(), appended_);
  files_.SetContents("/data/log/durable", "");
  ExpectCommands(*OpenReader(), appended_);
  files_.SetContents("/data/log/durable", "no mark, 16 byte");
  ExpectCommands(*OpenReader(), appended_);
  // A torn tail is the end, damage in the middle is not.
  const std::string path = Segments().back();
  const auto places = FramePlaces(path);
  FlipByte(path, places[places.size() - 2] + 45);
  ExpectCommands(*OpenReader(), appended_ - 1);
  FlipByte(path, places[0] + 45);
  FlipByte(path, places[places.size() - 2] + 45);
  EXPECT_THAT(TryReader(), StatusIs(kDataLoss, AllOf(HasSubstr(path + " is damaged"),
                                                     HasSubstr(std::to_string(places[0])))));
}

TEST_F(ReaderTest, FramesThatTheMarkPromisesMustBeThere) {
  Open();
  Fill(2, 3);
  Close();
  const std::string path = Segments().back();
  const auto places = FramePlaces(path);
  FlipByte(path, places[places.size() - 2] + 45);
  EXPECT_THAT(TryReader(), StatusIs(kDataLoss, HasSubstr("acknowledged frames are missing")));
  FlipByte(path, places[places.size() - 2] + 45);
  FlipByte(path, places[0] + 45);
  EXPECT_THAT(TryReader(), StatusIs(kDataLoss, AllOf(HasSubstr(path + " is damaged at byte 64"),
                                                     HasSubstr(std::to_string(places[1])))));
}

TEST_F(ReaderTest, ChangesNothingAndNeedsNoPermissionToWrite) {
  Open();
  Fill(3);
  Kill();  // a torn tail and unfinished files may be there
  files_.SetContents("/data/log/00000000000000000099.log.tmp", "unfinished");
  files_.Delete("/data/log/00000000000000000001.idx");
  const auto before = files_.Snapshot("/data/log");
  const std::uint64_t effects = files_.effects();
  files_.SetReadOnly(true);
  ExpectCommands(*OpenReader(), appended_);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto report, log::VerifyEmbeddedLog(ReaderOptions()));
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(files_.Snapshot("/data/log"), before);
  EXPECT_EQ(files_.effects(), effects);
}

TEST_F(ReaderTest, ReadsBesideAWriterThatKeepsItsLock) {
  Open();
  Append();
  log_->Step();
  const auto reader = OpenReader();
  EXPECT_EQ(End(*reader), 1u);
  Append();
  ASSERT_TRUE(log_->Step());
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("1000")));
}

TEST_F(ReaderTest, WaitingEndsWhenThereIsMore) {
  Open();
  Append();
  ASSERT_TRUE(log_->Step());
  const auto reader = OpenReader();
  int pauses = 0;
  files_.SetPauseHook([&] {
    if (++pauses == 3) {
      Append();
      log_->Step();
    }
  });
  EXPECT_THAT(reader->WaitForMore(absl::Seconds(10)), IsOkAndHolds(true));
  EXPECT_EQ(pauses, 3);
  EXPECT_EQ(End(*reader), 2u);
}

TEST_F(ReaderTest, WaitingEndsAtItsTimeout) {
  Open();
  const auto reader = OpenReader();
  int pauses = 0;
  files_.SetPauseHook([&] { ++pauses; });
  EXPECT_THAT(reader->WaitForMore(absl::ZeroDuration()), IsOkAndHolds(false));
  EXPECT_EQ(pauses, 0);
  EXPECT_THAT(reader->WaitForMore(absl::Milliseconds(100)), IsOkAndHolds(false));
  EXPECT_EQ(pauses, 5);
  // What came before the call counts, once.
  Append();
  log_->Step();
  EXPECT_THAT(reader->WaitForMore(absl::ZeroDuration()), IsOkAndHolds(true));
  EXPECT_THAT(reader->WaitForMore(absl::ZeroDuration()), IsOkAndHolds(false));
}

TEST_F(ReaderTest, DamageInASealedSegmentIsNamedWithItsPlace) {
  Open();
  Fill(3);
  Close();
  const auto places = FramePlaces(Segments()[0]);
  FlipByte(Segments()[0], places[2] + 50);
  const auto reader = OpenReader();
  std::vector<log::Record> records;
  EXPECT_THAT(reader->Poll(kCommands, {1}, 0, &records), IsOk());
  EXPECT_THAT(reader->Poll(kCommands, {2}, 0, &records),
              StatusIs(kDataLoss, AllOf(HasSubstr(Segments()[0]),
                                        HasSubstr("byte " + std::to_string(places[2])))));
}

}  // namespace
}  // namespace commander::test
