// expect: commander: commands, events and states are structs that Cap'n Proto generated from a schema
#include "tests/api/compile_fail/account.h"

auto Send(commander::Engine& engine, Accounts& accounts) {
  return engine.SyncCommand<std::string>(accounts, "acct-1", [](auto) {});
}
