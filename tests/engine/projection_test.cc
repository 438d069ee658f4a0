// Read models: what they show, when, and after what.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/engine/bank_fixture.h"

namespace commander::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

// Money paid in, by bank and in all; an amount of 0 touches no row, one above 1000 is remembered in
// a row of its own.
struct PaidIn {
  using Schema = bank::Balance;
  using Events = commander::Events<bank::Deposited, bank::Closed>;
  std::int64_t cents = 0;
  std::uint64_t events = 0;
  inline static std::atomic<int> folded{0};  // events, by any of them

  void Load(Schema::Reader stored) {
    cents = stored.getCents();
    events = stored.getEvents();
  }
  void Save(Schema::Builder stored) const {
    stored.setCents(cents);
    stored.setEvents(events);
  }
  static Keys KeysOf(bank::Deposited::Reader event, const EventMetadata& metadata) {
    if (event.getCents() == 0) return {};
    if (event.getCents() > 1000) return "large";
    return {"all", std::string(metadata.group)};
  }
  static Keys KeysOf(bank::Closed::Reader) { return "large"; }
  void Apply(bank::Deposited::Reader event) {
    ++folded;
    cents += event.getCents();
    ++events;
  }
  Row Apply(bank::Closed::Reader) {
    ++folded;
    return events > 1 ? Row::kKeep : Row::kRemove;
  }
};

class ProjectionTest : public BankTest {
 protected:
  // Before the components are gone.
  ~ProjectionTest() override { Close(); }

  // With a second group, and a projection of both.
  void OpenBoth() {
    Close();
    balances_.reset();
    accounts_ = std::make_unique<Group<Account>>("accounts", group_options_);
    vaults_ = std::make_unique<Group<Account>>("vaults", group_options_);
    AddBankHandlers(*accounts_);
    AddBankHandlers(*vaults_);
    paid_in_ = std::make_unique<Projection<PaidIn>>("paid-in", *accounts_, *vaults_);
    options_.data_directory = data().string();
    options_.log_sink = log_.Sink();
    auto engine = Engine::Open(options_, {vaults_.get(), paid_in_.get(), accounts_.get()});
    ASSERT_THAT(engine, IsOk());
    engine_ = *std::move(engine);
  }
  // Position of the outcome.
  Position Pay(const Group<Account>& group, std::string_view key, std::int64_t cents) {
    const auto outcome = engine_->SyncCommand<bank::Deposit>(
        group, key, [&](auto command) { command.setCents(cents); });
    EXPECT_THAT(outcome, HasKind(OutcomeKind::kEvents));
    return outcome.ok() ? Position(outcome->position()) : Position();
  }
  // Key and cents of the rows.
  std::vector<std::pair<std::string, std::int64_t>> PaidIns(const ScanOptions& options) {
    std::vector<std::pair<std::string, std::int64_t>> rows;
    const auto scanned = engine_->Scan(*paid_in_, options);
    EXPECT_THAT(scanned, IsOk());
    if (!scanned.ok()) return rows;
    for (const auto& [key, row] : *scanned) rows.emplace_back(key, row.cents);
    return rows;
  }
  std::vector<std::string> KeysOfScan(const ScanOptions& options) {
    std::vector<std::string> keys;
    const auto scanned = engine_->Scan(*balances_, options);
    EXPECT_THAT(scanned, IsOk());
    if (!scanned.ok()) return keys;
    for (const auto& entry : *scanned) keys.push_back(entry.key);
    return keys;
  }

  std::unique_ptr<Group<Account>> vaults_;
  std::unique_ptr<Projection<PaidIn>> paid_in_;
};

