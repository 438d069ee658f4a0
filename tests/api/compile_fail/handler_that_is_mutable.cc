// expect: commander: a handler must not be mutable: it runs again after a crash and on several threads, and must decide by command and view alone
#include "tests/api/compile_fail/account.h"

void Wire(Accounts& accounts) {
  accounts.OnCommand(
      [calls = 0](bank::Open::Reader, const View&) mutable -> Decision<bank::Opened> {
        if (++calls > 1) return Nothing();
        return Emit<bank::Opened>();
      });
}
