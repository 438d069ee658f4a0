// expect: commander: a state or row needs `using Events = commander::Events<...>;`, the types of event that it folds
#include "tests/api/compile_fail/account.h"

struct Other {
  using Schema = bank::Account;
  void Load(Schema::Reader) {}
  void Save(Schema::Builder) const {}
  void Apply(bank::Closed::Reader) {}
};
const Accounts accounts("accounts");
const commander::Projection<Other> others("others", accounts);
