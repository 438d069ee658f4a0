// decision.h: what a command handler answers.
//
//     [](bank::Withdraw::Reader command, const View& view) -> Decision<bank::Withdrawn> {
//       if (view->cents < command.getCents()) return Reject("overdrawn", "balance is too low");
//       return Emit<bank::Withdrawn>([&](auto event) { event.setCents(command.getCents()); });
//     }
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "commander/internal/draft.h"
#include "commander/internal/type.h"

namespace commander {

namespace internal {

enum class DecisionKind { kEvents, kRejected, kNothing };

struct DecisionData {
  DecisionKind kind = DecisionKind::kNothing;
  std::vector<EventDraft> events;
  std::string code;
  std::string message;
};

template <class T, class... Ts>
inline constexpr bool kIsOneOf = (std::is_same_v<T, Ts> || ...);

}  // namespace internal

// There was nothing to do.  Recorded, and final: the same command will not run again.
class NothingDecided {
 private:
  NothingDecided() = default;
  friend NothingDecided Nothing();
};
inline NothingDecided Nothing() { return {}; }

// A refusal.  It goes into the log: refusals are facts, too.
class Rejected {
 private:
  Rejected(std::string_view code, std::string_view message) : code_(code), message_(message) {}
  friend Rejected Reject(std::string_view, std::string_view);
  template <class...>
  friend class Decision;
  std::string code_;
  std::string message_;
};
// `code` is stable and for programs, without personal data; codes that begin with
// "commander." are the engine's own: a handler that uses one has failed.  `message` is for people.
inline Rejected Reject(std::string_view code, std::string_view message) { return {code, message}; }

// Events to be committed together, all or none.
template <class... Es>
class Emitted {
 public:
  // These, then those of `other`.
  template <class... Fs>
  Emitted<Es..., Fs...> And(Emitted<Fs...> other) && {
    std::vector<internal::EventDraft> all = std::move(events_);
    for (internal::EventDraft& draft : other.events_) all.push_back(std::move(draft));
    return Emitted<Es..., Fs...>(std::move(all));
  }
  // More of the same: for a number of events known only at run time.
  void Append(Emitted other) {
    for (internal::EventDraft& draft : other.events_) events_.push_back(std::move(draft));
  }

 private:
  template <class...>
  friend class Emitted;
  template <class...>
  friend class Decision;
  template <class T, class F>
  friend Emitted<T> Emit(F&& fill);
  explicit Emitted(std::vector<internal::EventDraft> events) : events_(std::move(events)) {}
  std::vector<internal::EventDraft> events_;
};

// One event; `fill` gets its builder and runs at once.
template <class T, class F>
Emitted<T> Emit(F&& fill) {
  std::vector<internal::EventDraft> events;
  if constexpr (internal::CheckStruct<T>()) {
    events.emplace_back(internal::TypeOf<T>());
    std::forward<F>(fill)(events.back().payload().template initAs<T>());
  }
  return Emitted<T>(std::move(events));
}
template <class T>
Emitted<T> Emit() {
  return Emit<T>([](auto) {});
}

// What a handler may answer: events of the types it names, a refusal, or nothing.
template <class... Es>
class Decision {
 public:
  template <bool kSaidNothing = true>
  Decision() {
    static_assert(!kSaidNothing,
                  "commander: a handler must say what it decided: return commander::Nothing(), "
                  "Reject(code, message) or Emit<Event>(fill), not {}");
  }
  Decision(NothingDecided) {}    // NOLINT: handlers return Nothing()
  Decision(Rejected rejected) {  // NOLINT: handlers return Reject(…)
    data_.kind = internal::DecisionKind::kRejected;
    data_.code = std::move(rejected.code_);
    data_.message = std::move(rejected.message_);
  }
  template <class... Fs>
  Decision(Emitted<Fs...> emitted) {  // NOLINT: handlers return Emit<…>(…)
    static_assert((internal::kIsOneOf<Fs, Es...> && ...),
                  "commander: the handler emits an event that its Decision<...> does not name");
    data_.kind = internal::DecisionKind::kEvents;
    data_.events = std::move(emitted.events_);
  }

  // For the engine and the test fixture.
  internal::DecisionData Take() && { return std::move(data_); }

 private:
  internal::DecisionData data_;
};

}  // namespace commander
