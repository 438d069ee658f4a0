// The life of engines: many in one process, and what they say and leave behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/engine/bank_fixture.h"

namespace commander::test {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

using LifeTest = BankTest;

// One of several engines of this process.
struct Bank {
  explicit Bank(const fs::path& directory, LogSink sink = nullptr) {
    AddBankHandlers(accounts);
    auto opened = Engine::Open({.data_directory = directory.string(), .log_sink = std::move(sink)},
                               {&accounts, &balances});
    EXPECT_THAT(opened, IsOk());
    if (opened.ok()) engine = *std::move(opened);
  }
  absl::StatusOr<Outcome> Deposit(std::string_view key, std::int64_t cents) {
    return engine->SyncCommand<bank::Deposit>(accounts, key,
                                              [&](auto command) { command.setCents(cents); });
  }
  Group<Account> accounts{"accounts", {.partitions = 1}};
  Projection<Balance> balances{"balances", accounts};
  std::unique_ptr<Engine> engine;
};

std::ptrdiff_t Entries(const char* directory) {
  return std::distance(fs::directory_iterator(directory), fs::directory_iterator());
}
std::ptrdiff_t Threads() { return Entries("/proc/self/task"); }
std::ptrdiff_t Descriptors() { return Entries("/proc/self/fd"); }
std::vector<std::string> ThreadNames() {
  std::vector<std::string> names;
  for (const auto& task : fs::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    names.push_back(name);
  }
  return names;
}
std::size_t ResidentPages() {
  std::size_t all = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident;
}

// ---- Several in one process

TEST_F(LifeTest, EnginesOpenedAndClosedManyTimesLeaveNothingBehind) {
  const auto live = [&](int round) {
    Bank one(dir_ / "one");
    Bank other(dir_ / "other");
    ASSERT_THAT(one.Deposit("acct-1", 1), IsEvents(static_cast<std::uint64_t>(round)));
    ASSERT_THAT(other.Deposit("acct-1", 2), IsEvents(static_cast<std::uint64_t>(round)));
  };
  int round = 0;
  while (round < 10) live(++round);  // threads and memory that RocksDB keeps for the process
  const std::ptrdiff_t threads = Threads();
  const std::ptrdiff_t descriptors = Descriptors();
  [[maybe_unused]] const std::size_t pages = ResidentPages();
  while (round < 110) live(++round);
  EXPECT_EQ(Threads(), threads);
  EXPECT_EQ(Descriptors(), descriptors);
#ifndef __SANITIZE_ADDRESS__  // which keeps what is freed
  // An engine with its caches takes megabytes.
  EXPECT_LT(ResidentPages(), pages + (32u << 20) / 4096);
#endif
}

TEST_F(LifeTest, AnOpeningThatFailsLeavesNothingBehind) {
  Bank(dir_ / "data").Deposit("acct-1", 1).IgnoreError();
  Group<Account> of_two("accounts", {.partitions = 2});
  const auto fail = [&] {
    EXPECT_THAT(Engine::Open({.data_directory = data().string()}, {&of_two}),
                StatusIs(absl::StatusCode::kFailedPrecondition));
    fs::rename(data() / "projections/balances@1/CURRENT", data() / "CURRENT");
    fs::create_directory(data() / "projections/balances@1/CURRENT");
    Group<Account> accounts("accounts", {.partitions = 1});
    Projection<Balance> balances("balances", accounts);
    EXPECT_THAT(Engine::Open({.data_directory = data().string()}, {&accounts, &balances}),
                Not(IsOk()));
    fs::remove(data() / "projections/balances@1/CURRENT");
    fs::rename(data() / "CURRENT", data() / "projections/balances@1/CURRENT");
  };
  fail();
  const std::ptrdiff_t threads = Threads();
  const std::ptrdiff_t descriptors = Descriptors();
  for (int i = 0; i < 20; ++i) fail();
  EXPECT_EQ(Threads(), threads);
  EXPECT_EQ(Descriptors(), descriptors);
  EXPECT_THAT(Bank(data()).Deposit("acct-1", 1), IsEvents(2));
}

TEST_F(LifeTest, EnginesOfOneProcessShareNothing) {
  for (const char* directory : {"one", "other"}) {  // something to say
    fs::create_directories(dir_ / directory / "store/accounts");
    std::ofstream(dir_ / directory / "store/accounts/CURRENT") << "nonsense";
  }
  LogLines one_said;
  LogLines other_said;
  Bank one(dir_ / "one", one_said.Sink());
  {
    Bank other(dir_ / "other", other_said.Sink());
    ASSERT_THAT(one.Deposit("acct-1", 1), IsEvents(1));
    ASSERT_THAT(other.Deposit("acct-1", 2), IsEvents(1));
    EXPECT_THAT(one.engine->Parked(other.accounts),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("was not given")));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome theirs, other.Deposit("acct-1", 2));
    EXPECT_THAT(one.engine->Get(one.balances, "acct-1", {.at_least = theirs.position()}),
                StatusIs(absl::StatusCode::kInvalidArgument));
    ASSERT_THAT(other.engine->Close(), IsOk());
  }
  EXPECT_THAT(one.Deposit("acct-1", 1), IsEvents(2));
  ASSERT_THAT(one.engine->Close(), IsOk());
  const auto names = [&](const LogLines& lines, const char* directory) {
    std::vector<std::string> naming;
    for (const LogLine& line : lines.all()) {
      if (line.message.find((dir_ / directory / "store").string()) != std::string::npos) {
        naming.push_back(line.message);
      }
    }
    return naming;
  };
  EXPECT_THAT(names(one_said, "one"), Not(IsEmpty()));
  EXPECT_THAT(names(one_said, "other"), IsEmpty());
  EXPECT_THAT(names(other_said, "other"), Not(IsEmpty()));
  EXPECT_THAT(names(other_said, "one"), IsEmpty());
}

