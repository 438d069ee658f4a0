// process_referrals DIR KEK_FILE LIFE opening|open|erasing MICROSECONDS: clients that refer people
// and one that has people erased, until SIGKILL ends all: so many microseconds after it began to
// open, had opened, or had begun the LIFE mod 3 + 1st erasure.
//
// What a client is told it writes at once, a line each (referral_book.h).
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "tests/process/referral_book.h"
#include "tests/process/referrals.h"
#include "tests/process/report.h"

namespace {

using namespace commander;        // NOLINT: a test program
using namespace commander::test;  // NOLINT

constexpr std::uint64_t kClients = 6;
constexpr std::uint64_t kAccounts = 12;
constexpr std::uint64_t kKnown = 12;  // people of a former life who are met again

// By a timer of the kernel: no thread of this process needs to run for it.
void DieAfter(std::int64_t microseconds) {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  timer_t timer{};
  itimerspec when{};
  when.it_value.tv_sec = microseconds / 1'000'000;
  when.it_value.tv_nsec = microseconds % 1'000'000 * 1000 + 1;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
      timer_settime(timer, 0, &when, nullptr) != 0) {
    _exit(4);
  }
}

class Life {
 public:
  Life(std::uint64_t number, std::string_view from, std::int64_t microseconds)
      : number_(number), from_(from), microseconds_(microseconds) {}

  absl::Status Run(const std::string& data, const std::string& kek) {
    Reach("opening");
    COMMANDER_ASSIGN_OR_RETURN(engine_, referrals_.Open(data, kek, [](const LogLine& line) {
      if (line.level >= LogLevel::kWarning) std::cerr << line.message << "\n";
    }));
    Reach("open");
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < kClients; ++i) threads.emplace_back([this, i] { Refer(i); });
    threads.emplace_back([this] { Erase(); });
    for (std::thread& thread : threads) thread.join();
    return absl::InternalError("nobody ended it");
  }

 private:
  void Reach(std::string_view what) {
    WriteLine(std::string(what));
    if (what == from_) DieAfter(microseconds_);
  }

  std::string Person(std::uint64_t n) const { return absl::StrCat(number_, ".", n); }
  std::string Former(std::mt19937_64& random) const {
    return absl::StrCat(1 + random() % number_, ".", random() % kKnown);
  }

  void Refer(std::uint64_t client) {
    std::mt19937_64 random(number_ * 100 + client);
    for (std::uint64_t n = 0;; ++n) {
      // All meet somebody new at once, in as many accounts.
      together_.arrive_and_wait();
      newest_ = n;
      newest_.notify_all();
      Send(absl::StrCat("acct-", (client + n) % kAccounts), Person(n));
      for (int more = 0; more < 2; ++more) {
        Send(absl::StrCat("acct-", random() % kAccounts), Former(random));
      }
    }
  }

  void Send(const std::string& key, const std::string& person) {
    const std::string id = NewKey();
    WriteLine(ReferralBook::Told(key, person, id,
                                 Referrals::Refer(*engine_, referrals_.accounts, key, person, id)));
  }

  void Erase() {
    std::mt19937_64 random(number_ * 100 + kClients);
    for (std::uint64_t begun = 0;; ++begun) {
      const std::uint64_t seen = newest_;
      const std::string person = random() % 3 == 0 ? Person(seen) : Former(random);
      WriteLine(ReferralBook::Erasing(person));
      if (from_ == "erasing" && begun == number_ % 3) DieAfter(microseconds_);
      WriteLine(ReferralBook::Erased(person, engine_->privacy().Erase(SubjectOf(person), "asked")));
      newest_.wait(seen);
    }
  }

  const std::uint64_t number_;
  const std::string from_;
  const std::int64_t microseconds_;
  Referrals referrals_;
  std::unique_ptr<Engine> engine_;
  std::barrier<> together_{kClients};
  std::atomic<std::uint64_t> newest_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  Life life(std::strtoull(argv[3], nullptr, 10), argv[4], std::strtoll(argv[5], nullptr, 10));
  std::cerr << life.Run(argv[1], argv[2]) << "\n";
  return 1;
}
