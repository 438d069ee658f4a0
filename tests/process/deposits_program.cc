// process_deposits DIR EACH DONE [BROKERS GROUP]: threads of one engine that deposit a cent each
// time, for a test that kills it; on Apache Kafka where BROKERS are named, with topics and
// application of that group.
//
// DONE says of each thread how many of its EACH deposits are known to be durable, "0,17,4"; it goes
// on behind them.  The id of a deposit is its thread and number, so that what is sent again is a
// repeat.  Every one that is durable is a line "durable THREAD".  When all are, each row of the
// projection as of the last outcomes is a line "row KEY CENTS EVENTS", and the process ends with 0.
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "commander/commander.h"
#include "commander/internal/status_macros.h"
#include "tests/process/deposits.h"
#include "tests/process/report.h"
#include "tests/support/bank.h"

namespace {

using namespace commander;        // NOLINT: a test program
using namespace commander::test;  // NOLINT

constexpr std::size_t kLargeBytes = std::size_t{900} << 10;
constexpr std::uint64_t kLargeEvery = 200;

struct Arguments {
  std::string directory;
  std::uint64_t each = 0;
  std::vector<std::uint64_t> done;
  std::string brokers = {};
  std::string group = "accounts";
};

// Small enough that every life writes its stores back.
EngineOptions Options(const Arguments& arguments) {
  EngineOptions options;
  options.data_directory = arguments.directory;
  options.brokers = arguments.brokers;
  options.application = arguments.group;
  options.write_back_events = 200;
  options.log_sink = [](const LogLine& line) {
    if (line.level >= LogLevel::kWarning) {
      std::cerr << line.component << ": " << line.message << "\n";
    }
  };
  return options;
}

// No compression makes it small.
std::string LargeText() {
  std::mt19937_64 random(1);
  std::string text(kLargeBytes, ' ');
  for (char& c : text) c = static_cast<char>(' ' + random() % 95);
  return text;
}

class Depositor {
 public:
  Depositor(Engine& engine, const Group<Account>& accounts, std::uint64_t each)
      : engine_(engine), accounts_(accounts), each_(each) {}

  absl::Status Run(std::uint64_t thread, std::uint64_t done) const {
    for (std::uint64_t number = done; number < each_; ++number) {
      COMMANDER_RETURN_IF_ERROR(Deposit(thread, number));
      WriteLine(absl::StrCat("durable ", thread));
    }
    return absl::OkStatus();
  }

  // Behind all deposits: the position of an outcome of each key, which changes nothing.
  absl::StatusOr<Position> Last() const {
    Position last;
    for (std::uint64_t key = 0; key < kDepositKeys; ++key) {
      COMMANDER_ASSIGN_OR_RETURN(
          const Outcome outcome,
          engine_.SyncCommand<bank::Misbehave>(
              accounts_, DepositKey(key),
              [](auto command) { command.setHow(bank::Misbehave::How::EMIT_THEN_REJECT); },
              {.timeout = absl::Minutes(5)}));
      last.Merge(outcome.position());
    }
    return last;
  }

 private:
  // Some are large, so that their commits are slow and others overtake them: half of these in the
  // command alone, half in its event, too.
  absl::Status Deposit(std::uint64_t thread, std::uint64_t number) const {
    const bool large = number % kLargeEvery == 0;
    const bool in_event = large && number / kLargeEvery % 2 == thread % 2;
    CommandOptions options;
    options.id = absl::StrCat(thread, "-", number);
    options.timeout = absl::Minutes(5);
    if (large && !in_event) options.headers = {{"large", large_}};
    const auto fill = [&](auto command) {
      command.setCents(1);
      if (!in_event) return;
      command.setPadding({reinterpret_cast<const kj::byte*>(large_.data()), large_.size()});
    };
    const std::string key = DepositKey(thread * each_ + number);
    return engine_.AsyncCommand<bank::Deposit>(accounts_, key, fill, options).status();
  }

  Engine& engine_;
  const Group<Account>& accounts_;
  const std::uint64_t each_;
  const std::string large_ = LargeText();
};

absl::Status RunThreads(const Depositor& depositor, const std::vector<std::uint64_t>& done) {
  std::mutex mutex;
  absl::Status first;
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < done.size(); ++i) {
    threads.emplace_back([&, i] {
      const absl::Status status = depositor.Run(i, done[i]);
      const std::lock_guard lock(mutex);
      first.Update(status);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return first;
}

absl::Status Run(const Arguments& arguments) {
  Group<Account> accounts(arguments.group, {.partitions = kDepositPartitions});
  AddBankHandlers(accounts);
  Projection<Balance> balances("balances", accounts);
  WriteLine("opening");
  COMMANDER_ASSIGN_OR_RETURN(const auto engine,
                             Engine::Open(Options(arguments), {&accounts, &balances}));
  WriteLine("open");
  const Depositor depositor(*engine, accounts, arguments.each);
  COMMANDER_RETURN_IF_ERROR(RunThreads(depositor, arguments.done));
  COMMANDER_ASSIGN_OR_RETURN(const Position last, depositor.Last());
  COMMANDER_ASSIGN_OR_RETURN(
      const auto rows, engine->Scan(balances, {.at_least = last, .timeout = absl::Minutes(5)}));
  for (const auto& [key, row] : rows) {
    WriteLine(absl::StrCat("row ", key, " ", row.cents, " ", row.events));
  }
  return engine->Close();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 6) return 2;
  Arguments arguments;
  arguments.directory = argv[1];
  arguments.each = std::strtoull(argv[2], nullptr, 10);
  for (const std::string& done : std::vector<std::string>(absl::StrSplit(argv[3], ','))) {
    arguments.done.push_back(std::strtoull(done.c_str(), nullptr, 10));
  }
  if (argc == 6) {
    arguments.brokers = argv[4];
    arguments.group = argv[5];
  }
  const absl::Status status = Run(arguments);
  if (status.ok()) return 0;
  std::cerr << status << "\n";
  return 1;
}
