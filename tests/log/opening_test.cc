#include "engine/log/opening.h"

#include "tests/log/log_fixture.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;
constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

class OpeningTest : public LogFixture {
 protected:
  // A closed log of three segments, the last with three frames.
  void Prepare() {
    Open();
    Fill(3, 3);
    Close();
    segments_ = Segments();
  }
  // Refused with a message that matches, and nothing of it changed.
  template <typename Matcher>
  void ExpectRefused(absl::StatusCode code, Matcher message) {
    const auto before = Precious();
    EXPECT_THAT(TryOpen(), StatusIs(code, message));
    EXPECT_EQ(Precious(), before) << "a refused opening changed the log";
    // The lock was given back.
    EXPECT_THAT(TryOpen(), StatusIs(code, message));
  }

  std::vector<std::string> segments_;
};

TEST_F(OpeningTest, MakesALogWhereThereIsNone) {
  EXPECT_THAT(TryOpen(), IsOk());
  EXPECT_THAT(said_, IsEmpty());
  EXPECT_THAT(Segments(), ElementsAre("/data/log/00000000000000000001.log"));
  EXPECT_TRUE(files_.Exists("/data/log/topics"));
  EXPECT_TRUE(files_.Exists("/data/log/schemas"));
  EXPECT_EQ(files_.Contents("/data/log/LOCK"), "1000\n");
  EXPECT_EQ(files_.Contents("/data/log/durable").size(), 16u);
}

TEST_F(OpeningTest, ANewLogIsOnTheDeviceWhenItIsOpen) {
  Open();
  const log::LogId id = log_->id();
  files_.Restart(Loss::kPower);
  log_.reset();
  Open();
  EXPECT_EQ(log_->id(), id);
}

TEST_F(OpeningTest, ReopensWithoutAWord) {
  Prepare();
  Open();
  EXPECT_THAT(said_, IsEmpty());
  ExpectCommands(*log_, appended_);
  Append();
  log_->Step();
  ExpectCommands(*log_, appended_);
}

TEST_F(OpeningTest, SegmentsOfAnotherSizeMayFollow) {
  Prepare();
  segment_bytes_ = 100'000;
  Open();
  const std::size_t before = Segments().size();
  for (int i = 0; i < 30; ++i) {
    Append();
    log_->Step();
  }
  EXPECT_EQ(Segments().size(), before);
  Close();
  segment_bytes_ = 1;
  Open();
  Append();
  log_->Step();
  Append();
  log_->Step();
  EXPECT_EQ(Segments().size(), before + 2);
  ExpectCommands(*log_, appended_);
}

TEST_F(OpeningTest, OptionsThatCannotBeAreRefused) {
  const auto refuses = [&](auto change) {
    log::EmbeddedLogOptions options = Options();
    change(&options);
    return log::OpenEmbeddedLog(options).status().code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refuses([](auto* o) { o->directory.clear(); }));
  EXPECT_TRUE(refuses([](auto* o) { o->clock = nullptr; }));
  EXPECT_TRUE(refuses([](auto* o) { o->random = nullptr; }));
  EXPECT_TRUE(refuses([](auto* o) { o->files = nullptr; }));
  EXPECT_TRUE(refuses([](auto* o) { o->segment_bytes = 0; }));
  EXPECT_TRUE(refuses([](auto* o) { o->segment_bytes = std::uint64_t{1} << 40; }));
  EXPECT_TRUE(refuses([](auto* o) { o->max_record_bytes = 0; }));
  EXPECT_TRUE(refuses([](auto* o) { o->max_record_bytes = 64 << 20; }));
  EXPECT_FALSE(refuses([](auto* o) { o->directory += "//"; }));
}

// ---------------------------------------------------------------- where it lies

TEST_F(OpeningTest, ASecondOpeningNamesTheProcessThatHasIt) {
  Open();
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kUnavailable,
                                  AllOf(HasSubstr("/data/log"), HasSubstr("this process (1000)"))));
  files_.SetProcessId(2000);
  for (int i = 0; i < 2; ++i) {  // also after an attempt that failed
    EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kUnavailable,
                                    AllOf(HasSubstr("/data/log"), HasSubstr("process 1000"))));
  }
}

TEST_F(OpeningTest, ANetworkFileSystemIsRefused) {
  files_.SetKind(log::FileSystemKind::kNetwork);
  EXPECT_THAT(TryOpen(),
              StatusIs(kFailedPrecondition, AllOf(HasSubstr("/data/log"), HasSubstr("NFS"))));
  EXPECT_THAT(Segments(), IsEmpty());
}

