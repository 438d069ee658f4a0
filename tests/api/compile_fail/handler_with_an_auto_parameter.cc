// expect: commander: a handler must name the types of its parameters, without auto and without overloads: (bank::Open::Reader, const commander::View<Account>&)
#include "tests/api/compile_fail/account.h"

void Wire(Accounts& accounts) {
  accounts.OnCommand([](auto command, const View&) -> Decision<bank::Opened> { return Nothing(); });
}
