// expect: commander: Apply must return void or commander::Row
#include "tests/api/compile_fail/account.h"

struct Other : Account {
  using Events = commander::Events<bank::Closed>;
  bool Apply(bank::Closed::Reader) { return true; }
};
commander::Group<Other> others("others");
