// process_deadly DIR send: three commands that nobody handles in this life of the process: "deadly"
// and "behind" for the account victim, "first" for the account other, in one partition.
//
// process_deadly DIR abort|exit|live [retry|skip]: handles them; the handler of "deadly" ends the
// process with abort() or _exit(9), or lets it live.  A process that lives to see it writes what
// became of all, retries or skips what is parked, and writes it again.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

#include "commander/commander.h"
#include "commander/internal/status_macros.h"
#include "tests/support/bank.h"

namespace {

using namespace commander;        // NOLINT: a test program
using namespace commander::test;  // NOLINT

CommandOptions WithId(std::string id) {
  CommandOptions options;
  options.id = std::move(id);
  options.timeout = absl::Minutes(1);
  return options;
}

void WriteOutcome(std::string_view what, const absl::StatusOr<Outcome>& outcome) {
  std::cout << what << ": ";
  if (!outcome.ok()) {
    std::cout << outcome.status() << std::endl;
    return;
  }
  std::cout << OutcomeKindName(outcome->kind()) << " " << outcome->rejection().code << " version "
            << outcome->version() << std::endl;
}

class Deadly {
 public:
  absl::Status Send(const std::string& directory) {
    Group<Account> accounts("accounts", {.partitions = 1, .handle_commands = false});
    AddBankHandlers(accounts);
    COMMANDER_ASSIGN_OR_RETURN(const auto engine,
                               Engine::Open({.data_directory = directory}, {&accounts}));
    COMMANDER_RETURN_IF_ERROR(
        engine
            ->AsyncCommand<bank::Misbehave>(
                accounts, "victim",
                [](auto command) { command.setHow(bank::Misbehave::How::CALL_ENGINE); },
                WithId("deadly"))
            .status());
    for (const auto& [key, id] : {std::pair("victim", "behind"), std::pair("other", "first")}) {
      COMMANDER_RETURN_IF_ERROR(
          engine->AsyncCommand<bank::Deposit>(accounts, key, &OneCent, WithId(id)).status());
    }
    return engine->Close(absl::ZeroDuration());
  }

  absl::Status Handle(const std::string& directory, std::string_view end, std::string_view then) {
    Group<Account> accounts("accounts", {.partitions = 1});
    AddBankHandlers(accounts, [end] {
      if (end == "abort") std::abort();
      if (end == "exit") _exit(9);
    });
    COMMANDER_ASSIGN_OR_RETURN(const auto engine,
                               Engine::Open({.data_directory = directory}, {&accounts}));
    // Behind the others; the same in every life, whether or not an earlier one got it to the log.
    WriteOutcome("other",
                 engine->SyncCommand<bank::Deposit>(accounts, "other", &OneCent, WithId("second")));
    COMMANDER_RETURN_IF_ERROR(Show(*engine, accounts));
    COMMANDER_ASSIGN_OR_RETURN(const auto parked, engine->Parked(accounts));
    if (then == "retry") WriteOutcome("retry", engine->Retry(accounts, "victim"));
    if (then == "skip" && !parked.empty()) {
      WriteOutcome("skip", engine->Skip(accounts, "victim", parked[0].source, "it kills"));
    }
    if (!then.empty()) {
      COMMANDER_RETURN_IF_ERROR(Show(*engine, accounts));
      WriteOutcome("new",
                   engine->SyncCommand<bank::Deposit>(accounts, "victim", &OneCent, WithId("new")));
    }
    return engine->Close();
  }

 private:
  static void OneCent(bank::Deposit::Builder command) { command.setCents(1); }

  static absl::Status Show(Engine& engine, const Group<Account>& accounts) {
    COMMANDER_ASSIGN_OR_RETURN(const auto parked, engine.Parked(accounts));
    for (const ParkedAggregate& aggregate : parked) {
      std::cout << "parked " << aggregate.key << " " << aggregate.code << " source "
                << aggregate.source.value << " length " << aggregate.length << " "
                << aggregate.command << ": " << aggregate.message << std::endl;
    }
    for (const char* id : {"deadly", "behind"}) {
      WriteOutcome(id, engine.FindOutcome(accounts, "victim", id));
    }
    return absl::OkStatus();
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const std::string_view what = argv[2];
  const absl::Status status = what == "send"
                                  ? Deadly().Send(argv[1])
                                  : Deadly().Handle(argv[1], what, argc > 3 ? argv[3] : "");
  if (status.ok()) return 0;
  std::cerr << status << "\n";
  return 1;
}
