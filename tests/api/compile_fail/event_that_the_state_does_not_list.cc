// expect: commander: the handler may emit an event that the state does not list in its Events<...>
#include "tests/api/compile_fail/account.h"

void Wire(Accounts& accounts) {
  accounts.OnCommand([](bank::Close::Reader, const View&) -> Decision<bank::Opened, bank::Closed> {
    return Emit<bank::Closed>();
  });
}
