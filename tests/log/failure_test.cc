// A device that is full, a device that fails, and processes that must not write.
#include <optional>
#include <thread>

#include "tests/log/log_fixture.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FailureTest : public LogFixture {
 protected:
  void SetUp() override {
    zero_ahead_bytes_ = 0;
    segment_bytes_ = 100'000;
    Open();
  }
  absl::Status TryAppend() { return log_->Append(kCommands, Message(appended_), nullptr, true); }
};

TEST_F(FailureTest, AFullDeviceDelaysAndLosesNothing) {
  Append();
  ASSERT_TRUE(log_->Step());
  files_.SetFreeSectors(0);
  const auto ticket = std::make_shared<TestTicket>();
  Append(30, ticket);
  EXPECT_FALSE(log_->Step()) << "it got nowhere";
  EXPECT_FALSE(log_->Step());
  EXPECT_THAT(log_->health(), IsOk());
  EXPECT_THAT(said_, ElementsAre(AllOf(HasSubstr("No space"), HasSubstr(Segments()[0]))));
  EXPECT_EQ(ticket->durable + ticket->failed, 0);

  // New commands are refused before they get an offset, outcomes enter.
  EXPECT_THAT(TryAppend(), StatusIs(absl::StatusCode::kResourceExhausted,
                                    AllOf(HasSubstr("no space"), HasSubstr("/data/log"))));
  log::CommitResult result;
  Commit(2, &result);
  EXPECT_FALSE(log_->Step());

  files_.SetFreeSectors(std::nullopt);
  EXPECT_TRUE(log_->Step());
  EXPECT_EQ(ticket->durable, 1);
  EXPECT_TRUE(log_->Step());
  EXPECT_EQ(result.outcome, log::CommitOutcome::kCommitted);
  const auto next = std::make_shared<TestTicket>();
  Append(3, next);
  EXPECT_TRUE(log_->Step());
  EXPECT_EQ(next->durable_at, 2u) << "what was refused took no offset";
  Close();
  Open();
  EXPECT_THAT(said_, IsEmpty());
  ExpectCommands(*log_, 3);
}

TEST_F(FailureTest, AHalfWrittenFrameIsWrittenAgainAtTheSamePlace) {
  Append();
  ASSERT_TRUE(log_->Step());
  const std::uint64_t end = FramePlaces(Segments()[0]).back();
  for (const std::uint64_t free : {0, 1, 2, 1}) {
    files_.SetFreeSectors(free);
    if (free == 0) Append(40);
    EXPECT_FALSE(log_->Step());
    EXPECT_GE(files_.Contents(Segments()[0]).size(), end);
  }
  files_.SetFreeSectors(std::nullopt);
  EXPECT_TRUE(log_->Step());
  EXPECT_EQ(FramePlaces(Segments()[0])[1], end);
  ExpectCommands(*log_, 2);
}

TEST_F(FailureTest, ZerosThatDoNotFitAreNoReasonToWait) {
  Close();
  zero_ahead_bytes_ = 4096;
  Open();
  files_.SetFreeSectors(3);
  const auto ticket = std::make_shared<TestTicket>();
  Append(3, ticket);
  EXPECT_TRUE(log_->Step());
  EXPECT_EQ(ticket->durable, 1);
}

TEST_F(FailureTest, ClosingAFullLogDropsTheFrameAndCutsItAway) {
  Append();
  ASSERT_TRUE(log_->Step());
  const std::uint64_t end = FramePlaces(Segments()[0]).back();
  files_.SetFreeSectors(1);
  const auto ticket = std::make_shared<TestTicket>();
  Append(60, ticket);
  EXPECT_FALSE(log_->Step());
  EXPECT_GT(files_.Contents(Segments()[0]).size(), end);
  EXPECT_THAT(log_->Close(),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("/data/log")));
  EXPECT_EQ(ticket->failed, 1);
  EXPECT_EQ(ticket->durable, 0);
  EXPECT_EQ(files_.Contents(Segments()[0]).size(), end);
  log_.reset();
  files_.SetFreeSectors(std::nullopt);
  Open();
  EXPECT_THAT(said_, IsEmpty()) << "a torn tail was left";
  EXPECT_THAT(log_->End(kCommands), IsOkAndHolds(Offset{1}));
}

