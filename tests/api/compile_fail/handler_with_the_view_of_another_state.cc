// expect: commander: a handler's second parameter is const commander::View<State>&, of the state of its group
#include "tests/api/compile_fail/account.h"

struct Other : Account {};

void Wire(Accounts& accounts) {
  accounts.OnCommand(
      [](bank::Open::Reader, const commander::View<Other>&) -> Decision<bank::Opened> {
        return Nothing();
      });
}
