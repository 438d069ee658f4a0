// expect: commander: a handler must say what it decided: return commander::Nothing(), Reject(code, message) or Emit<Event>(fill), not {}
#include "tests/api/compile_fail/account.h"

void Wire(Accounts& accounts) {
  accounts.OnCommand([](bank::Open::Reader, const View&) -> Decision<bank::Opened> { return {}; });
}