TEST_F(FailureTest, AFullDeviceAtTheEndOfASegmentIsWaitedForToo) {
  Close();
  segment_bytes_ = 1;
  Open();
  Append();
  ASSERT_TRUE(log_->Step());
  files_.SetFreeSectors(0);
  Append();
  EXPECT_FALSE(log_->Step());
  EXPECT_THAT(TryAppend(), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(Segments().size(), 1u);
  files_.SetFreeSectors(std::nullopt);
  EXPECT_TRUE(log_->Step());
  EXPECT_EQ(Segments().size(), 2u);
  ExpectCommands(*log_, 2);
}

TEST_F(FailureTest, ATopicThatFindsNoSpaceMayBeMadeLater) {
  files_.SetFreeSectors(0);
  EXPECT_THAT(log_->OpenTopic({"late", log::TopicKind::kEvents, 1}),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("/data/log/topics")));
  EXPECT_THAT(log_->StoreSchema({1, "late", "nodes"}),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(log_->health(), IsOk());
  files_.SetFreeSectors(std::nullopt);
  EXPECT_THAT(log_->OpenTopic({"late", log::TopicKind::kEvents, 1}), IsOkAndHolds(3));
  EXPECT_THAT(log_->StoreSchema({1, "late", "nodes"}), IsOk());
}

TEST_F(FailureTest, WaitingForWorkOnAFullDeviceTriesAgain) {
  files_.SetFreeSectors(0);
  Append();
  log_->WaitForWork();  // the append
  EXPECT_FALSE(log_->Step());
  log_->WaitForWork();  // nobody wakes it; it returns by itself
  files_.SetFreeSectors(std::nullopt);
  EXPECT_TRUE(log_->Step());
}

TEST_F(FailureTest, AFailedSyncStopsTheLogAndIsNotRepeated) {
  Append();
  ASSERT_TRUE(log_->Step());
  const auto ticket = std::make_shared<TestTicket>();
  Append(3, ticket);
  log::CommitResult result;
  result.outcome = log::CommitOutcome::kCommitted;
  Commit(2, &result);
  files_.FailNextSync();
  const std::uint64_t before = files_.effects();
  log_->Step();
  EXPECT_EQ(files_.effects(), before + 2) << "one write, one sync";
  EXPECT_EQ(ticket->failed, 1);
  EXPECT_EQ(ticket->durable, 0);
  EXPECT_EQ(result.outcome, log::CommitOutcome::kUnknown);
  EXPECT_THAT(result.status, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("cannot sync")));
  EXPECT_THAT(log_->health(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("cannot sync")));
  EXPECT_THAT(TryAppend(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("open it again")));
  EXPECT_THAT(log_->OpenTopic({"late", log::TopicKind::kEvents, 1}),
              StatusIs(absl::StatusCode::kUnavailable));
  Commit(2, &result);
  EXPECT_TRUE(log_->Step());
  EXPECT_EQ(result.outcome, log::CommitOutcome::kUnknown);
  // What is durable can still be read, what is not cannot be seen any more.
  ExpectCommands(*log_, 1);
  std::vector<log::Record> records;
  EXPECT_THAT(log_->Poll(kCommands, {1}, 100, &records), IsOk());
  EXPECT_THAT(records, IsEmpty());
  EXPECT_EQ(files_.effects(), before + 2) << "a stopped log was written";
  EXPECT_THAT(log_->Close(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(files_.effects(), before + 2);
}

TEST_F(FailureTest, AFailedSyncForLackOfSpaceStopsTheLogToo) {
  // The frame may be clean in memory and absent on the device: syncing again proves nothing.
  const auto ticket = std::make_shared<TestTicket>();
  Append(3, ticket);
  files_.FailNextSync(absl::ResourceExhaustedError("cannot sync: No space left on device"));
  log_->Step();
  EXPECT_EQ(ticket->failed, 1);
  EXPECT_THAT(log_->health(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("No space")));
}

TEST_F(FailureTest, AFailedWriteStopsTheLog) {
  Append();
  files_.FailNextWrite(absl::DataLossError("cannot write: Input/output error"));
  log_->Step();
  EXPECT_THAT(log_->health(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(FailureTest, AFailureWhileATopicIsMadeStopsTheLog) {
  files_.FailNextSync();
  EXPECT_THAT(log_->OpenTopic({"late", log::TopicKind::kEvents, 1}),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_FALSE(log_->health().ok());
  const auto ticket = std::make_shared<TestTicket>();
  EXPECT_THAT(TryAppend(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(FailureTest, AForkedChildDoesNotWrite) {
  const auto ticket = std::make_shared<TestTicket>();
  Append(3, ticket);
  files_.SetProcessId(1001);
  const std::uint64_t before = files_.effects();
  log_->Step();
  EXPECT_EQ(ticket->failed, 1);
  EXPECT_THAT(log_->health(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       AllOf(HasSubstr("1001"), HasSubstr("1000"))));
  EXPECT_FALSE(log_->OpenTopic({"late", log::TopicKind::kEvents, 1}).ok());
  EXPECT_FALSE(log_->StoreSchema({9, "late", ""}).ok());
  EXPECT_FALSE(log_->Close().ok());
  EXPECT_EQ(files_.effects(), before);
}

TEST_F(FailureTest, OneStepIsTakenAtATime) {
  // A ticket that tries to step, as its thread and as another one.
  class Nosy : public log::Ticket {
   public:
    explicit Nosy(log::Log& log) : log_(log) {}
    void OnDurable(Offset) override {
      here = log_.Step(/*try_only=*/true) || log_.Step();
      std::thread([&] { elsewhere = log_.Step(/*try_only=*/true); }).join();
    }
    void OnFailed(const absl::Status&) override {}
    std::optional<bool> here, elsewhere;

   private:
    log::Log& log_;
  };
  const auto ticket = std::make_shared<Nosy>(*log_);
  Append(3, ticket);
  EXPECT_TRUE(log_->Step());
  EXPECT_EQ(ticket->here, false);
  EXPECT_EQ(ticket->elsewhere, false);
}

TEST_F(FailureTest, WhatGathersForOnePartitionIsOneRun) {
  for (std::uint64_t i = 0; i < 20; ++i) {
    Append();
    if (i % 2 == 1) Commit(i + 1);
  }
  ASSERT_TRUE(log_->Step());
  EXPECT_FALSE(log_->Step());
  const std::string bytes = files_.Contents(Segments()[0]);
  const auto places = FramePlaces(Segments()[0]);
  ASSERT_EQ(places.size(), 2u);
  std::vector<log::Word> frame((places[1] - places[0]) / sizeof(log::Word));
  std::memcpy(frame.data(), bytes.data() + places[0], frame.size() * sizeof(log::Word));
  const auto runs = log::RunsOf(frame);
  ASSERT_TRUE(runs.has_value());
  ASSERT_EQ(runs->size(), 2u);
  EXPECT_EQ((*runs)[0].header.place(), kCommands) << "commands stand before outcomes";
  EXPECT_EQ((*runs)[0].header.count, 20u);
  EXPECT_EQ((*runs)[1].header.place(), kEvents);
  EXPECT_EQ((*runs)[1].header.count, 10u);
}

TEST_F(FailureTest, AFrameIsBoundedAndTheRestFollows) {
  const std::size_t words = (1 << 20) / sizeof(log::Word);
  for (int i = 0; i < 10; ++i) Append(words);
  int frames = 0;
  while (log_->Step()) ++frames;
  EXPECT_EQ(frames, 4);  // three of 1 MiB and a header fit below 4 MiB
  const auto places = FramePlaces(Segments().front());
  EXPECT_LE(places[1] - places[0], std::uint64_t{4} << 20);
}

}  // namespace
}  // namespace commander::test