TEST_F(ProjectionTest, FoldsSeveralGroupsIntoSeveralRows) {
  group_options_.partitions = 2;
  OpenBoth();
  Position position;
  position.Merge(Pay(*accounts_, "a", 1));
  position.Merge(Pay(*accounts_, "b", 2));
  position.Merge(Pay(*vaults_, "a", 30));
  position.Merge(Pay(*vaults_, "b", 40));
  position.Merge(Pay(*vaults_, "a", 0));
  position.Merge(Pay(*accounts_, "c", 5000));
  EXPECT_GE(position.records().size(), 2u);
  // Through a token, as a web service would hand it on.
  COMMANDER_ASSERT_OK_AND_ASSIGN(position, Position::FromToken(position.ToToken()));
  for (int life = 0; life < 3; ++life) {
    SCOPED_TRACE(life);
    EXPECT_THAT(
        PaidIns({.at_least = position}),
        ElementsAre(Pair("accounts", 3), Pair("all", 73), Pair("large", 5000), Pair("vaults", 70)));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto all, engine_->Get(*paid_in_, "all"));
    EXPECT_EQ(all->events, 4u);
    EXPECT_EQ(engine_->Status().projections.size(), 4u);
    if (life == 1) DeleteStores();
    OpenBoth();
  }
}

TEST_F(ProjectionTest, AFoldMayRemoveARow) {
  OpenBoth();
  const auto close = [&] {
    return engine_->SyncCommand<bank::Close>(*accounts_, "a", [](auto) {}).value().position();
  };
  EXPECT_THAT(PaidIns({.at_least = Pay(*accounts_, "a", 2000)}), ElementsAre(Pair("large", 2000)));
  EXPECT_THAT(PaidIns({.at_least = close()}), IsEmpty());
  EXPECT_THAT(engine_->Get(*paid_in_, "large"), IsOkAndHolds(testing::Eq(std::nullopt)));
  // It begins anew, and is kept where the fold says so.
  Pay(*accounts_, "a", 3000);
  Pay(*accounts_, "a", 4000);
  EXPECT_THAT(PaidIns({.at_least = close()}), ElementsAre(Pair("large", 7000)));
  DeleteStores();
  OpenBoth();
  ASSERT_THAT(engine_->AwaitReady(), IsOk());
  EXPECT_THAT(PaidIns({}), ElementsAre(Pair("large", 7000)));
}

TEST_F(ProjectionTest, GoesOnWhereItStoppedAndFoldsNothingTwice) {
  OpenBoth();
  PaidIn::folded = 0;
  Position position;
  for (int i = 0; i < 10; ++i) position = Pay(*accounts_, "a", 1);
  EXPECT_THAT(PaidIns({.at_least = position}), SizeIs(2));
  EXPECT_EQ(PaidIn::folded, 20);
  OpenBoth();
  ASSERT_THAT(engine_->AwaitReady(), IsOk());
  position = Pay(*accounts_, "a", 1);
  EXPECT_THAT(PaidIns({.at_least = position}), ElementsAre(Pair("accounts", 11), Pair("all", 11)));
  EXPECT_EQ(PaidIn::folded, 22);
  DeleteStores();
  OpenBoth();
  ASSERT_THAT(engine_->AwaitReady(), IsOk());
  EXPECT_THAT(PaidIns({}), ElementsAre(Pair("accounts", 11), Pair("all", 11)));
  EXPECT_EQ(PaidIn::folded, 44);
}

TEST_F(ProjectionTest, OneThatComesLateSeesEverything) {
  Open();
  for (int i = 0; i < 100; ++i) ASSERT_THAT(Deposit("a", 1), IsOk());
  OpenBoth();
  ASSERT_THAT(engine_->AwaitReady(), IsOk());
  EXPECT_THAT(PaidIns({}), ElementsAre(Pair("accounts", 100), Pair("all", 100)));
}

// Its position moves with what it does not list.
TEST_F(ProjectionTest, OutcomesThatItDoesNotFoldPassBy) {
  OpenBoth();
  const auto position_of = [&](const absl::StatusOr<Outcome>& outcome) {
    EXPECT_THAT(outcome, IsOk());
    return outcome->position();
  };
  for (const RecordPosition& position :
       {position_of(Withdraw("a", 500)),                                               // refused
        position_of(engine_->SyncCommand<bank::Close>(*accounts_, "a", [](auto) {})),  // nothing
        position_of(Misbehave("a", How::LARGE)),                    // an event of no list
        position_of(Misbehave("b", How::THROW_IN_HANDLER, 13))}) {  // parked
    EXPECT_THAT(PaidIns({.at_least = position}), IsEmpty());
  }
}

