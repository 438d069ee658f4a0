// expect: commander: a handler's first parameter is the Reader of its command's struct
#include "tests/api/compile_fail/account.h"

void Wire(Accounts& accounts) {
  accounts.OnCommand(
      [](bank::Open::Builder, const View&) -> Decision<bank::Opened> { return Nothing(); });
}
