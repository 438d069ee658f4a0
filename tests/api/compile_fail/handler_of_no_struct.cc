// expect: commander: a handler's first parameter is the Reader of its command's struct
#include "tests/api/compile_fail/account.h"

void Wire(Accounts& accounts) {
  accounts.OnCommand(
      [](const std::string&, const View&) -> Decision<bank::Opened> { return Nothing(); });
}
