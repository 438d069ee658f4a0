// tools_people: writes a data directory with personal fields, for tests of the command line.
//
//   tools_people DIR KEK_FILE [--only-open] [--deposit] [--wait]
//
// Accounts acct-1 to acct-3 are opened for "canary-owner-N" and get 7 cents; acct-1 is refused a
// command, with "canary-refusal" in the message; acct-3 mentions the person "canary-person".
// --only-open sends nothing: what is in the log is folded; --deposit puts 1 cent into acct-2 and
// does no more.  --wait keeps it open until the standard input ends.
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "commander/commander.h"
#include "commander/internal/status_macros.h"
#include "tests/tools/people.capnp.h"

namespace {

using namespace commander;  // NOLINT: a test program

struct Account {
  using Schema = people::Account;
  using Events = commander::Events<people::Opened, people::Deposited, people::Mentioned>;
  std::string owner;
  std::string city;
  std::int64_t cents = 0;

  void Load(Schema::Reader stored) {
    owner = stored.getOwner().cStr();
    city = stored.getCity().cStr();
    cents = stored.getCents();
  }
  void Save(Schema::Builder stored) const {
    stored.setOwner(owner.c_str());
    stored.setCity(city.c_str());
    stored.setCents(cents);
  }
  void Apply(people::Opened::Reader event) {
    owner = event.getOwner().cStr();
    city = event.getCity().cStr();
  }
  void Apply(people::Deposited::Reader event) { cents += event.getCents(); }
  void Apply(people::Mentioned::Reader) {}
};

struct Resident {
  using Schema = people::Resident;
  using Events = commander::Events<people::Opened>;
  std::string owner;
  std::uint64_t opened = 0;

  void Load(Schema::Reader stored) {
    owner = stored.getOwner().cStr();
    opened = stored.getOpened();
  }
  void Save(Schema::Builder stored) const {
    stored.setOwner(owner.c_str());
    stored.setOpened(opened);
  }
  static Keys KeysOf(people::Opened::Reader, const EventMetadata& metadata) { return metadata.key; }
  void Apply(people::Opened::Reader event, const EventMetadata&) {
    owner = event.getOwner().cStr();
    ++opened;
  }
};

void AddHandlers(Group<Account>& accounts) {
  accounts.OnCommand(
      [](people::Open::Reader command, const View<Account>&) -> Decision<people::Opened> {
        return Emit<people::Opened>([&](auto event) {
          event.setOwner(command.getOwner());
          event.setAge(command.getAge());
          event.setCity(command.getCity());
        });
      });
  accounts.OnCommand(
      [](people::Deposit::Reader command, const View<Account>&) -> Decision<people::Deposited> {
        return Emit<people::Deposited>([&](auto event) { event.setCents(command.getCents()); });
      });
  accounts.OnCommand(
      [](people::Insult::Reader command, const View<Account>&) -> Decision<people::Deposited> {
        return Reject("impolite", "not so, " + std::string(command.getName().cStr()));
      });
  accounts.OnCommand(
      [](people::Mention::Reader command, const View<Account>&) -> Decision<people::Mentioned> {
        return Emit<people::Mentioned>([&](auto event) { event.setPerson(command.getPerson()); });
      });
}

absl::Status Write(Engine& engine, Group<Account>& accounts, Projection<Resident>& residents) {
  Position last;
  for (const std::string number : {"1", "2", "3"}) {
    const std::string key = "acct-" + number;
    const std::string owner = "canary-owner-" + number;
    COMMANDER_RETURN_IF_ERROR(engine
                                  .SyncCommand<people::Open>(accounts, key,
                                                             [&](auto command) {
                                                               command.setOwner(owner.c_str());
                                                               command.setAge(12'345);
                                                               command.setCity("Bern");
                                                             })
                                  .status());
    COMMANDER_ASSIGN_OR_RETURN(const Outcome deposited,
                               engine.SyncCommand<people::Deposit>(
                                   accounts, key, [](auto command) { command.setCents(7); }));
    last.Merge(deposited.position());
  }
  COMMANDER_RETURN_IF_ERROR(
      engine
          .SyncCommand<people::Insult>(accounts, "acct-1",
                                       [](auto command) { command.setName("canary-refusal"); })
          .status());
  COMMANDER_ASSIGN_OR_RETURN(const Outcome mentioned, engine.SyncCommand<people::Mention>(
                                                          accounts, "acct-3", [](auto command) {
                                                            command.setPerson("canary-person");
                                                          }));
  last.Merge(mentioned.position());
  return engine.Get(residents, "acct-1", {.at_least = last}).status();
}

absl::Status Run(int argc, char** argv) {
  EngineOptions options;
  options.data_directory = argv[1];
  options.kek_file = argv[2];
  options.segment_bytes = std::size_t{4} << 20;
  bool only_open = false;
  bool deposit = false;
  bool wait = false;
  for (int i = 3; i < argc; ++i) {
    only_open |= std::string_view(argv[i]) == "--only-open";
    deposit |= std::string_view(argv[i]) == "--deposit";
    wait |= std::string_view(argv[i]) == "--wait";
  }
  Group<Account> accounts("accounts");
  Projection<Resident> residents("residents", accounts);
  AddHandlers(accounts);
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine,
                             Engine::Open(options, {&accounts, &residents}));
  COMMANDER_RETURN_IF_ERROR(engine->AwaitReady());
  if (deposit) {
    const auto fill = [](auto command) { command.setCents(1); };
    COMMANDER_RETURN_IF_ERROR(
        engine->SyncCommand<people::Deposit>(accounts, "acct-2", fill).status());
  } else if (!only_open) {
    COMMANDER_RETURN_IF_ERROR(Write(*engine, accounts, residents));
  }
  std::cout << "ready" << std::endl;
  if (wait) std::cin.ignore(std::numeric_limits<std::streamsize>::max());
  return engine->Close();
}

}  // namespace

int main(int argc, char** argv) {
  const absl::Status status =
      argc < 3 ? absl::InvalidArgumentError("tools_people DIR KEK_FILE") : Run(argc, argv);
  if (status.ok()) return 0;
  std::cerr << status << "\n";
  return 1;
}