TEST_F(ProjectionTest, APositionIsThatOfTheLastEventOfAnOutcome) {
  Open();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome many, Misbehave("a", How::MANY, 500));
  EXPECT_EQ(many.position().offset, Offset{499});
  EXPECT_EQ(many.events()[0].metadata().offset, Offset{0});
  EXPECT_EQ(many.events()[499].metadata().offset, Offset{499});
  EXPECT_EQ(many.events()[499].metadata().index, 499u);
  EXPECT_EQ(many.events()[499].metadata().count, 500u);
  EXPECT_THAT(engine_->Get(*balances_, "a", {.at_least = many.position()}), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome next, Deposit("a", 1));
  EXPECT_EQ(next.position().offset, Offset{500});
  EXPECT_EQ(next.position().topic, "accounts-events");
  EXPECT_EQ(next.position().partition, 0u);
}

TEST_F(ProjectionTest, ScansByPrefixPlaceAndLimit) {
  Open();
  RecordPosition last;
  for (const char* key : {"b", "a", "a/1", "a/2", "a/3", "a0", "\xff", "\xff\xff"}) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome, Deposit(key, 1));
    last = outcome.position();
  }
  ASSERT_THAT(engine_->Get(*balances_, "a", {.at_least = last}), IsOk());
  EXPECT_THAT(KeysOfScan({}), ElementsAre("a", "a/1", "a/2", "a/3", "a0", "b", "\xff", "\xff\xff"));
  EXPECT_THAT(KeysOfScan({.prefix = "a"}), ElementsAre("a", "a/1", "a/2", "a/3", "a0"));
  EXPECT_THAT(KeysOfScan({.prefix = "a/"}), ElementsAre("a/1", "a/2", "a/3"));
  EXPECT_THAT(KeysOfScan({.prefix = "a/", .after = "a/1"}), ElementsAre("a/2", "a/3"));
  EXPECT_THAT(KeysOfScan({.prefix = "a/", .after = "a/1", .limit = 1}), ElementsAre("a/2"));
  EXPECT_THAT(KeysOfScan({.prefix = "a/", .after = "a/1x"}), ElementsAre("a/2", "a/3"));
  EXPECT_THAT(KeysOfScan({.prefix = "a/", .after = "A"}), ElementsAre("a/1", "a/2", "a/3"));
  EXPECT_THAT(KeysOfScan({.prefix = "a/", .after = "b"}), IsEmpty());
  EXPECT_THAT(KeysOfScan({.prefix = "\xff"}), ElementsAre("\xff", "\xff\xff"));
  EXPECT_THAT(KeysOfScan({.after = "\xff"}), ElementsAre("\xff\xff"));
  EXPECT_THAT(KeysOfScan({.after = "\xff\xff\xff"}), IsEmpty());
  EXPECT_THAT(KeysOfScan({.prefix = "nowhere"}), IsEmpty());
  EXPECT_THAT(KeysOfScan({.limit = 0}), IsEmpty());
  EXPECT_THAT(KeysOfScan({.limit = 1}), ElementsAre("a"));
  // Page by page.
  std::vector<std::string> all;
  for (std::string after;;) {
    const auto page = KeysOfScan({.after = after, .limit = 3});
    all.insert(all.end(), page.begin(), page.end());
    if (page.size() < 3) break;
    after = page.back();
  }
  EXPECT_EQ(all, KeysOfScan({}));
}

TEST_F(ProjectionTest, KnowsOnlyWhatItWasGivenTo) {
  OpenBoth();
  Projection<PaidIn> twin("paid-in", *accounts_, *vaults_);
  EXPECT_THAT(engine_->Get(twin, "all"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("projection paid-in was not given to Engine::Open")));
}

// ---- Folds that fail

