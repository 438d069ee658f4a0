// What handlers see: every event ever committed to their partition, and those decided before in the
// same batch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/engine/bank_fixture.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ViewTest : public BankTest {
 protected:
  using Look = std::function<std::string(const AccountView&)>;

  // A bank of which one may ask, by a Withdraw of 0, what a handler sees.
  void OpenToLook() {
    Close();
    balances_.reset();
    accounts_ = std::make_unique<Group<Account>>("accounts", group_options_);
    accounts_->OnCommand(
        [](bank::Deposit::Reader command, const AccountView&) -> Decision<bank::Deposited> {
          return Emit<bank::Deposited>([&](auto event) { event.setCents(command.getCents()); });
        });
    accounts_->OnCommand([](bank::Close::Reader, const AccountView&) -> Decision<bank::Closed> {
      return Emit<bank::Closed>();
    });
    accounts_->OnCommand(
        [this](bank::Withdraw::Reader, const AccountView& view) -> Decision<bank::Withdrawn> {
          return Reject("look", look_(view));
        });
    // Waits at the gate, so that a batch gathers.
    accounts_->OnCommand([this](bank::Open::Reader, const AccountView&) -> Decision<bank::Opened> {
      gate_.Pass();
      return commander::Nothing();
    });
    options_.data_directory = data().string();
    options_.log_sink = log_.Sink();
    auto engine = Engine::Open(options_, {accounts_.get()});
    ASSERT_THAT(engine, IsOk());
    engine_ = *std::move(engine);
  }
  std::string See(std::string_view key, Look look) {
    look_ = std::move(look);
    const auto outcome = Withdraw(key, 0);
    EXPECT_THAT(outcome, IsRejected("look"));
    return outcome.ok() ? outcome->rejection().message : std::string();
  }
  static std::string Describe(const auto& account) {
    if (!account.Exists()) return absl::StrCat("none v", account.version());
    return absl::StrCat(account->cents, " v", account.version());
  }
  static Look Scan(std::string prefix, std::size_t limit = 1000, std::string after = {}) {
    return [=](const AccountView& view) {
      std::vector<std::string> rows;
      for (const auto& [key, account] : view.partition().Scan(prefix, limit, after)) {
        rows.push_back(absl::StrCat(key, ":", Describe(account)));
      }
      return absl::StrJoin(rows, " ");
    };
  }

  Look look_;
};

TEST_F(ViewTest, ShowsTheAggregateItself) {
  OpenToLook();
  const auto own = [](const AccountView& view) {
    return absl::StrCat(Describe(view), ", ", view->cents, " ", (*view).owner.size());
  };
  EXPECT_EQ(See("a", own), "none v0, 0 0");
  ASSERT_THAT(Deposit("a", 5), IsEvents(1));
  ASSERT_THAT(Deposit("a", 6), IsEvents(2));
  EXPECT_EQ(See("a", own), "11 v2, 11 0");
  ASSERT_THAT(engine_->SyncCommand<bank::Close>(*accounts_, "a", [](auto) {}), IsEvents(3));
  EXPECT_EQ(See("a", own), "none v3, 0 0");
  OpenToLook();
  EXPECT_EQ(See("a", own), "none v3, 0 0");
  ASSERT_THAT(Deposit("a", 7), IsEvents(4));
  EXPECT_EQ(See("a", own), "7 v4, 7 0");  // it begins anew, and its version goes on
}

TEST_F(ViewTest, ShowsNeighboursOfItsPartition) {
  OpenToLook();
  ASSERT_THAT(Deposit("a", 1), IsOk());
  ASSERT_THAT(Deposit("b", 2), IsOk());
  const auto get = [](std::string key) {
    return [=](const AccountView& view) { return Describe(view.partition().Get(key)); };
  };
  for (int life = 0; life < 3; ++life) {
    SCOPED_TRACE(life);
    EXPECT_EQ(See("c", get("a")), "1 v1");
    EXPECT_EQ(See("c", get("b")), "2 v1");
    EXPECT_EQ(See("a", get("a")), "1 v1");
    EXPECT_EQ(See("c", get("nobody")), "none v0");
    EXPECT_EQ(See("c", get("")), "none v0");
    if (life == 1) DeleteStores();
    OpenToLook();
  }
}

TEST_F(ViewTest, ShowsNobodyOfAnotherPartition) {
  group_options_.partitions = 2;
  OpenToLook();
  std::size_t seen = 0;
  std::string asked[2];
  for (int i = 0; i < 20; ++i) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, Deposit(absl::StrCat("k", i), 1));
    asked[outcome.position().partition] = absl::StrCat("k", i);
  }
  const auto count = [](const AccountView& view) {
    return absl::StrCat(view.partition().Scan("k").size());
  };
  for (const std::string& key : asked) {
    const std::size_t here = std::stoul(See(key, count));
    EXPECT_GT(here, 0u);
    EXPECT_LT(here, 20u);
    seen += here;
  }
  EXPECT_EQ(seen, 20u);
}

