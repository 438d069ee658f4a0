// commander-demo: feeds the Debian changelogs of a machine through the engine.
#include <csignal>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>

#include "CLI/CLI.hpp"
#include "commander/commander.h"
#include "tools/demo/debian.h"
#include "tools/demo/erasure.h"
#include "tools/demo/import.h"
#include "tools/demo/report.h"
#include "tools/demo/session.h"

namespace {

constexpr int kFound = 1;  // it ran, and what it shows does not hold
constexpr int kFailed = 2;
constexpr int kInterrupted = 130;

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void OnInterrupt(int) { stop_requested = true; }

int Fail(const absl::Status& status) {
  std::cerr << "demo: " << status.message() << "\n";
  return kFailed;
}

struct Arguments {
  std::string data = "commander-demo-data";
  std::string input = "/usr/share/doc";
  std::string summary;
  bool erase = false;
  std::string email_file;
  std::string brokers;
};

int Erase(const Arguments& arguments) {
  commander::demo::ErasureOptions options;
  options.data = arguments.data;
  options.input = arguments.input;
  options.brokers = arguments.brokers;
  if (!arguments.email_file.empty()) options.email_file = arguments.email_file;
  const absl::StatusOr<bool> ok = commander::demo::ShowErasure(options, std::cout);
  std::cout << std::flush;
  if (!ok.ok()) return Fail(ok.status());
  if (!std::cout) return Fail(absl::DataLossError("cannot write to standard output"));
  return *ok ? 0 : kFound;
}

int Run(const Arguments& arguments) {
  const auto& [data, input, summary, erase, email_file, brokers] = arguments;
  auto session = commander::demo::Session::Open({data, brokers});
  if (!session.ok()) return Fail(session.status());
  commander::Engine& engine = (*session)->engine();
  const commander::demo::Debian& debian = (*session)->debian();
  const auto result = commander::demo::Import(engine, debian, input, stop_requested);
  if (!result.ok()) return Fail(result.status());
  // Also what an earlier run has stored.
  if (const absl::Status ready = engine.AwaitReady(); !ready.ok()) return Fail(ready);
  const auto totals = commander::demo::CountTotals(engine, debian, result->position);
  if (!totals.ok()) return Fail(totals.status());
  const auto tables = commander::demo::Tables(engine, debian);
  if (!tables.ok()) return Fail(tables.status());
  if (const absl::Status closed = (*session)->Close(); !closed.ok()) return Fail(closed);
  session->reset();  // its locks, too

  std::cout << *tables << commander::demo::Closing(*result, *totals) << std::flush;
  if (!std::cout) return Fail(absl::DataLossError("cannot write to standard output"));
  if (!summary.empty()) {
    std::ofstream file(summary, std::ios::trunc);
    file << commander::demo::Summary(*result, *totals) << std::flush;
    if (!file) return Fail(absl::DataLossError("cannot write " + summary));
  }
  if (result->interrupted) {
    std::cerr << "demo: interrupted; what was read is stored, the same command goes on\n";
    return kInterrupted;
  }
  return erase ? Erase(arguments) : 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Feeds every Debian changelog through the engine: a source package is an aggregate,\n"
      "a release is a command, a release already known has the outcome nothing.  Who released is\n"
      "personal: sealed wherever it is stored, counted by pseudonym.\n\n"
      "  commander-demo --data demo-data\n"
      "  commander-demo --data demo-data --input /usr/share/doc --summary summary.json\n"
      "  commander-demo --data demo-data --erase");
  Arguments arguments;
  app.add_option("--data", arguments.data,
                 "data directory; made if missing, a second run adds nothing.  The key that wraps\n"
                 "the keys of people is beside it, in DIR.kek: keep both, or nobody is readable")
      ->capture_default_str()
      ->take_last();
  app.add_option("--input", arguments.input, "documentation, or the roots of unpacked packages")
      ->capture_default_str()
      ->take_last();
  app.add_option("--summary", arguments.summary, "file for a summary as JSON")->take_last();
  CLI::Option* const erase =
      app.add_option("--erase", arguments.email_file,
                     "then erase an uploader for good, and show that it worked: whom the first\n"
                     "line of FILE names by address, or else the most active one")
          ->option_text("[FILE]")
          ->expected(0, 1)
          ->take_last();
  app.add_option(
         "--kafka", arguments.brokers,
         "HOST:PORT of Apache Kafka, whose topics then are the log; a data directory of its\n"
         "own has topics of its own")
      ->take_last();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kFailed;
  }
  arguments.erase = erase->count() > 0;
  std::signal(SIGINT, OnInterrupt);
  std::signal(SIGTERM, OnInterrupt);
  return Run(arguments);
}
