// expect: commander: a projection folds the events of groups, and of nothing else
#include "tests/api/compile_fail/account.h"

struct Other : Account {
  template <class Event>
  static commander::Keys KeysOf(Event) {
    return "all";
  }
};
const commander::Projection<Other> others("others", std::string("accounts"));
