// The workload "bank" through the public API: throughput with many commands outstanding, then the
// latency of one synchronous client, then a rebuild of all states.  On the embedded log beside a
// bare write and sync; on Kafka, with --brokers, beside a bare loop of librdkafka.
//
// What the engine answers is compared with a model.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "benchmarks/bank_clients.h"
#include "benchmarks/bank_workload.h"
#include "benchmarks/bare_file.h"
#include "benchmarks/kafka_bare_loop.h"
#include "benchmarks/kafka_topics.h"
#include "benchmarks/measure.h"
#include "benchmarks/round_trips.h"
#include "commander/commander.h"

namespace commander::benchmarks {
namespace {

struct Options {
  std::size_t count = 1'000'000;
  std::size_t clients = 1;
  std::uint16_t partitions = 1;
  std::size_t window = 4096;
  std::size_t sync_count = 5000;
  std::string brokers;  // empty: the embedded log
};

// Of round trips on Kafka.
struct Pace {
  const char* name;
  double per_second;  // 0: one outstanding
  std::size_t count;
};
constexpr Pace kPaces[] = {{"one outstanding", 0, 1000},
                           {"50 a second", 50, 500},
                           {"1,000 a second", 1000, 5000},
                           {"5,000 a second", 5000, 25'000}};
constexpr double kFastestSync = 50;

struct Figures {
  double commands_per_second = 0;
  double cpu_seconds_per_million = 0;
  std::vector<LatencyUs> round_trips;  // as kPaces, on Kafka
};

double PeakMebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

std::uintmax_t LogBytes(const std::filesystem::path& data) {
  std::uintmax_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(data / "log")) {
    if (file.path().extension() == ".log") bytes += file.file_size();
  }
  return bytes;
}

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "bank: %s\n", status.ToString().c_str());
  std::exit(1);
}

template <class Types>
void Deposit(Engine& engine, const AccountGroup<Types>& group, std::size_t i) {
  Check(engine
            .SyncCommand<typename Types::Deposit>(group,
                                                  KeyOf(static_cast<std::uint32_t>(i % kAccounts)),
                                                  [&](auto payload) { Fill(payload, i, 1); })
            .status());
}

template <class Types>
void RunSync(Engine& engine, const AccountGroup<Types>& group,
             const std::filesystem::path& directory, std::size_t count) {
  BareFile bare(directory / "bare", count);
  std::vector<double> bare_us;
  std::vector<double> sync_us;
  const auto measure = [](std::vector<double>* out, const auto& run) {
    const double start = Now();
    run();
    out->push_back((Now() - start) * 1e6);
  };
  double cpu = 0;
  for (std::size_t i = 0; i < count; ++i) {
    measure(&bare_us, [&] { bare.Write(); });
    const double before = CpuSeconds();
    measure(&sync_us, [&] { Deposit<Types>(engine, group, i); });
    cpu += CpuSeconds() - before;
  }
  const LatencyUs bare_p = Percentiles(&bare_us);
  const LatencyUs sync_p = Percentiles(&sync_us);
  std::printf("one synchronous client, %zu commands, each after a bare %zu-byte write and sync:\n",
              count, kBareBytes);
  std::printf("  bare         p50 %7.1f us   p99 %7.1f us\n", bare_p.p50, bare_p.p99);
  std::printf("  SyncCommand  p50 %7.1f us   p99 %7.1f us   ratio %.2f / %.2f   CPU %.1f us\n",
              sync_p.p50, sync_p.p99, sync_p.p50 / bare_p.p50, sync_p.p99 / bare_p.p99,
              cpu * 1e6 / static_cast<double>(count));
}

// Of deposits: synchronous ones, as long as one after the other can keep the pace.
template <class Types>
LatencyUs RoundTrips(Engine& engine, const AccountGroup<Types>& group, const Pace& pace) {
  return MeasureRoundTrips(pace.count, pace.per_second,
                           [&](std::size_t i, const std::function<void()>& done) {
                             if (pace.per_second <= kFastestSync) {
                               Deposit<Types>(engine, group, i);
                               return done();
                             }
                             Check(engine
                                       .SendCommand<typename Types::Deposit>(
                                           group, KeyOf(static_cast<std::uint32_t>(i % kAccounts)),
                                           [&](auto payload) { Fill(payload, i, 1); },
                                           [done](const absl::StatusOr<Outcome>& outcome) {
                                             Check(outcome.status());
                                             done();
                                           })
                                       .status());
                           });
}

template <class Types>
std::unique_ptr<Engine> Open(const EngineOptions& options, AccountGroup<Types>& accounts) {
  AddHandlers<Types>(accounts);
  auto engine = Engine::Open(options, {&accounts});
  Check(engine.status());
  return *std::move(engine);
}

// The warm part, then the measured one.
template <class Types>
Figures RunThroughput(Engine& engine, const AccountGroup<Types>& accounts, const Options& run,
                      const std::vector<Command>& commands, Totals* totals) {
  const std::size_t warm = run.count / 10;
  RunClients<Types>(engine, accounts, commands, 0, warm, run.clients, run.window, totals);
  const double cpu = CpuSeconds();
  const double seconds = RunClients<Types>(engine, accounts, commands, warm, run.count, run.clients,
                                           run.window, totals);
  const auto measured = static_cast<double>(run.count - warm);
  Figures figures;
  figures.commands_per_second = measured / seconds;
  figures.cpu_seconds_per_million = (CpuSeconds() - cpu) / measured * 1e6;
  std::printf("  %.0f commands/s   %.2f CPU s per million   peak memory %.0f MiB\n",
              figures.commands_per_second, figures.cpu_seconds_per_million, PeakMebibytes());
  return figures;
}

template <class Types>
void Rebuild(const EngineOptions& options, const std::string& group, const Options& run,
             std::uint64_t events) {
  std::filesystem::remove_all(options.data_directory + "/store");
  const double start = Now();
  AccountGroup<Types> accounts(group, {.partitions = run.partitions});
  const std::unique_ptr<Engine> engine = Open<Types>(options, accounts);
  Check(engine->AwaitReady());
  const double seconds = Now() - start;
  std::printf("  rebuild of all states from the log: %.2f s, %.0f events/s\n", seconds,
              static_cast<double>(events) / seconds);
}

// On Kafka, `name` is that of the group, and of its topics, which are deleted.
template <class Types>
Figures RunBank(const Options& run, const std::filesystem::path& directory,
                const std::string& name) {
  const std::vector<Command> commands = Generate(run.count);
  const Totals expected = Expect(commands);
  AccountGroup<Types> accounts(name, {.partitions = run.partitions});
  EngineOptions options;
  options.data_directory = directory / "data";
  options.kek_file = directory / "kek";
  options.max_outstanding = run.window * run.clients + 1;
  options.brokers = run.brokers;
  options.application = name;
  std::unique_ptr<Engine> engine = Open<Types>(options, accounts);
  Totals totals;
  Figures figures = RunThroughput<Types>(*engine, accounts, run, commands, &totals);
  std::printf("  accepted %" PRIu64 "   rejected %" PRIu64 "   sum of balances %" PRId64 "   %s\n",
              totals.accepted, totals.rejected, totals.balance,
              totals == expected ? "as the model says" : "NOT WHAT THE MODEL SAYS");
  std::uint64_t events = totals.accepted;
  if (run.brokers.empty()) {
    std::printf(
        "  %.1f bytes of log per command\n",
        static_cast<double>(LogBytes(options.data_directory)) / static_cast<double>(run.count));
    if (run.sync_count > 0) RunSync<Types>(*engine, accounts, directory, run.sync_count);
    events += run.sync_count;
  } else if (run.sync_count > 0) {
    for (const Pace& pace : kPaces) {
      figures.round_trips.push_back(RoundTrips<Types>(*engine, accounts, pace));
      events += pace.count;
    }
  }
  Check(engine->Close());
  engine.reset();
  Rebuild<Types>(options, name, run, events);
  std::filesystem::remove_all(directory);
  if (!run.brokers.empty()) {
    DeleteKafkaTopics(run.brokers,
                      {name + "-commands", name + "-events", name + "-schemas", name + "-ledger"});
  }
  if (totals != expected) std::exit(1);
  return figures;
}

void PrintRatios(const BareLoopResult& bare, const Figures& engine) {
  std::printf(
      "  %.0f records/s   %.2f CPU s per million   %.0f records a transaction, %s\n"
      "  engine / bare loop: throughput %.2f   CPU per command %.2f\n",
      bare.records_per_second, bare.cpu_seconds_per_million, bare.records_per_transaction,
      "the client's sending included", engine.commands_per_second / bare.records_per_second,
      engine.cpu_seconds_per_million / bare.cpu_seconds_per_million);
}

// The bare loop's figures, and the engine's beside them.
void CompareWithBareLoop(const Options& run, const Figures& engine) {
  KafkaBareLoop loop({.brokers = run.brokers, .partitions = run.partitions});
  std::printf("a bare loop of librdkafka, %zu records, same broker, size and outstanding:\n",
              run.count);
  loop.Saturate(run.count / 10, run.window * run.clients);
  PrintRatios(loop.Saturate(run.count - run.count / 10, run.window * run.clients), engine);
  const BareLoopResult drained = loop.Drain(run.count);
  std::printf("  %.0f records/s   %.2f CPU s per million   all of them there before\n",
              drained.records_per_second, drained.cpu_seconds_per_million);
  if (run.sync_count == 0) return;
  std::printf("round trips, from when a command was due to the end of its transaction:\n");
  for (std::size_t i = 0; i < std::size(kPaces); ++i) {
    const LatencyUs bare = loop.RoundTrips(kPaces[i].count, kPaces[i].per_second);
    const LatencyUs& ours = engine.round_trips[i];
    std::printf(
        "  %-15s  bare p50 %6.2f ms  p99 %6.2f ms   engine p50 %6.2f ms  p99 %6.2f ms   "
        "ratio %.2f / %.2f\n",
        kPaces[i].name, bare.p50 / 1e3, bare.p99 / 1e3, ours.p50 / 1e3, ours.p99 / 1e3,
        ours.p50 / bare.p50, ours.p99 / bare.p99);
  }
}

// On a broker, another one for each run.
std::string NameOf(const Options& run, const std::string& directory, std::string_view kind) {
  if (run.brokers.empty()) return "accounts";
  return "bank-" + std::filesystem::path(directory).filename().string() + "-" +
         std::to_string(getpid()) + "-" + std::string(kind);
}

std::string MakeDirectory(std::string directory) {
  if (directory.empty()) {
    directory = "/var/tmp/commander-bank-XXXXXX";
    if (mkdtemp(directory.data()) == nullptr) Fail(directory);
  } else if (!std::filesystem::create_directories(directory)) {
    std::fprintf(stderr, "bank: %s is there already\n", directory.c_str());
    std::exit(1);
  }
  return directory;
}

void RunAll(const Options& run, const std::string& directory, bool personal) {
  std::printf("bank, %zu commands, %d partition(s), %zu client(s), %zu outstanding each%s:\n",
              run.count, run.partitions, run.clients, run.window,
              run.brokers.empty() ? "" : ", Kafka");
  const Figures clear = RunBank<Clear>(run, directory, NameOf(run, directory, "clear"));
  if (!run.brokers.empty()) CompareWithBareLoop(run, clear);
  if (!personal) return;
  std::filesystem::create_directories(directory);
  std::printf("the same with a personal field of %u bytes, one subject an account:\n", kPadBytes);
  const Figures sealed = RunBank<Personal>(run, directory, NameOf(run, directory, "personal"));
  std::printf("  throughput with sealing / without: %.2f\n",
              sealed.commands_per_second / clear.commands_per_second);
}

int Main(int argc, char** argv) {
  CLI::App app("the workload bank through the public API, on the embedded log or on Kafka");
  Options run;
  bool personal = false;
  std::string directory;
  app.add_option("--commands", run.count, "commands; the first tenth warms up")
      ->capture_default_str();
  app.add_option("--clients", run.clients, "threads that send")->capture_default_str();
  app.add_option("--partitions", run.partitions, "of the group")->capture_default_str();
  app.add_option("--outstanding", run.window, "commands a client has under way")
      ->capture_default_str();
  app.add_option("--sync", run.sync_count,
                 "synchronous commands afterwards; 0 leaves out all round trips")
      ->capture_default_str();
  app.add_option("--directory", directory,
                 "where the data goes, which must not exist; default: a new one in /var/tmp");
  app.add_option("--brokers", run.brokers,
                 "HOST:PORT of Apache Kafka, in place of the embedded log, and a bare loop of\n"
                 "librdkafka beside it");
  app.add_flag("--personal", personal, "again with a personal field in every command and event");
  CLI11_PARSE(app, argc, argv);
  RunAll(run, MakeDirectory(directory), personal);
  return 0;
}

}  // namespace
}  // namespace commander::benchmarks

int main(int argc, char** argv) {
  try {
    return commander::benchmarks::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bank: %s\n", error.what());
    return 1;
  }
}
