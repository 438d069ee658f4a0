// expect: commander: a projection needs at least one group, whose events it folds
#include "tests/api/compile_fail/account.h"

struct Other : Account {
  template <class Event>
  static commander::Keys KeysOf(Event) {
    return "all";
  }
};
const commander::Projection<Other> others("others");
