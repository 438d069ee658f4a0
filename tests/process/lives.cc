#include "tests/process/lives.h"

#include <signal.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "commander/internal/status_macros.h"
#include "store/rocks_reader.h"
#include "tools/commander/store_hash.h"

namespace commander::test {
namespace {

constexpr std::uint64_t kFirstSeed = 1;
// Lines, each of 40 bytes or more: whoever reads so many has read what was said meanwhile.
constexpr std::uint64_t kMoreThanAPipeHolds = 1600;

}  // namespace

std::uint64_t KillSeed() {
  const char* text = std::getenv("COMMANDER_KILL_SEED");
  return text == nullptr ? kFirstSeed : std::strtoull(text, nullptr, 10);
}

void DeleteBankStores(const std::filesystem::path& data) {
  std::filesystem::remove_all(data / "store");
  std::filesystem::remove_all(data / "projections");
}

absl::StatusOr<std::string> HashOfBankStores(const std::filesystem::path& data,
                                             const std::string& group) {
  COMMANDER_ASSIGN_OR_RETURN(const auto states,
                             store::OpenRocksStoreReader({.directory = data / "store" / group}));
  cli::RowsHash hash;
  for (const std::string& name : states->FamilyNames()) {
    COMMANDER_ASSIGN_OR_RETURN(const store::FamilyId family, states->FindFamily(name));
    COMMANDER_ASSIGN_OR_RETURN(const cli::RowsHash rows, cli::HashOwnState(*states, family));
    hash.Add(rows);
  }
  COMMANDER_ASSIGN_OR_RETURN(
      const auto balances,
      store::OpenRocksStoreReader({.directory = data / "projections/balances@1"}));
  COMMANDER_ASSIGN_OR_RETURN(const store::FamilyId family, balances->FindFamily("rows"));
  COMMANDER_ASSIGN_OR_RETURN(const cli::RowsHash rows, cli::HashProjection(*balances, family));
  return absl::StrCat(hash.rows(), " states ", hash.ToHex(), ", ", rows.rows(), " rows ",
                      rows.ToHex());
}

Lives::Lives(Options options) : options_(std::move(options)), seed_(KillSeed()) {}

// The number of the life names its clients, and decides what they send.
std::vector<std::string> Lives::Command(const std::string& commands) {
  ++life_;
  std::vector<std::string> command = {Program("process_clients"), options_.data.string(),
                                      std::to_string(seed_ * 1000 + life_), commands};
  if (!options_.brokers.empty()) {
    command.push_back(options_.brokers);
    command.push_back(options_.group);
    command.insert(command.end(), options_.kafka_properties.begin(),
                   options_.kafka_properties.end());
  }
  return command;
}

absl::Status Lives::LiveAndDie() {
  const std::uint64_t lines =
      random_() % 5 == 0 ? 1 + random_() % 3 : 1 + random_() % options_.most_lines;
  Process clients(Command("endless"));
  COMMANDER_RETURN_IF_ERROR(Hear(clients, lines));
  clients.Signal(SIGKILL);
  return End(clients.Wait(), 128 + SIGKILL);
}

absl::Status Lives::PauseAndDie(int times, absl::Duration pause) {
  Process clients(Command("endless"));
  for (int i = 0; i < times; ++i) {
    COMMANDER_RETURN_IF_ERROR(Hear(clients, kMoreThanAPipeHolds + random_() % options_.most_lines));
    clients.Signal(SIGSTOP);
    absl::SleepFor(pause);
    clients.Signal(SIGCONT);
  }
  COMMANDER_RETURN_IF_ERROR(Hear(clients, kMoreThanAPipeHolds));
  clients.Signal(SIGKILL);
  return End(clients.Wait(), 128 + SIGKILL);
}

absl::Status Lives::Hear(Process& clients, std::uint64_t lines) {
  for (; lines > 0; --lines) {
    const std::string line = clients.ReadLine();
    if (line.empty()) {
      const Ran ran = clients.Wait();
      return absl::InternalError(
          absl::StrCat("life ", life_, " ended by itself with ", ran.exit, ": ", ran.err));
    }
    COMMANDER_RETURN_IF_ERROR(reports_.Add(line));
  }
  return absl::OkStatus();
}

absl::Status Lives::Live(int commands) {
  return End(RunProgram(Command(std::to_string(commands))), 0);
}

absl::Status Lives::End(const Ran& ran, int exit) {
  if (ran.exit != exit) {
    return absl::InternalError(
        absl::StrCat("life ", life_, " ended with ", ran.exit, ": ", ran.err));
  }
  for (const std::string& line : ran.Lines()) COMMANDER_RETURN_IF_ERROR(reports_.Add(line));
  return absl::OkStatus();
}

std::vector<std::string> Lives::Untold() const {
  std::vector<std::string> untold;
  for (const char* told : {"durable", "events", "rejection", "nothing", "repeat", "overdrawn",
                           "commander.id_reused", "commander.version_conflict"}) {
    if (!reports_.told().contains(told)) untold.push_back(told);
  }
  return untold;
}

}  // namespace commander::test
