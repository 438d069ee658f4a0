// Several groups in one engine: they share nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "tests/engine/bank_fixture.h"

namespace commander::test {
namespace {

using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// Every test closes the engine before its groups are gone.
class SeveralGroupsTest : public BankTest {
 protected:
  absl::Status TryOpenWith(std::vector<internal::Component*> components) {
    Close();
    options_.data_directory = data().string();
    auto engine = Engine::Open(options_, std::move(components));
    if (engine.ok()) engine_ = *std::move(engine);
    return engine.status();
  }
};

TEST_F(SeveralGroupsTest, EachHandlesACommandInItsOwnWay) {
  Group<Account> some("some", {.partitions = 1});
  Group<Account> others("others", {.partitions = 2});
  AddBankHandlers(some);
  others.OnCommand([](bank::Deposit::Reader, const AccountView&) -> Decision<bank::Deposited> {
    return Reject("closed", "on Sundays");
  });
  for (int life = 0; life < 2; ++life) {
    ASSERT_THAT(TryOpenWith({&some, &others}), IsOk());
    const auto deposit = [&](const Group<Account>& group) {
      return engine_->SyncCommand<bank::Deposit>(group, "acct-1", [](auto) {}, {.id = "d-1"});
    };
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome taken, deposit(some));
    EXPECT_EQ(taken.version(), 1u);
    EXPECT_EQ(taken.events()[0].metadata().group, "some");
    EXPECT_EQ(taken.position().topic, "some-events");
    // The same id and key mean another command here.
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome refused, deposit(others));
    EXPECT_EQ(refused.rejection().code, "closed");
    EXPECT_EQ(refused.version(), 0u);
    EXPECT_EQ(refused.repeat(), life > 0);
    EXPECT_EQ(engine_->Status().partitions.size(), 3u);
    Close();
  }
}

TEST_F(SeveralGroupsTest, OneThatWasNotGivenIsNotKnown) {
  Group<Account> accounts("accounts", {.partitions = 1});
  AddBankHandlers(accounts);
  ASSERT_THAT(TryOpenWith({&accounts}), IsOk());
  const Group<Account> twin("accounts", {.partitions = 1});  // the same name is not the same group
  const auto is_unknown =
      StatusIs(kInvalid, HasSubstr("group accounts was not given to Engine::Open"));
  EXPECT_THAT(engine_->SyncCommand<bank::Deposit>(twin, "acct-1", [](auto) {}), is_unknown);
  EXPECT_THAT(engine_->AsyncCommand<bank::Deposit>(twin, "acct-1", [](auto) {}), is_unknown);
  EXPECT_THAT(engine_->Parked(twin), is_unknown);
  EXPECT_THAT(engine_->Retry(twin, "acct-1"), is_unknown);
  Close();
}

TEST_F(SeveralGroupsTest, NoTopicIsShared) {
  Group<Account> accounts("accounts", {.partitions = 1});
  Group<Account> spy("spy", {.event_topic = "accounts-events"});
  EXPECT_THAT(TryOpenWith({&accounts, &spy}),
              StatusIs(kInvalid, "group spy: topic accounts-events is used twice"));
  Group<Account> circle("circle", {.command_topic = "all", .event_topic = "all"});
  EXPECT_THAT(TryOpenWith({&circle}), StatusIs(kInvalid, "group circle: topic all is used twice"));
  // Nor does a topic change its kind.
  ASSERT_THAT(TryOpenWith({&accounts}), IsOk());
  Group<Account> swapped("swapped", {.command_topic = "accounts-events", .partitions = 1});
  EXPECT_THAT(TryOpenWith({&swapped}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("accounts-events")));
}

TEST_F(SeveralGroupsTest, ThereMayBeNone) {
  ASSERT_THAT(TryOpenWith({}), IsOk());
  EXPECT_THAT(engine_->AwaitReady(), IsOk());
}

}  // namespace
}  // namespace commander::test
