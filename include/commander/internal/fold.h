// fold.h: a state or a projection's row without its C++ type, and the checks that say in one
// sentence what a user's type lacks.
#pragma once

#include <capnp/any.h>

#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "commander/events.h"
#include "commander/internal/type.h"

namespace commander::internal {

struct FoldType {
  const Type* schema = nullptr;   // how a state or row is stored
  std::uint32_t version = 1;      // kVersion
  std::vector<EventFold> events;  // in the order of the list
  std::shared_ptr<void> (*make)() = nullptr;
  std::shared_ptr<void> (*copy)(const void*) = nullptr;
  void (*load)(void*, capnp::AnyPointer::Reader) = nullptr;
  void (*save)(const void*, capnp::AnyPointer::Builder) = nullptr;
  std::size_t (*memory_bytes)(const void*) = nullptr;  // null: not said

  // The fold of events of that stable name, or null where no list names it.
  const EventFold* Find(std::string_view event) const {
    for (const EventFold& fold : events) {
      if (fold.type->name == event) return &fold;
    }
    return nullptr;
  }
};

template <class F>
concept HasSchema = requires {
  typename F::Schema;
}
&&CapnpStruct<typename F::Schema>;
template <class F>
concept HasEvents = requires {
  typename F::Events;
}
&&IsEventList<typename F::Events>::value;
template <class F>
concept Loads = requires(F& fold, typename F::Schema::Reader stored) {
  fold.Load(stored);
};
template <class F>
concept Saves = requires(const F& fold, typename F::Schema::Builder stored) {
  fold.Save(stored);
};

template <class T, class F>
bool ApplyErased(void* fold, capnp::AnyPointer::Reader event, const EventMetadata& metadata) {
  return ApplyTo<T>(*static_cast<F*>(fold), event.getAs<T>(), metadata);
}

// Instantiated with the types that are at odds, so that compilers name them beside the sentence.
template <class State, class Event>
constexpr bool CheckApply() {
  constexpr bool kApplies = AppliesPlain<State, Event> || AppliesWithMetadata<State, Event>;
  static_assert(kApplies,
                "commander: an event is listed in Events<...> but there is no Apply for it");
  return kApplies;
}

template <class F, class List>
struct EventFolds;
template <class F, class... Listed>
struct EventFolds<F, Events<Listed...>> {
  template <class L>
  static constexpr bool Check() {
    if constexpr (ListedEvent<L>::kIgnored) {
      return true;
    } else {
      return CheckApply<F, typename ListedEvent<L>::Type>();
    }
  }
  static constexpr bool kAllApply = (Check<Listed>() && ...);

  template <class L>
  static EventFold One() {
    using T = typename ListedEvent<L>::Type;
    EventFold fold;
    fold.type = &TypeOf<T>();
    if constexpr (!ListedEvent<L>::kIgnored) fold.apply = &ApplyErased<T, F>;
    return fold;
  }
  static std::vector<EventFold> All() { return {One<Listed>()...}; }
};

// False: a static_assert has said in one sentence what is missing.
template <class F>
constexpr bool CheckFold() {
  if constexpr (!HasSchema<F>) {
    static_assert(HasSchema<F>,
                  "commander: a state or row needs `using Schema = ...;`, the Cap'n Proto struct "
                  "that it is stored as");
    return false;
  } else if constexpr (!HasEvents<F>) {
    static_assert(HasEvents<F>,
                  "commander: a state or row needs `using Events = commander::Events<...>;`, the "
                  "types of event that it folds");
    return false;
  } else if constexpr (!Loads<F> || !Saves<F>) {
    static_assert(Loads<F> && Saves<F>,
                  "commander: a state or row needs `void Load(Schema::Reader)` and "
                  "`void Save(Schema::Builder) const`");
    return false;
  } else if constexpr (!std::is_default_constructible_v<F> || !std::is_copy_constructible_v<F>) {
    static_assert(std::is_default_constructible_v<F> && std::is_copy_constructible_v<F>,
                  "commander: a state or row needs a constructor without parameters, by which it "
                  "begins, and one that copies");
    return false;
  } else {
    return EventFolds<F, typename F::Events>::kAllApply;
  }
}

template <class F>
FoldType MakeFold() {
  FoldType type;
  if constexpr (CheckFold<F>()) {
    type.schema = &TypeOf<typename F::Schema>();
    if constexpr (requires { F::kVersion; }) type.version = F::kVersion;
    type.events = EventFolds<F, typename F::Events>::All();
    type.make = []() -> std::shared_ptr<void> { return std::make_shared<F>(); };
    type.copy = [](const void* from) -> std::shared_ptr<void> {
      return std::make_shared<F>(*static_cast<const F*>(from));
    };
    type.load = [](void* fold, capnp::AnyPointer::Reader stored) {
      static_cast<F*>(fold)->Load(stored.getAs<typename F::Schema>());
    };
    type.save = [](const void* fold, capnp::AnyPointer::Builder stored) {
      static_cast<const F*>(fold)->Save(stored.initAs<typename F::Schema>());
    };
    if constexpr (requires(const F& fold) { fold.MemoryBytes(); }) {
      type.memory_bytes = [](const void* fold) {
        return static_cast<std::size_t>(static_cast<const F*>(fold)->MemoryBytes());
      };
    }
  }
  return type;
}

template <class State>
const FoldType& StateFold() {
  static const FoldType type = MakeFold<State>();
  return type;
}

}  // namespace commander::internal
