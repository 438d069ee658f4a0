// signature.h: reads command, view and decision off a handler, and says in one sentence what is
// wrong with it.
#pragma once

#include <type_traits>
#include <vector>

#include "commander/decision.h"
#include "commander/events.h"
#include "commander/internal/fold.h"
#include "commander/internal/type.h"
#include "commander/view.h"

namespace commander::internal {

struct NoSignature {
  static constexpr bool kKnown = false;
};

template <class R, bool kConst, class... Args>
struct KnownSignature {
  static constexpr bool kKnown = true;
  static constexpr bool kIsConst = kConst;
  static constexpr std::size_t kArity = sizeof...(Args);
  using Result = R;
  template <std::size_t I, class First, class... Rest>
  struct At : At<I - 1, Rest...> {};
  template <class First, class... Rest>
  struct At<0, First, Rest...> {
    using Type = First;
  };
  template <std::size_t I>
  using Arg = typename At<I, Args...>::Type;
};

template <class T>
struct SignatureOfMember : NoSignature {};
template <class C, class R, class... Args>
struct SignatureOfMember<R (C::*)(Args...) const> : KnownSignature<R, true, Args...> {};
template <class C, class R, class... Args>
struct SignatureOfMember<R (C::*)(Args...) const noexcept> : KnownSignature<R, true, Args...> {};
template <class C, class R, class... Args>
struct SignatureOfMember<R (C::*)(Args...)> : KnownSignature<R, false, Args...> {};
template <class C, class R, class... Args>
struct SignatureOfMember<R (C::*)(Args...) noexcept> : KnownSignature<R, false, Args...> {};

template <class F>
struct SignatureOf : NoSignature {};
template <class F>
requires requires { &F::operator(); }
struct SignatureOf<F> : SignatureOfMember<decltype(&F::operator())> {};
template <class R, class... Args>
struct SignatureOf<R (*)(Args...)> : KnownSignature<R, true, Args...> {};
template <class R, class... Args>
struct SignatureOf<R (*)(Args...) noexcept> : KnownSignature<R, true, Args...> {};

// Instantiated with the types that are at odds, so that compilers name them beside the sentence.
template <class State, class Event>
constexpr bool CheckListed() {
  constexpr bool kListed = ListHas<Event, typename State::Events>::value;
  static_assert(kListed,
                "commander: the handler may emit an event that the state does not list in its "
                "Events<...>");
  return kListed;
}

template <class T>
struct IsDecision : std::false_type {};
template <class... Es>
struct IsDecision<Decision<Es...>> : std::true_type {
  template <class State>
  static constexpr bool kListed = (CheckListed<State, Es>() && ...);
  static std::vector<const Type*> Types() { return {&TypeOf<Es>()...}; }
};

template <class T>
concept ReaderOfStruct = requires {
  typename T::Reads;
}
&&CapnpStruct<typename T::Reads>;

template <class State, class F>
constexpr bool CheckHandler() {
  using S = SignatureOf<F>;
  if constexpr (!CheckFold<State>()) {
    return false;
  } else if constexpr (!S::kKnown) {
    static_assert(S::kKnown,
                  "commander: a handler must name the types of its parameters, without auto and "
                  "without overloads: (bank::Open::Reader, const commander::View<Account>&)");
    return false;
  } else if constexpr (!S::kIsConst) {
    static_assert(S::kIsConst,
                  "commander: a handler must not be mutable: it runs again after a crash and on "
                  "several threads, and must decide by command and view alone");
    return false;
  } else if constexpr (S::kArity != 2) {
    static_assert(S::kArity == 2,
                  "commander: a handler takes two parameters, the command's Reader and "
                  "const commander::View<State>&");
    return false;
  } else if constexpr (!ReaderOfStruct<std::remove_cvref_t<typename S::template Arg<0>>>) {
    static_assert(ReaderOfStruct<std::remove_cvref_t<typename S::template Arg<0>>>,
                  "commander: a handler's first parameter is the Reader of its command's struct");
    return false;
  } else if constexpr (!std::is_same_v<typename S::template Arg<1>, const View<State>&>) {
    static_assert(std::is_same_v<typename S::template Arg<1>, const View<State>&>,
                  "commander: a handler's second parameter is const commander::View<State>&, of "
                  "the state of its group");
    return false;
  } else if constexpr (!IsDecision<typename S::Result>::value) {
    static_assert(
        IsDecision<typename S::Result>::value,
        "commander: a handler returns commander::Decision<...> of the events it may emit");
    return false;
  } else {
    return IsDecision<typename S::Result>::template kListed<State>;
  }
}

template <class State, class F, bool kValid = CheckHandler<State, F>()>
struct HandlerCheck {
  static constexpr bool kOk = false;
};
template <class State, class F>
struct HandlerCheck<State, F, true> {
  static constexpr bool kOk = true;
  using Command = typename std::remove_cvref_t<typename SignatureOf<F>::template Arg<0>>::Reads;
  static std::vector<const Type*> MayEmit() {
    return IsDecision<typename SignatureOf<F>::Result>::Types();
  }
};

}  // namespace commander::internal
