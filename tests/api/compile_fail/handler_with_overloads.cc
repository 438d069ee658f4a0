// expect: commander: a handler must name the types of its parameters, without auto and without overloads: (bank::Open::Reader, const commander::View<Account>&)
#include "tests/api/compile_fail/account.h"

struct Handler {
  Decision<bank::Opened> operator()(bank::Open::Reader, const View&) const { return Nothing(); }
  Decision<bank::Closed> operator()(bank::Close::Reader, const View&) const { return Nothing(); }
};
void Wire(Accounts& accounts) { accounts.OnCommand(Handler()); }
