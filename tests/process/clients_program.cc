// process_clients DIR SEED COMMANDS [BROKERS GROUP [NAME=VALUE]...]: several clients of one engine,
// for a test that kills it; on Apache Kafka where BROKERS are named, with topics and application of
// that group and those properties of librdkafka.
//
// Each client sends so many commands, or with "endless" until the process ends, and writes what it
// is told as soon as it is (report.h).  When all are done, every account is open, everything is
// folded and written back, and the process ends with 0.
#include <cstdlib>
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "commander/commander.h"
#include "commander/internal/status_macros.h"
#include "tests/process/client.h"
#include "tests/process/report.h"
#include "tests/support/bank.h"

namespace {

using namespace commander;        // NOLINT: a test program
using namespace commander::test;  // NOLINT

constexpr std::uint64_t kClients = 6;

struct Arguments {
  std::string directory;
  std::uint64_t seed = 0;
  std::uint64_t commands = 0;
  std::string brokers = {};
  std::string group = "accounts";
  std::vector<std::pair<std::string, std::string>> kafka_properties = {};
};

// Small enough that every life rolls segments and writes stores back.
EngineOptions Options(const Arguments& arguments) {
  EngineOptions options;
  options.data_directory = arguments.directory;
  options.brokers = arguments.brokers;
  options.application = arguments.group;
  options.kafka_properties = arguments.kafka_properties;
  options.segment_bytes = std::size_t{64} << 10;
  options.write_back_events = 96;
  options.state_cache_bytes = 2000;
  options.log_sink = [](const LogLine& line) {
    if (line.level >= LogLevel::kWarning) {
      std::cerr << line.component << ": " << line.message << "\n";
    }
  };
  return options;
}

absl::Status Run(const Arguments& arguments) {
  const std::uint64_t seed = arguments.seed;
  const std::uint64_t commands = arguments.commands;
  Group<Account> accounts(arguments.group, {.partitions = 3});
  AddBankHandlers(accounts);
  Projection<Balance> balances("balances", accounts);
  std::vector<std::unique_ptr<Client>> clients;
  WriteLine("opening");
  COMMANDER_ASSIGN_OR_RETURN(const auto engine,
                             Engine::Open(Options(arguments), {&accounts, &balances}));
  WriteLine("open");
  for (std::uint64_t i = 0; i <= kClients; ++i) {
    clients.push_back(std::make_unique<Client>(*engine, accounts, absl::StrCat(seed, ".", i),
                                               seed * (kClients + 1) + i));
  }
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < kClients; ++i) {
    threads.emplace_back([&client = *clients[i], commands] {
      for (std::uint64_t n = 0; n < commands; ++n) client.Send();
    });
  }
  for (std::thread& thread : threads) thread.join();
  // The outcomes of the last one stand behind those that nobody waited for, in every partition.
  Client& last = *clients[kClients];
  for (std::uint64_t key = 0; key < kClientKeys; ++key) last.Open(ClientKey(key));
  COMMANDER_RETURN_IF_ERROR(
      engine->Get(balances, "acct-0", {.at_least = last.last(), .timeout = absl::Minutes(5)})
          .status());
  return engine->Close();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc < 6) return 2;
  Arguments arguments;
  arguments.directory = argv[1];
  arguments.seed = std::strtoull(argv[2], nullptr, 10);
  arguments.commands = std::string_view(argv[3]) == "endless"
                           ? std::numeric_limits<std::uint64_t>::max()
                           : std::strtoull(argv[3], nullptr, 10);
  if (argc >= 6) {
    arguments.brokers = argv[4];
    arguments.group = argv[5];
    for (int i = 6; i < argc; ++i) {
      arguments.kafka_properties.push_back(absl::StrSplit(argv[i], absl::MaxSplits('=', 1)));
    }
  }
  const absl::Status status = Run(arguments);
  if (status.ok()) return 0;
  std::cerr << status << "\n";
  return 1;
}
