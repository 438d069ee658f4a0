// expect: commander: a handler returns commander::Decision<...> of the events it may emit
#include "tests/api/compile_fail/account.h"

void Wire(Accounts& accounts) {
  accounts.OnCommand([](bank::Open::Reader, const View&) { return Emit<bank::Opened>(); });
}
