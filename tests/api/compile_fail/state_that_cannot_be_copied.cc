// expect: commander: a state or row needs a constructor without parameters, by which it begins, and one that copies
#include "tests/api/compile_fail/account.h"

struct Other : Account {
  Other() = default;
  Other(const Other&) = delete;
};
commander::Group<Other> others("others");
