// expect: commander: an event is listed in Events<...> but there is no Apply for it
#include "tests/api/compile_fail/account.h"

struct Other : Account {
  using Events = commander::Events<bank::Opened, bank::Closed>;
};
commander::Group<Other> others("others");
