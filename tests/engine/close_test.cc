// Close, through the public API, while commands are on their way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "commander/commander.h"
#include "tests/support/bank.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::test {
namespace {

// Commands at every place of their way: not polled, being decided, decided, answered.
TEST(CloseTest, AnswersEveryCallbackOnce) {
  constexpr int kCommands = 500;
  const TempDir dir;
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  Group<Account> accounts("accounts", {.partitions = 1});
  AddBankHandlers(accounts, [released] { released.wait(); });
  Group<Account> others("others", {.partitions = 1});
  AddBankHandlers(others);
  COMMANDER_ASSERT_OK_AND_ASSIGN(
      const std::unique_ptr<Engine> engine,
      Engine::Open({.data_directory = dir.path().string(), .worker_threads = 2},
                   {&accounts, &others}));
  ASSERT_THAT(engine->AwaitReady(), IsOk());

  std::vector<std::atomic<int>> answers(kCommands);
  for (int i = 0; i < kCommands; ++i) {
    // The first one keeps its partition busy until Close is under way.
    ASSERT_THAT(engine->SendCommand<bank::Misbehave>(
                    accounts, "a",
                    [&](auto command) {
                      command.setHow(i == 0 ? bank::Misbehave::How::CALL_ENGINE
                                            : bank::Misbehave::How::DRAW);
                    },
                    [&answers, i](const absl::StatusOr<Outcome>&) { ++answers[i]; }),
                IsOk());
  }
  // Its frame takes the commands along.
  ASSERT_THAT(engine->SyncCommand<bank::Deposit>(others, "b", [](auto c) { c.setCents(1); }),
              IsOk());

  std::thread closer([&] { EXPECT_THAT(engine->Close(absl::ZeroDuration()), IsOk()); });
  while (!absl::IsUnavailable(
      engine->SyncCommand<bank::Deposit>(others, "b", [](auto c) { c.setCents(1); }).status())) {
    std::this_thread::yield();
  }
  release.set_value();
  closer.join();
  for (int i = 0; i < kCommands; ++i) EXPECT_EQ(answers[i], 1) << i;
}

}  // namespace
}  // namespace commander::test