struct Failing : PaidIn {
  enum What { kNowhere, kInKeysOf, kInApply, kInSave, kInLoad };
  inline static std::atomic<What> fails{kNowhere};
  static void MayFail(What here) {
    if (fails == here) throw std::runtime_error("an unlucky number");
  }
  using PaidIn::Apply;
  using PaidIn::KeysOf;
  static Keys KeysOf(bank::Deposited::Reader event, const EventMetadata& metadata) {
    MayFail(kInKeysOf);
    return PaidIn::KeysOf(event, metadata);
  }
  void Apply(bank::Deposited::Reader event) {
    MayFail(kInApply);
    PaidIn::Apply(event);
  }
  void Load(Schema::Reader stored) {
    MayFail(kInLoad);
    PaidIn::Load(stored);
  }
  void Save(Schema::Builder stored) const {
    MayFail(kInSave);
    PaidIn::Save(stored);
  }
};

TEST_F(ProjectionTest, AFoldThatFailsAnywhereStopsItVisiblyAndCommandsGoOn) {
  for (const Failing::What fails :
       {Failing::kInKeysOf, Failing::kInApply, Failing::kInSave, Failing::kInLoad}) {
    SCOPED_TRACE(fails);
    Failing::fails = Failing::kNowhere;
    Open();
    Close();
    Projection<Failing> failing(absl::StrCat("failing", fails), *accounts_);
    const auto open = [&] {
      auto engine = Engine::Open(options_, {accounts_.get(), balances_.get(), &failing});
      ASSERT_THAT(engine, IsOk());
      engine_ = *std::move(engine);
    };
    open();
    const Position good = Pay(*accounts_, "acct-1", 1);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto before,
                                   engine_->Get(failing, "all", {.at_least = good}));
    Failing::fails = fails;
    const Position bad = Pay(*accounts_, "acct-1", 1);
    EXPECT_THAT(
        engine_->Get(failing, "all", {.at_least = bad, .timeout = absl::InfiniteDuration()}),
        StatusIs(absl::StatusCode::kFailedPrecondition,
                 AllOf(HasSubstr(absl::StrCat("projection failing", fails, " stopped")),
                       HasSubstr("an unlucky number"))));
    EXPECT_THAT(engine_->Scan(failing), StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_THAT(engine_->AwaitReady(), StatusIs(absl::StatusCode::kFailedPrecondition));
    // The other, and the group, have not noticed.
    const Position more = Pay(*accounts_, "acct-1", 1);
    EXPECT_THAT(engine_->Get(*balances_, "acct-1", {.at_least = more}), IsOk());
    ASSERT_THAT(engine_->Close(), IsOk());

    Failing::fails = Failing::kNowhere;
    open();
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto after,
                                   engine_->Get(failing, "all", {.at_least = more}));
    EXPECT_EQ(after->cents, before->cents + 2);
    ASSERT_THAT(engine_->Close(), IsOk());
    engine_.reset();
  }
}

TEST_F(ProjectionTest, AFoldMustNotCallTheEngine) {
  struct Asking : PaidIn {
    static Engine*& engine() {
      static Engine* asked = nullptr;
      return asked;
    }
    static absl::Status& refused() {
      static absl::Status status;
      return status;
    }
    using PaidIn::Apply;
    void Apply(bank::Deposited::Reader event) {
      refused() = engine()->AwaitReady();
      PaidIn::Apply(event);
    }
  };
  Open();
  Close();
  Projection<Asking> asking("asking", *accounts_);
  COMMANDER_ASSERT_OK_AND_ASSIGN(engine_, Engine::Open(options_, {accounts_.get(), &asking}));
  Asking::engine() = engine_.get();
  EXPECT_THAT(engine_->Get(asking, "all", {.at_least = Pay(*accounts_, "a", 1)}), IsOk());
  EXPECT_THAT(Asking::refused(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                          HasSubstr("called from a handler or fold")));
  ASSERT_THAT(engine_->Close(), IsOk());
  engine_.reset();
}

}  // namespace
}  // namespace commander::test
