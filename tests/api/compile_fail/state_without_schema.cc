// expect: commander: a state or row needs `using Schema = ...;`, the Cap'n Proto struct that it is stored as
#include "tests/api/compile_fail/account.h"

struct Other {
  using Events = commander::Events<bank::Closed>;
  void Load(bank::Account::Reader) {}
  void Save(bank::Account::Builder) const {}
  void Apply(bank::Closed::Reader) {}
};
commander::Group<Other> others("others");
