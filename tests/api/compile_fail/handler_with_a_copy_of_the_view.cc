// expect: commander: a handler's second parameter is const commander::View<State>&, of the state of its group
#include "tests/api/compile_fail/account.h"

void Wire(Accounts& accounts) {
  accounts.OnCommand(
      [](bank::Open::Reader, View view) -> Decision<bank::Opened> { return Nothing(); });
}
