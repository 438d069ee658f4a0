// events.h: lists of event types, and what a fold may answer.
#pragma once

#include <capnp/any.h>

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "commander/internal/type.h"
#include "commander/outcome.h"

namespace commander {

// The events that a state or a projection folds.  Every listed type needs an Apply.
//
//     using Events = commander::Events<bank::Opened, commander::Ignores<bank::Noted>>;
template <class... Listed>
struct Events {};

// Listed, but deliberately not folded.  A group must list every event type that its
// log holds: an event that no list names is a mistake, this says that it is not one.
template <class T>
struct Ignores {};

// What Apply may return: whether the row (of a projection) or the aggregate (of a
// state) is kept.  A removed aggregate keeps its version.
enum class Row { kKeep, kRemove };

namespace internal {

template <class T>
struct ListedEvent {
  using Type = T;
  static constexpr bool kIgnored = false;
};
template <class T>
struct ListedEvent<Ignores<T>> {
  using Type = T;
  static constexpr bool kIgnored = true;
};

template <class T>
struct IsEventList : std::false_type {};
template <class... Listed>
struct IsEventList<Events<Listed...>> : std::true_type {};

template <class T, class List>
struct ListHas;
template <class T, class... Listed>
struct ListHas<T, Events<Listed...>>
    : std::bool_constant<(std::is_same_v<T, typename ListedEvent<Listed>::Type> || ...)> {};

template <class F, class T>
concept AppliesPlain = requires(F& fold, typename T::Reader event) {
  fold.Apply(event);
};
template <class F, class T>
concept AppliesWithMetadata = requires(F& fold, typename T::Reader event,
                                       const EventMetadata& metadata) {
  fold.Apply(event, metadata);
};

// Calls the Apply that there is; true: keep.
template <class T, class F>
bool ApplyTo(F& fold, typename T::Reader event, const EventMetadata& metadata) {
  auto call = [&] {
    if constexpr (AppliesWithMetadata<F, T>) {
      return fold.Apply(event, metadata);
    } else {
      return fold.Apply(event);
    }
  };
  if constexpr (std::is_same_v<decltype(call()), Row>) {
    return call() == Row::kKeep;
  } else {
    static_assert(std::is_void_v<decltype(call())>,
                  "commander: Apply must return void or commander::Row");
    call();
    return true;
  }
}

// One event type of a fold, without its types.
struct EventFold {
  const Type* type = nullptr;
  // Null: ignored.  `fold` is the state or row; true: keep.  May throw.
  bool (*apply)(void* fold, capnp::AnyPointer::Reader event,
                const EventMetadata& metadata) = nullptr;
};

}  // namespace internal
}  // namespace commander