// Some are in the store alone, some in memory besides, some decided and not committed.
TEST_F(ViewTest, ScansStagedOverCommittedOverStored) {
  options_.state_cache_bytes = 1;  // what is stored is not kept
  OpenToLook();
  for (const char* key : {"k/1", "k/2", "k/3", "k/4", "j", "k", "l"}) {
    ASSERT_THAT(Deposit(key, 1), IsEvents(1));
  }
  OpenToLook();
  ASSERT_THAT(Deposit("k/2", 1), IsEvents(2));
  ASSERT_THAT(engine_->SyncCommand<bank::Close>(*accounts_, "k/3", [](auto) {}), IsEvents(2));
  ASSERT_THAT(Deposit("k/5", 1), IsEvents(1));
  EXPECT_EQ(See("z", Scan("k/")), "k/1:1 v1 k/2:2 v2 k/4:1 v1 k/5:1 v1");

  Answers answers;
  gate_.Shut();
  ASSERT_THAT(engine_->SendCommand<bank::Open>(
                  *accounts_, "z", [](auto) {}, answers.Next()),
              IsOk());
  gate_.AwaitSomebodyHeld();
  look_ = Scan("k/");
  ASSERT_THAT(Send("k/0", 7, answers), IsOk());
  ASSERT_THAT(Send("k/1", 7, answers), IsOk());
  ASSERT_THAT(Send("k/6", 7, answers), IsOk());
  ASSERT_THAT(engine_->SendCommand<bank::Close>(
                  *accounts_, "k/4", [](auto) {}, answers.Next()),
              IsOk());
  ASSERT_THAT(engine_->SendCommand<bank::Withdraw>(
                  *accounts_, "z", [](auto) {}, answers.Next()),
              IsOk());
  gate_.Open();
  const auto all = answers.Await(6);
  ASSERT_THAT(all[5], IsRejected("look"));
  const std::string expected = "k/0:7 v1 k/1:8 v2 k/2:2 v2 k/5:1 v1 k/6:7 v1";
  EXPECT_EQ(all[5]->rejection().message, expected);

  for (int life = 0; life < 3; ++life) {
    SCOPED_TRACE(life);
    EXPECT_EQ(See("z", Scan("k/")), expected);
    EXPECT_EQ(See("z", Scan("k/", 2)), "k/0:7 v1 k/1:8 v2");
    EXPECT_EQ(See("z", Scan("k/", 2, "k/1")), "k/2:2 v2 k/5:1 v1");
    EXPECT_EQ(See("z", Scan("k/", 2, "k/1x")), "k/2:2 v2 k/5:1 v1");
    EXPECT_EQ(See("z", Scan("k/", 9, "k/6")), "");
    EXPECT_EQ(See("z", Scan("k/", 0)), "");
    EXPECT_EQ(See("z", Scan("k/", 9, "a")), expected);
    EXPECT_EQ(See("z", Scan("k/", 9, "l")), "");
    EXPECT_EQ(See("z", Scan("")), absl::StrCat("j:1 v1 k:1 v1 ", expected, " l:1 v1"));
    if (life == 1) DeleteStores();
    OpenToLook();
  }
}

TEST_F(ViewTest, TellsThePlaceOfTheCommand) {
  OpenToLook();
  const auto place = [](const AccountView& view) { return absl::StrCat(view.position().value); };
  EXPECT_EQ(See("a", place), "0");
  ASSERT_THAT(Deposit("a", 1), IsOk());
  EXPECT_EQ(See("b", place), "2");
}

TEST_F(ViewTest, MakesIdsThatAreTheSameWheneverTheCommandRuns) {
  std::vector<std::string> drawn;
  bool fail = true;
  const auto look = [&](const AccountView& view) {
    drawn.push_back(view.NewId().ToString());
    drawn.push_back(view.NewId().ToString());
    if (fail) throw std::runtime_error("not yet");
    return std::string();
  };
  OpenToLook();
  look_ = look;
  ASSERT_THAT(Withdraw("a", 0, {.id = "w-1"}), HasKind(OutcomeKind::kParked));
  fail = false;
  ASSERT_THAT(engine_->Retry(*accounts_, "a"), HasKind(OutcomeKind::kNothing));
  ASSERT_THAT(Withdraw("a", 0, {.id = "w-2"}), IsRejected("look"));
  ASSERT_EQ(drawn.size(), 6u);
  EXPECT_NE(drawn[0], drawn[1]);
  EXPECT_EQ(drawn[0], drawn[2]);
  EXPECT_EQ(drawn[1], drawn[3]);
  EXPECT_NE(drawn[0], drawn[4]);
}

TEST_F(ViewTest, DrawsNumbersThatDifferFromCommandToCommand) {
  OpenToLook();
  const auto draw = [](const AccountView& view) {
    const std::uint64_t first = view.random()();
    return absl::StrCat(first, " ", view.random()());
  };
  const std::string one = See("a", draw);
  const std::string other = See("a", draw);
  EXPECT_NE(one, other);
  EXPECT_NE(one.substr(0, one.find(' ')), one.substr(one.find(' ') + 1));
}

}  // namespace
}  // namespace commander::test
