// expect: commander: a state or row needs `void Load(Schema::Reader)` and `void Save(Schema::Builder) const`
#include "tests/api/compile_fail/account.h"

struct Other {
  using Schema = bank::Account;
  using Events = commander::Events<bank::Closed>;
  void Load(Schema::Reader) {}
  void Save(Schema::Builder) {}
  void Apply(bank::Closed::Reader) {}
};
commander::Group<Other> others("others");
