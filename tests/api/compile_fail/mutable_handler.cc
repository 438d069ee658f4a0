// expect: commander: a handler must not be mutable: it runs again after a crash and on several threads, and must decide by command and view alone
#include "commander/commander.h"
#include "commander/envelope.capnp.h"

struct State {
  using Schema = commander::wire::Extra;
  using Events = commander::Events<commander::wire::Header>;
};

static_assert(commander::internal::CheckHandler<
              State, decltype([i = 0](commander::wire::Extra::Reader,
                                      const commander::View<State>&) mutable
                              -> commander::Decision<commander::wire::Header> {
                ++i;
                return commander::Nothing();
              })>());
