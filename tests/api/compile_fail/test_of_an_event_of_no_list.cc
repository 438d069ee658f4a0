// expect: commander: the state does not list this event in its Events<...>
#include "tests/api/compile_fail/account.h"

auto Test(const Accounts& accounts) {
  using namespace commander::testing;
  return Given(accounts).When(Command<bank::Open>()).ThenEvents(Event<bank::Closed>());
}