TEST_F(OpeningTest, ADirectoryThatCannotBeWrittenHasASentenceOfItsOwn) {
  Prepare();
  files_.SetReadOnly(true);
  ExpectRefused(absl::StatusCode::kPermissionDenied,
                AllOf(HasSubstr("/data/log"), HasSubstr("Read-only file system"),
                      HasSubstr("right to write")));
}

TEST_F(OpeningTest, TheDirectoryAboveMustBeThere) {
  log::EmbeddedLogOptions options = Options();
  options.directory = "/data/nowhere/log";
  EXPECT_THAT(log::OpenEmbeddedLog(options),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/data/nowhere/log")));
}

TEST_F(OpeningTest, ZerosAreNotWrittenAheadWhereBlocksAreNeverOverwritten) {
  files_.SetKind(log::FileSystemKind::kCopyOnWrite);
  Open();
  Append();
  log_->Step();
  EXPECT_EQ(files_.Contents(Segments()[0]).size(), FramePlaces(Segments()[0]).back());
}

TEST_F(OpeningTest, ZerosAreWrittenAheadOfSmallFrames) {
  segment_bytes_ = 10'000;
  Open();
  Append();
  log_->Step();
  const std::size_t size = files_.Contents(Segments()[0]).size();
  EXPECT_EQ(size, FramePlaces(Segments()[0]).back() + zero_ahead_bytes_);
  Append();
  log_->Step();
  EXPECT_EQ(files_.Contents(Segments()[0]).size(), size) << "the second frame overwrites zeros";
}

TEST_F(OpeningTest, AFullDeviceDoesNotKeepALogClosed) {
  Prepare();
  files_.SetFreeSectors(0);
  EXPECT_THAT(TryOpen(), IsOk());
  ExpectCommands(*log_, appended_);
}

TEST_F(OpeningTest, ANewLogNeedsSpace) {
  files_.SetFreeSectors(0);
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("/data/log")));
  files_.SetFreeSectors(std::nullopt);
  EXPECT_THAT(TryOpen(), IsOk());
}

// ---------------------------------------------------------------- torn tails and damage

TEST_F(OpeningTest, ATornTailIsReportedCutAndForgotten) {
  Prepare();
  const std::string path = segments_.back();
  const std::uint64_t end = FramePlaces(path).back();
  std::string bytes = files_.Contents(path);
  bytes.replace(end, 11, "half a fram");
  files_.SetContents(path, bytes);
  ASSERT_THAT(TryOpen(), IsOk());
  EXPECT_THAT(said_, ElementsAre(AllOf(HasSubstr("torn tail of 11 bytes"), HasSubstr(path),
                                       HasSubstr("byte " + std::to_string(end)))));
  EXPECT_EQ(files_.Contents(path).size(), end);
  ExpectCommands(*log_, appended_);
  Append();
  log_->Step();
  Close();
  ASSERT_THAT(TryOpen(), IsOk());
  EXPECT_THAT(said_, IsEmpty());
  ExpectCommands(*log_, appended_);
}

TEST_F(OpeningTest, DamageInTheMiddleOfTheActiveSegmentIsNotATornTail) {
  Prepare();
  const std::string path = segments_.back();
  const auto places = FramePlaces(path);
  // With and without the file that says how far the log was synced.
  for (const bool mark : {true, false}) {
    if (!mark) files_.Delete("/data/log/durable");
    for (std::size_t i = 0; i + 2 < places.size(); ++i) {
      for (std::uint64_t at = places[i]; at < places[i + 1]; at += 5) {
        FlipByte(path, at);
        ExpectRefused(
            kDataLoss,
            AllOf(HasSubstr(path + " is damaged"), HasSubstr("byte " + std::to_string(places[i])),
                  HasSubstr("byte " + std::to_string(places[i + 1])), HasSubstr("backup")));
        FlipByte(path, at);
      }
    }
  }
  EXPECT_THAT(TryOpen(), IsOk());
}

TEST_F(OpeningTest, ALastFrameThatWasAcknowledgedIsMissed) {
  Prepare();
  const std::string path = segments_.back();
  const auto places = FramePlaces(path);
  const std::string whole = files_.Contents(path);
  FlipByte(path, places[places.size() - 2] + 40);
  const std::string last = std::to_string(appended_);
  ExpectRefused(kDataLoss, AllOf(HasSubstr("acknowledged frames are missing"),
                                 HasSubstr("frame " + last), HasSubstr("/data/log/durable")));
  // Deleting the mark accepts the loss.
  files_.Delete("/data/log/durable");
  ASSERT_THAT(TryOpen(), IsOk());
  EXPECT_THAT(said_, Contains(HasSubstr("torn tail")));
  ExpectCommands(*log_, appended_ - 1);
}

