// What stands around events, as callers and folds see it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <string>

#include "tests/engine/bank_fixture.h"
#include "tests/support/fake_environment.h"

namespace commander::test {
namespace {

// Metadata, without what it points to.
struct Copied {
  EventMetadata metadata;
  std::string group, key, actor;

  explicit Copied(const EventMetadata& from)
      : metadata(from), group(from.group), key(from.key), actor(from.actor) {}
};

// What a fold of events got, by their ids.
std::mutex folded_mutex;
std::map<MessageId, Copied>& Folded() {
  static auto& folded = *new std::map<MessageId, Copied>;
  return folded;
}
struct Recorder : Balance {
  using Events = commander::Events<bank::Noted, bank::Deposited>;
  template <class Event>
  void Apply(Event, const EventMetadata& metadata) {
    const std::lock_guard lock(folded_mutex);
    Folded().insert_or_assign(metadata.id, Copied(metadata));
  }
};

class MetadataTest : public BankTest {
 protected:
  MetadataTest() {
    options_.clock = &clock_;
    group_options_.partitions = 2;
    Open();
  }
  ~MetadataTest() override { Close(); }
  FakeClock clock_;
};

TEST_F(MetadataTest, IsTheSameForCallersAndFolds) {
  Close();
  Folded().clear();
  accounts_ = std::make_unique<Group<Account>>("accounts", group_options_);
  AddBankHandlers(*accounts_);
  Projection<Recorder> recorder("recorder", *accounts_);
  COMMANDER_ASSERT_OK_AND_ASSIGN(engine_, Engine::Open(options_, {accounts_.get(), &recorder}));
  ASSERT_THAT(Deposit("acct-2", 1), IsOk());
  clock_.Advance(5'000'000'000);
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const Outcome outcome,
      Misbehave("acct-2", How::MANY, 3,
                {.id = "m", .correlation = MessageId::FromText("chain"), .actor = "ada"}));
  ASSERT_EQ(outcome.events().size(), 3u);
  ASSERT_THAT(engine_->Get(recorder, "acct-2", {.at_least = outcome.position()}), IsOk());
  for (std::uint32_t i = 0; i < 3; ++i) {
    SCOPED_TRACE(i);
    const EventMetadata& metadata = outcome.events()[i].metadata();
    ASSERT_EQ(Folded().count(metadata.id), 1u);
    const Copied& folded = Folded().at(metadata.id);
    for (const EventMetadata* each : {&metadata, &folded.metadata}) {
      EXPECT_EQ(each->version, 2 + i);
      EXPECT_EQ(each->time, absl::FromUnixNanos(FakeClock::kStart + 5'000'000'000));
      EXPECT_EQ(each->index, i);
      EXPECT_EQ(each->count, 3u);
      EXPECT_EQ(each->causation, MessageId::FromText("m"));
      EXPECT_EQ(each->correlation, MessageId::FromText("chain"));
      EXPECT_EQ(each->partition, outcome.position().partition);
      EXPECT_EQ(each->offset, Offset{1 + i});
    }
    EXPECT_EQ(metadata.group, "accounts");
    EXPECT_EQ(folded.group, "accounts");
    EXPECT_EQ(metadata.key, "acct-2");
    EXPECT_EQ(folded.key, "acct-2");
    EXPECT_EQ(metadata.actor, "ada");
    EXPECT_EQ(folded.actor, "ada");
  }
  EXPECT_EQ(outcome.position().offset, Offset{3});
  EXPECT_EQ(outcome.position().topic, "accounts-events");
  EXPECT_EQ(outcome.time(), absl::FromUnixNanos(FakeClock::kStart + 5'000'000'000));

  // And for whoever asks later.
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome found,
                                 engine_->FindOutcome(*accounts_, "acct-2", "m"));
  EXPECT_EQ(found.events()[2].metadata().actor, "ada");
  EXPECT_EQ(found.events()[2].metadata().id, outcome.events()[2].metadata().id);
  EXPECT_EQ(found.position(), outcome.position());
  Close();
}

TEST_F(MetadataTest, ACommandBeginsItsOwnChain) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, Deposit("acct-1", 1));
  const EventMetadata& metadata = outcome.events()[0].metadata();
  EXPECT_EQ(metadata.causation, outcome.id());
  EXPECT_EQ(metadata.correlation, outcome.id());
  EXPECT_EQ(metadata.actor, "");
  EXPECT_EQ(outcome.id().version(), 7);
  EXPECT_EQ(outcome.id().unix_ms(), FakeClock::kStart / 1'000'000);
}

TEST_F(MetadataTest, EventsOutliveTheirOutcomeAndTheEngine) {
  std::optional<Event> event;
  {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, Deposit("acct-1", 77));
    event = outcome.events()[0];
  }
  Close();
  EXPECT_EQ(event->type(), "bank.Deposited");
  EXPECT_EQ(event->As<bank::Deposited>()->getCents(), 77);
  EXPECT_FALSE(event->As<bank::Withdrawn>().has_value());
  EXPECT_EQ(event->metadata().key, "acct-1");
}

}  // namespace
}  // namespace commander::test
