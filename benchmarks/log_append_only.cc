// What one file and one sync a batch allow, and the log without an engine beside it.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "benchmarks/append_only.h"
#include "commander/environment.h"
#include "engine/log/embedded_log.h"

namespace commander::benchmarks {
namespace {

// Commands and outcomes of the same size through the log alone: every command is
// appended, its outcome committed in the same call, one Step() a batch.
void RunLog(const std::string& directory, std::uint64_t commands, std::uint64_t batch) {
  std::filesystem::remove_all(directory);
  auto opened = log::OpenEmbeddedLog(
      {.directory = directory, .clock = &Clock::System(), .random = &RandomSource::System()});
  if (!opened.ok()) {
    std::fprintf(stderr, "%s\n", opened.status().ToString().c_str());
    std::exit(1);
  }
  log::Log& log = **opened;
  const std::uint16_t commands_topic = *log.OpenTopic({"c", log::TopicKind::kCommands, 1});
  const std::uint16_t events_topic = *log.OpenTopic({"e", log::TopicKind::kEvents, 1});
  const std::vector<log::Word> record(27, 1);
  std::vector<double> us;
  const double cpu = CpuSeconds();
  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t done = 0; done < commands; done += batch) {
    log::CommitBatch outcomes;
    for (std::uint64_t i = 0; i < batch; ++i) {
      if (!log.Append({commands_topic, 0}, record, nullptr, false).ok()) std::abort();
      outcomes.entries.Append(record);
    }
    outcomes.commands = {commands_topic, 0};
    outcomes.events = {events_topic, 0};
    outcomes.consumed = {done + batch};
    log.Commit(std::move(outcomes));
    const auto written = std::chrono::steady_clock::now();
    if (!log.Step()) std::abort();
    us.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - written)
            .count());
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const LatencyUs latency = Percentiles(&us);
  std::printf("%-28s %10.0f /s  %6.2f CPU s/M  step p50 %7.0f p99 %7.0f us\n",
              ("log alone, " + std::to_string(batch) + " a frame").c_str(),
              static_cast<double>(commands) / seconds,
              (CpuSeconds() - cpu) * 1e6 / static_cast<double>(commands), latency.p50, latency.p99);
  if (!log.Close().ok()) std::abort();
  std::filesystem::remove_all(directory);
}

int Main(int argc, char** argv) {
  std::uint64_t commands = 2'000'000;
  std::string data = std::filesystem::temp_directory_path();
  CLI::App app("What one append-only file allows, and the log alone beside it");
  app.add_option("--commands", commands, "How many")->capture_default_str();
  app.add_option("--data", data, "Where the files are made")->check(CLI::ExistingDirectory);
  CLI11_PARSE(app, argc, argv);
  std::printf("%u cores, %s\n", std::thread::hardware_concurrency(), data.c_str());
  for (const std::uint64_t batch : {1, 100, 1000}) {
    // A lone command costs a sync: fewer of them say as much.
    const std::uint64_t n = batch == 1 ? std::min<std::uint64_t>(commands, 10'000) : commands;
    const AppendOnlyResult floor = RunAppendOnlyBank(data, n, batch);
    std::printf("%-28s %10.0f /s  %6.2f CPU s/M  sync p50 %7.0f p99 %7.0f us\n",
                ("append-only, " + std::to_string(batch) + " a sync").c_str(),
                floor.commands_per_second, floor.cpu_seconds_per_million, floor.write_and_sync.p50,
                floor.write_and_sync.p99);
    if (n == 2'000'000 && (floor.accepted != 1'899'865 || floor.balances != 462'828'331)) {
      std::fprintf(stderr, "the sums of the workload are wrong\n");
      return 1;
    }
    RunLog(data + "/append-only-log", n, batch);
  }
  const LatencyUs bare = MeasureBareSync(data, 704, 5000);
  std::printf("%-28s %54s %7.0f p99 %7.0f us\n", "bare write and sync, 704 B", "p50", bare.p50,
              bare.p99);
  return 0;
}

}  // namespace
}  // namespace commander::benchmarks

int main(int argc, char** argv) { return commander::benchmarks::Main(argc, argv); }
