// expect: commander: commands, events and states are structs that Cap'n Proto generated from a schema
#include "tests/api/compile_fail/account.h"

void Wire(Accounts& accounts) {
  accounts.OnCommand([](bank::Open::Reader, const View&) -> Decision<bank::Opened> {
    return Emit<std::string>([](auto event) { event = "Ada"; });
  });
}