TEST_F(OpeningTest, ACleanCloseLeavesAMarkThatAPowerLossKeeps) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    FaultyFileSystem files(seed);
    log::EmbeddedLogOptions options = Options();
    options.files = &files;
    {
      auto log = log::OpenEmbeddedLog(options);
      ASSERT_THAT(log, IsOk());
      ASSERT_THAT((*log)->OpenTopic({"c", log::TopicKind::kCommands, 1}), IsOk());
      for (int i = 0; i < 4; ++i) {
        ASSERT_THAT((*log)->Append(kCommands, Message(1), nullptr, true), IsOk());
        ASSERT_TRUE((*log)->Step());
      }
      ASSERT_THAT((*log)->Close(), IsOk());
    }
    files.Restart(Loss::kPower);
    // All frames are gone, as if the segment had just been made.
    const std::string path = "/data/log/00000000000000000001.log";
    files.SetContents(path, files.Contents(path).substr(0, sizeof(log::SegmentHeader)));
    EXPECT_THAT(log::OpenEmbeddedLog(options),
                StatusIs(kDataLoss, HasSubstr("acknowledged frames are missing")))
        << "seed " << seed;
  }
}

TEST_F(OpeningTest, AnInputErrorIsAnErrorWithItsPlaceAndNeverAnEnd) {
  Prepare();
  const std::string path = segments_.back();
  const std::uint64_t at = FramePlaces(path)[1] + 20;
  files_.Delete("/data/log/durable");
  files_.BreakByte(path, at);
  ExpectRefused(kDataLoss, AllOf(HasSubstr(path), HasSubstr("byte " + std::to_string(at)),
                                 HasSubstr("Input/output error")));
}

TEST_F(OpeningTest, DamageInASealedSegmentIsFoundByWhoReadsIt) {
  Prepare();
  const std::uint64_t place = FramePlaces(segments_[0])[1];
  FlipByte(segments_[0], place + 50);
  ASSERT_THAT(TryOpen(), IsOk());
  std::vector<log::Record> records;
  EXPECT_THAT(log_->Poll(kCommands, {0}, 0, &records), IsOk());
  EXPECT_THAT(log_->Poll(kCommands, {1}, 0, &records),
              StatusIs(kDataLoss,
                       AllOf(HasSubstr(segments_[0]), HasSubstr("byte " + std::to_string(place)))));
  EXPECT_THAT(log_->Read(kCommands, {1}), StatusIs(kDataLoss));
}

TEST_F(OpeningTest, ASealedSegmentThatWasCutIsRefused) {
  Prepare();
  const std::uint64_t end = FramePlaces(segments_[1]).back();
  files_.SetContents(segments_[1], files_.Contents(segments_[1]).substr(0, end - 1));
  ExpectRefused(kDataLoss,
                AllOf(HasSubstr(segments_[1] + " was cut"), HasSubstr(std::to_string(end))));
}

// ---------------------------------------------------------------- the chain

TEST_F(OpeningTest, AMissingSegmentIsNamed) {
  Prepare();
  const std::string middle = files_.Contents(segments_[1]);
  files_.Delete(segments_[1]);
  ExpectRefused(kDataLoss, AllOf(HasSubstr("a segment is missing"), HasSubstr(segments_[1])));
  files_.SetContents(segments_[1], middle);

  const std::string first = files_.Contents(segments_[0]);
  files_.Delete(segments_[0]);
  ExpectRefused(kDataLoss, AllOf(HasSubstr("a segment is missing"), HasSubstr(segments_[0])));
  files_.SetContents(segments_[0], first);

  const std::string last = files_.Contents(segments_[2]);
  files_.Delete(segments_[2]);
  ExpectRefused(kDataLoss, HasSubstr("acknowledged frames are missing"));
  files_.SetContents(segments_[2], last);

  for (const std::string& path : segments_) files_.Delete(path);
  ExpectRefused(kDataLoss, AllOf(HasSubstr("all segments"), HasSubstr(segments_[0])));
}

TEST_F(OpeningTest, AMissingSegmentIsNamedWithoutIndexes) {
  Prepare();
  files_.Delete(segments_[1]);
  for (const auto& [path, bytes] : files_.Snapshot("/data/log")) {
    if (path.ends_with(".idx")) files_.Delete(path);
  }
  ExpectRefused(kDataLoss, HasSubstr(segments_[1]));
}

TEST_F(OpeningTest, ASegmentOfAnotherLogIsRefused) {
  Prepare();
  ChangeHeader(segments_[1], [](auto* header) { header->log[3] ^= 1; });
  ExpectRefused(kFailedPrecondition,
                AllOf(HasSubstr(segments_[1] + " belongs to log"), HasSubstr("backup")));
}

