// expect: commander: a state or row needs `using Schema = ...;`, the Cap'n Proto struct that it is stored as
#include "tests/api/compile_fail/account.h"

struct Other {
  using Schema = std::string;
  using Events = commander::Events<bank::Closed>;
  void Load(Schema) {}
  void Save(Schema) const {}
  void Apply(bank::Closed::Reader) {}
};
commander::Group<Other> others("others");
