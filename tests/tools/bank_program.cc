// tools_bank: writes a data directory for tests of the command line, with the public API.
//
//   tools_bank DIR [--accounts N] [--deposits N] [--odd] [--wait] [--crash] [--only-open]
//
// Each account acct-1 … acct-N is opened, gets `deposits` deposits of 1 cent, and a withdrawal that
// is refused.  --odd adds keys and texts that are hard to print.  --wait goes on depositing into
// acct-1 until the standard input ends; --crash ends the process without writing the stores back.
// --only-open sends nothing: what is in the log is folded.
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "commander/commander.h"
#include "commander/internal/status_macros.h"
#include "tests/support/bank.h"

namespace {

using namespace commander;        // NOLINT: a test program
using namespace commander::test;  // NOLINT

int Fail(const absl::Status& status) {
  std::cerr << status << "\n";
  return 1;
}

struct Options {
  std::string directory;
  int accounts = 3;
  int deposits = 2;
  bool odd = false;
  bool wait = false;
  bool crash = false;
  bool only_open = false;
};

class Bank {
 public:
  explicit Bank(const Options& options) : options_(options) {}

  absl::Status Run() {
    AddBankHandlers(accounts_);
    EngineOptions engine;
    engine.data_directory = options_.directory;
    engine.segment_bytes = std::size_t{4} << 20;
    COMMANDER_ASSIGN_OR_RETURN(engine_, Engine::Open(engine, {&accounts_, &balances_}));
    if (options_.only_open) {
      COMMANDER_RETURN_IF_ERROR(engine_->AwaitReady());
      return engine_->Close();
    }
    for (int i = 1; i <= options_.accounts; ++i) {
      COMMANDER_RETURN_IF_ERROR(OpenAccount("acct-" + std::to_string(i), "Ann"));
    }
    for (int d = 0; d < options_.deposits; ++d) {
      for (int i = 1; i <= options_.accounts; ++i) {
        COMMANDER_RETURN_IF_ERROR(Deposit("acct-" + std::to_string(i)));
      }
    }
    COMMANDER_RETURN_IF_ERROR(Drain());
    COMMANDER_RETURN_IF_ERROR(
        Send<bank::Withdraw>("acct-1", [](auto command) { command.setCents(1'000'000); }));
    COMMANDER_RETURN_IF_ERROR(Drain());
    if (options_.odd) COMMANDER_RETURN_IF_ERROR(AddOdd());
    std::cout << "ready" << std::endl;
    if (options_.wait) COMMANDER_RETURN_IF_ERROR(WorkUntilInputEnds());
    if (options_.crash) _exit(0);
    return Close();
  }

 private:
  // When the projection, too, has folded everything.
  absl::Status Close() {
    COMMANDER_RETURN_IF_ERROR(engine_->Get(balances_, "acct-1", {.at_least = last_}).status());
    return engine_->Close();
  }
  absl::Status OpenAccount(std::string_view key, std::string_view owner) {
    return Send<bank::Open>(key, [&](auto command) {
      command.setOwner(capnp::Text::Reader(owner.data(), owner.size()));
    });
  }
  absl::Status Deposit(std::string_view key) {
    return Send<bank::Deposit>(key, [&](auto command) { command.setCents(1); });
  }
  template <class Command, class Fill>
  absl::Status Send(std::string_view key, Fill fill) {
    while (true) {
      const auto sent = engine_->SendCommand<Command>(accounts_, key, fill,
                                                      [this](absl::StatusOr<Outcome> outcome) {
                                                        if (outcome.ok()) {
                                                          const std::lock_guard lock(mutex_);
                                                          last_.Merge(outcome->position());
                                                        } else {
                                                          ++failed_;
                                                        }
                                                        ++answered_;
                                                        answered_.notify_all();
                                                      });
      if (sent.ok()) {
        ++sent_;
        return absl::OkStatus();
      }
      if (!absl::IsResourceExhausted(sent.status())) return sent.status();
      answered_.wait(answered_.load());
    }
  }
  absl::Status Drain() {
    for (std::uint64_t n = answered_; n < sent_; n = answered_) answered_.wait(n);
    return failed_ == 0 ? absl::OkStatus() : absl::InternalError("a command failed");
  }
  absl::Status AddOdd() {
    using std::string_view_literals::operator""sv;
    for (const std::string_view key : {"a\\b"sv, "\x00\x01\n"sv, "Z\xc3\xbcrich"sv, "\xff\xfe"sv,
                                       " lead"sv, "-5"sv, "\x1b[31mred"sv}) {
      COMMANDER_RETURN_IF_ERROR(OpenAccount(key, "line\none \"two\" \x1b[31m \xe2\x80\xae"));
    }
    COMMANDER_RETURN_IF_ERROR(OpenAccount("not-utf8", "\xff\x00\x80"sv));
    COMMANDER_RETURN_IF_ERROR(Send<bank::Deposit>("bytes", [](auto command) {
      command.setCents(9'007'199'254'740'993);
      const capnp::byte padding[] = {0, 1, 0xfe, 0xff};
      command.setPadding(kj::arrayPtr(padding, 4));
    }));
    return Drain();
  }
  absl::Status WorkUntilInputEnds() {
    std::atomic<bool> over = false;
    std::thread reader([&] {
      char byte = 0;
      while (read(STDIN_FILENO, &byte, 1) > 0) {
      }
      over = true;
    });
    absl::Status status;
    while (!over && status.ok()) {
      status = Deposit("acct-1");
      status.Update(Drain());
    }
    reader.join();
    return status;
  }

  const Options options_;
  Group<Account> accounts_{"accounts"};
  Projection<Balance> balances_{"balances", accounts_};
  std::unique_ptr<Engine> engine_;
  std::uint64_t sent_ = 0;
  std::mutex mutex_;
  Position last_;
  std::atomic<std::uint64_t> answered_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--accounts" && i + 1 < argc) {
      options.accounts = std::atoi(argv[++i]);
    } else if (argument == "--deposits" && i + 1 < argc) {
      options.deposits = std::atoi(argv[++i]);
    } else if (argument == "--odd") {
      options.odd = true;
    } else if (argument == "--wait") {
      options.wait = true;
    } else if (argument == "--only-open") {
      options.only_open = true;
    } else if (argument == "--crash") {
      options.crash = true;
    } else {
      options.directory = argument;
    }
  }
  const absl::Status status = Bank(options).Run();
  return status.ok() ? 0 : Fail(status);
}