TEST_F(OpeningTest, AnUnknownFormatIsRefused) {
  Prepare();
  for (const std::string& path : segments_) {
    ChangeHeader(path, [](auto* header) { header->format = 2; });
    ExpectRefused(kFailedPrecondition,
                  AllOf(HasSubstr(path + " has format 2"), HasSubstr("format 1")));
    ChangeHeader(path, [](auto* header) { header->format = 1; });
  }
  EXPECT_THAT(TryOpen(), IsOk());
}

TEST_F(OpeningTest, ASegmentThatFollowedAnotherFrameIsRefused) {
  Prepare();
  ChangeHeader(segments_[2], [](auto* header) { header->previous_checksum ^= 1; });
  ExpectRefused(kDataLoss, HasSubstr(segments_[2] + " does not follow the segment before"));
}

TEST_F(OpeningTest, ASegmentUnderAnotherNameIsRefused) {
  Prepare();
  ChangeHeader(segments_[2], [](auto* header) { header->first_sequence += 1; });
  ExpectRefused(kDataLoss, HasSubstr("not with the one that it is named after"));
}

TEST_F(OpeningTest, ADamagedHeaderIsRefused) {
  Prepare();
  for (const std::string& path : segments_) {
    FlipByte(path, 50);
    ExpectRefused(kDataLoss, AllOf(HasSubstr(path), HasSubstr("header")));
    FlipByte(path, 50);
  }
}

// ---------------------------------------------------------------- derived and small files

TEST_F(OpeningTest, AnIndexThatIsMissingOrDamagedIsMadeAgain) {
  Prepare();
  const std::string path = "/data/log/00000000000000000001.idx";
  const std::string index = files_.Contents(path);
  const auto expect_made_again = [&] {
    ASSERT_THAT(TryOpen(), IsOk());
    EXPECT_THAT(said_, Contains(HasSubstr("made the index " + path + " again")));
    EXPECT_EQ(files_.Contents(path), index);
    ExpectCommands(*log_, appended_);
    Close();
  };
  files_.Delete(path);
  expect_made_again();
  FlipByte(path, 30);
  expect_made_again();
  files_.SetContents(path, "");
  expect_made_again();
  files_.SetContents(path, files_.Contents(Segments()[1].substr(0, 30) + ".idx"));
  expect_made_again();
}

TEST_F(OpeningTest, PlacesInAnIndexThatAreDamagedAreReadFromTheSegment) {
  Prepare();
  const std::string path = "/data/log/00000000000000000001.idx";
  FlipByte(path, files_.Contents(path).size() - 12);
  ASSERT_THAT(TryOpen(), IsOk());
  ExpectCommands(*log_, appended_);
}

TEST_F(OpeningTest, AMissingTopicIsNamed) {
  Prepare();
  files_.Delete("/data/log/topics/1");
  ExpectRefused(kDataLoss, AllOf(HasSubstr("topic 1"), HasSubstr("/data/log/topics/1")));
}

TEST_F(OpeningTest, ADamagedTopicOrSchemaIsNamed) {
  Open();
  ASSERT_THAT(log_->StoreSchema({7, "bank.Deposit", "nodes"}), IsOk());
  Fill(1);
  Close();
  for (const std::string path : {"/data/log/topics/2", "/data/log/schemas/0000000000000007"}) {
    FlipByte(path, 25);
    ExpectRefused(kDataLoss, AllOf(HasSubstr(path + " is damaged"), HasSubstr("backup")));
    FlipByte(path, 25);
  }
  EXPECT_THAT(TryOpen(), IsOk());
}

TEST_F(OpeningTest, WhatAProcessWasMakingWhenItEndedIsDeleted) {
  Prepare();
  const std::vector<std::string> leftovers = {"/data/log/00000000000000000099.log.tmp",
                                              "/data/log/topics/3.tmp",
                                              "/data/log/schemas/0000000000000001.tmp"};
  for (const std::string& path : leftovers) files_.SetContents(path, "unfinished");
  ASSERT_THAT(TryOpen(), IsOk());
  for (const std::string& path : leftovers) EXPECT_FALSE(files_.Exists(path)) << path;
  EXPECT_THAT(log_->Topics(), IsOkAndHolds(::testing::SizeIs(2)));
}

TEST_F(OpeningTest, TopicNumbersAreNotUsedAgain) {
  Open();
  ASSERT_THAT(log_->OpenTopic({"third", log::TopicKind::kEvents, 4}), IsOkAndHolds(3));
  Kill();
  Open();
  EXPECT_THAT(log_->OpenTopic({"fourth", log::TopicKind::kEvents, 1}), IsOkAndHolds(4));
  EXPECT_THAT(log_->OpenTopic({"third", log::TopicKind::kEvents, 4}), IsOkAndHolds(3));
}

}  // namespace
}  // namespace commander::test
