// expect: commander: a handler takes two parameters, the command's Reader and const commander::View<State>&
#include "tests/api/compile_fail/account.h"

void Wire(Accounts& accounts) {
  accounts.OnCommand([](bank::Open::Reader) -> Decision<bank::Opened> { return Nothing(); });
}