TEST_F(LifeTest, ThreadsOfAnEngineAreNamed) {
  Open();
  for (const char* name :
       {"cmdr-worker0", "cmdr-sequencer", "cmdr-projection", "cmdr-store", "cmdr-callbacks"}) {
    // Each names itself when it begins.
    while (!::testing::Matches(Contains(name))(ThreadNames())) std::this_thread::yield();
  }
}

TEST_F(LifeTest, AHandlerRunsOnSeveralThreadsAndNeverTwiceAtOnceForAnAggregate) {
  group_options_.partitions = 4;
  options_.worker_threads = 4;
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  in_handler_ = [&] {
    std::unique_lock lock(mutex);
    ++inside;
    changed.notify_all();
    changed.wait(lock, [&] { return inside >= 2; });  // for ever, were they one after the other
  };
  Open();
  Answers answers;
  for (int i = 0; i < 16; ++i) {
    ASSERT_THAT(SendMisbehave("acct-" + std::to_string(i), How::CALL_ENGINE, 0, answers), IsOk());
  }
  for (const auto& answer : answers.Await(16)) EXPECT_THAT(answer, IsEvents(1));

  std::atomic<int> at_once{0};
  in_handler_ = [&] {
    EXPECT_EQ(++at_once, 1);
    std::this_thread::yield();
    --at_once;
  };
  std::vector<std::thread> clients;
  for (int client = 0; client < 4; ++client) {
    clients.emplace_back([&] {
      for (int i = 0; i < 100; ++i) EXPECT_THAT(Misbehave("acct-1", How::CALL_ENGINE), IsOk());
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_THAT(Deposit("acct-1", 0), IsEvents(402));
}

TEST_F(LifeTest, ClosingBesideCallersTellsEachOfThem) {
  for (int round = 0; round < 5; ++round) {
    Open();
    std::atomic<bool> stop{false};
    std::atomic<int> calls{0};
    std::vector<std::thread> callers;
    const auto call = [&](auto function) {
      callers.emplace_back([&, function] {
        while (!stop) {
          const absl::Status status = function();
          ++calls;
          if (status.ok() || absl::IsNotFound(status)) continue;
          EXPECT_TRUE(absl::IsUnavailable(status) || absl::IsCancelled(status)) << status;
          if (ErrorCodeOf(status) == "commander.closed") return;
        }
      });
    };
    call([&] { return Deposit("acct-1", 1).status(); });
    call([&] { return Deposit("acct-2", 1).status(); });
    call([&] { return engine_->Get(*balances_, "acct-1").status(); });
    call([&] { return engine_->Scan(*balances_).status(); });
    call([&] { return engine_->FindOutcome(*accounts_, "acct-1", "d-1").status(); });
    call([&] { return engine_->Parked(*accounts_).status(); });
    while (calls < 1000) std::this_thread::yield();
    EXPECT_THAT(engine_->Close(), IsOk());
    stop = true;
    for (std::thread& caller : callers) caller.join();
  }
}

// ---- What it says

TEST_F(LifeTest, AHealthyLifeNeedsNoWarning) {
  for (int life = 0; life < 3; ++life) {
    Open();
    ASSERT_THAT(engine_->AwaitReady(), IsOk());
    ASSERT_THAT(Deposit("acct-1", 1), IsOk());
    life == 1 ? DeleteStores() : Close();
  }
  EXPECT_THAT(log_.Messages(LogLevel::kWarning), IsEmpty());
}

// Payloads, and what handlers say of them, are nobody's business but the log's.
TEST_F(LifeTest, LinesHoldNoPayload) {
  const std::string secret = "secret-iban-4711";
  const auto deposit = [&](std::string_view key) {
    return engine_->SyncCommand<bank::Deposit>(
        *accounts_, key,
        [&](auto command) {
          command.setPadding({reinterpret_cast<const kj::byte*>(secret.data()), secret.size()});
        },
        {.actor = secret, .headers = {{"secret", secret}}});
  };
  options_.segment_bytes = 4096;
  options_.write_back_events = 3;
  for (int life = 0; life < 3; ++life) {
    Open();
    ASSERT_THAT(
        engine_->SyncCommand<bank::Open>(*accounts_, secret.substr(0, 6),
                                         [&](auto command) { command.setOwner(secret.c_str()); }),
        IsOk());
    for (int i = 0; i < 20; ++i) ASSERT_THAT(deposit("acct-1"), IsOk());
    ASSERT_THAT(Misbehave("acct-2", How::THROW_IN_HANDLER, 13), IsOk());
    ASSERT_THAT(deposit("acct-2"), HasKind(OutcomeKind::kParked));
    ASSERT_THAT(Misbehave("acct-3", How::THROW_IN_FOLD, 14), IsOk());
    DeleteStores();
  }
  // Damage to the log and folds that fail are told, too.
  Account::poison = 14;
  Open();
  EXPECT_THAT(engine_->AwaitReady(), Not(IsOk()));
  Close();
  Account::poison = 13;
  std::vector<fs::path> segments;
  for (const auto& entry : fs::directory_iterator(data() / "log")) {
    if (entry.path().extension() == ".log") segments.push_back(entry.path());
  }
  ASSERT_GT(segments.size(), 1u);
  for (const fs::path& segment : segments) {
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(200);
    file.put('\x7f');
  }
  EXPECT_THAT(TryOpen().message(), Not(HasSubstr(secret)));
  ASSERT_THAT(log_.Messages(LogLevel::kError), Not(IsEmpty()));
  for (const LogLine& line : log_.all()) {
    EXPECT_THAT(line.message, Not(HasSubstr(secret)));
    EXPECT_THAT(line.component, Not(HasSubstr(secret)));
    for (const auto& [name, value] : line.fields) {
      EXPECT_THAT(name, Not(HasSubstr(secret)));
      EXPECT_THAT(value, Not(HasSubstr(secret)));
    }
  }
}

TEST_F(LifeTest, StatusTellsHowFarEverythingIs) {
  Open();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome last, Deposit("acct-1", 1));
  ASSERT_THAT(engine_->Get(*balances_, "acct-1", {.at_least = last.position()}), IsOk());
  EngineStatus status = engine_->Status();
  // Whoever gave the answer lets go of the command a moment later.
  const absl::Time late = absl::Now() + absl::Seconds(10);
  while (status.outstanding > 0 && absl::Now() < late) status = engine_->Status();
  EXPECT_THAT(status.log, IsOk());
  EXPECT_EQ(status.outstanding, 0u);
  ASSERT_EQ(status.partitions.size(), 1u);
  ASSERT_EQ(status.projections.size(), 1u);
  for (const auto& [part, name] : {std::pair(status.partitions[0], "accounts"),
                                   std::pair(status.projections[0], "balances")}) {
    EXPECT_EQ(part.group, name);
    EXPECT_EQ(part.partition, 0u);
    EXPECT_EQ(part.phase, PartitionPhase::kRunning);
    EXPECT_THAT(part.error, IsOk());
    EXPECT_EQ(part.folded, Offset{1});
    EXPECT_EQ(part.end, Offset{1});
  }
}

TEST_F(LifeTest, ErrorsThatAreNotOfTheEngineHaveNoCodeAndNoCommand) {
  EXPECT_EQ(ErrorCodeOf(absl::OkStatus()), "");
  EXPECT_EQ(ErrorCodeOf(absl::InternalError("of somebody else")), "");
  EXPECT_EQ(CommandIdOf(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(CommandIdOf(absl::InternalError("of somebody else")), std::nullopt);
}

}  // namespace
}  // namespace commander::test
