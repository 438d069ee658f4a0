// expect: commander: an event is listed in Events<...> but there is no static KeysOf for it
#include "tests/api/compile_fail/account.h"

struct Other : Account {
  static commander::Keys KeysOf(bank::Opened::Reader) { return "all"; }
};
const Accounts accounts("accounts");
const commander::Projection<Other> others("others", accounts);
