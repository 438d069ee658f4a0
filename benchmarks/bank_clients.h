// bank_clients.h: clients of the workload "bank", each with many commands outstanding.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "benchmarks/bank_workload.h"
#include "benchmarks/measure.h"
#include "commander/commander.h"

namespace commander::benchmarks {

// One client: sends its share, never more than `window` outstanding.
template <class Types>
class Client {
 public:
  Client(Engine& engine, const AccountGroup<Types>& group, std::size_t window)
      : engine_(engine), group_(group), window_(window) {}

  void Run(const std::vector<Command>& commands, std::size_t begin, std::size_t end,
           std::size_t number, std::size_t clients) {
    for (std::size_t seq = begin; seq < end; ++seq) {
      const Command& command = commands[seq];
      if (command.account % clients != number) continue;
      {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return outstanding_ < window_; });
        ++outstanding_;
      }
      Send(command, seq);
    }
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return outstanding_ == 0; });
  }
  const Totals& totals() const { return totals_; }
  std::uint64_t failures() const { return failures_; }

 private:
  void Send(const Command& command, std::uint64_t seq) {
    const auto done = [this](absl::StatusOr<Outcome> outcome) { Done(outcome); };
    const std::string key = KeyOf(command.account);
    const auto fill = [&](auto payload) { Fill(payload, seq, command.amount); };
    for (;;) {
      const absl::StatusOr<MessageId> id =
          command.deposit ? engine_.SendCommand<typename Types::Deposit>(group_, key, fill, done)
                          : engine_.SendCommand<typename Types::Withdraw>(group_, key, fill, done);
      if (id.ok()) return;
      if (!absl::IsResourceExhausted(id.status())) {
        std::fprintf(stderr, "bank: %s\n", id.status().ToString().c_str());
        std::exit(1);
      }
      std::this_thread::yield();
    }
  }
  void Done(const absl::StatusOr<Outcome>& outcome) {
    const std::lock_guard lock(mutex_);
    if (!outcome.ok()) {
      ++failures_;
    } else if (outcome->rejected()) {
      ++totals_.rejected;
    } else {
      ++totals_.accepted;
      if (const auto deposited = outcome->template event<typename Types::Deposited>()) {
        totals_.balance += deposited->getAmount();
      }
      if (const auto withdrawn = outcome->template event<typename Types::Withdrawn>()) {
        totals_.balance -= withdrawn->getAmount();
      }
    }
    // Half a window at a time: waking a client for every answer would measure the waking.
    if (--outstanding_ == window_ / 2 || outstanding_ == 0) room_.notify_all();
  }

  Engine& engine_;
  const AccountGroup<Types>& group_;
  const std::size_t window_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::size_t outstanding_ = 0;
  Totals totals_;
  std::uint64_t failures_ = 0;
};

template <class Types>
double RunClients(Engine& engine, const AccountGroup<Types>& group,
                  const std::vector<Command>& commands, std::size_t begin, std::size_t end,
                  std::size_t clients, std::size_t window, Totals* totals) {
  std::vector<std::unique_ptr<Client<Types>>> all;
  std::vector<std::thread> threads;
  const double start = Now();
  for (std::size_t i = 0; i < clients; ++i) {
    all.push_back(std::make_unique<Client<Types>>(engine, group, window));
    threads.emplace_back([&, i] { all[i]->Run(commands, begin, end, i, clients); });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = Now() - start;
  for (const auto& client : all) {
    totals->accepted += client->totals().accepted;
    totals->rejected += client->totals().rejected;
    totals->balance += client->totals().balance;
    if (client->failures() > 0) {
      std::fprintf(stderr, "bank: %" PRIu64 " commands got an error\n", client->failures());
      std::exit(1);
    }
  }
  return seconds;
}

}  // namespace commander::benchmarks
