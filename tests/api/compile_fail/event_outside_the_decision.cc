// expect: commander: the handler emits an event that its Decision<...> does not name
#include "tests/api/compile_fail/account.h"

void Wire(Accounts& accounts) {
  accounts.OnCommand([](bank::Open::Reader, const View&) -> Decision<bank::Opened> {
    return Emit<bank::Opened>().And(Emit<bank::Deposited>());
  });
}
