// testing.h: tests of handlers, states and projections, judged as the engine would.
//
//     using namespace commander::testing;
//     commander::Group<Account> accounts("accounts");
//     AddHandlers(accounts);
//
//     EXPECT_TRUE(Given(accounts, Event<bank::Deposited>([](auto e) { e.setCents(500); }))
//                     .When(Command<bank::Withdraw>([](auto c) { c.setCents(501); }))
//                     .ThenRejected("overdrawn"));
//
//     EXPECT_TRUE(Given(balances, Event<bank::Deposited>([](auto e) { e.setCents(500); }).For("a"))
//                     .ThenRows({{"a", {.cents = 500}}}));
//
// No copy of the engine: the engine itself runs, on one thread, over a log and stores in memory,
// with a clock that stands still.  So expected versions, sizes, listed types and exceptions count
// here as they count there.  Besides, each test checks what a single run would not show:
//
// - the command is decided three times, twice on the state that Load made of what Save had stored
//   and once on the state folded from the events, always with the same answer;
// - Save, Load and Save again give the same bytes, for every state or row;
// - rows are folded in two orders of the aggregates, and with every row read back from its store
//   between two events; all three ways must end alike.
//
// Where types have personal fields ($Commander.personal) everything is sealed as the engine does
// it, and tests see it opened.  Two more checks show what an erasure would leave behind:
//
// - everything is folded once more as if all subjects had been erased: what is public in states and
//   rows, and the keys of rows, must be the same, and no fold may throw;
// - personal Text and Data of the given events and of the command may be in clear nowhere: in no
//   key, actor or header, no public field of an event, state or row, no code or message of a
//   rejection.  Looked for are the test's own values of at least 6 bytes, so give names that are
//   nobody's public word; and for shorter and absent ones, canaries in their place ("canary-…", the
//   same for equal values), with which the same is decided or folded once more.  That run is
//   searched and not judged: where a handler refuses the canaries, the search ends there, and a
//   test with longer values of its own sees further.  Numbers are not looked for.
//
// For any test framework: a Then… returns a Result, which is true or false, has a message with what
// was expected and what happened, and tells it to GoogleTest's EXPECT_TRUE.  What is not judged is
// an error: a Given or When without a Then, and a false Result that nobody asked, throw
// std::logic_error from their destructors.
#pragma once

#include <capnp/any.h>
#include <capnp/message.h>

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "commander/engine.h"
#include "commander/group.h"
#include "commander/internal/type.h"
#include "commander/projection.h"

namespace commander::testing {

// What a Then… found.
class [[nodiscard]] Result {
 public:
  // For the fixture.
  static Result Success() { return Result(true, {}); }
  static Result Failure(std::string message) { return Result(false, std::move(message)); }

  Result(Result&& other) noexcept
      : ok_(other.ok_),
        asked_(std::exchange(other.asked_, true)),
        message_(std::move(other.message_)) {}
  Result& operator=(Result&&) = delete;
  // Throws std::logic_error where the result is false and was never asked.
  ~Result() noexcept(false);

  explicit operator bool() const { return asked_ = true, ok_; }
  // What was expected and what happened; empty where they agree.
  const std::string& message() const { return asked_ = true, message_; }
  friend std::ostream& operator<<(std::ostream& out, const Result& result) {
    return out << (result ? "as expected" : result.message());
  }

  // To ::testing::AssertionResult, without a header of GoogleTest's.
  template <class R>
  requires std::constructible_from<R, bool> && requires(R& to, const std::string& message) {
    to.failure_message();
    to << message;
  }
  operator R() const {  // NOLINT: as EXPECT_TRUE takes it
    R to(static_cast<bool>(*this));
    to << message_;
    return to;
  }

 private:
  Result(bool ok, std::string message) : ok_(ok), asked_(ok), message_(std::move(message)) {}
  bool ok_;
  mutable bool asked_;
  std::string message_;
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace commander::testing

namespace commander::internal {

// A message of a test: its struct, and what stands around it.
struct TestMessage {
  const Type* type = nullptr;
  std::shared_ptr<capnp::MallocMessageBuilder> message;
  std::optional<std::string> key;    // none: of the aggregate that the test is about
  const GroupBase* group = nullptr;  // null: the only one that it can be of
  std::optional<absl::Time> time;
  bool erased = false;
  CommandOptions options;

  template <class T, class F>
  static TestMessage Make(F&& fill) {
    TestMessage made;
    made.type = &TypeOf<T>();
    made.message = std::make_shared<capnp::MallocMessageBuilder>();
    std::forward<F>(fill)(made.message->initRoot<T>());
    return made;
  }
  capnp::AnyPointer::Reader payload() const {
    return message->getRoot<capnp::AnyPointer>().asReader();
  }
};

// Part of a test that must not end before it is judged.
class Unjudged {
 public:
  explicit Unjudged(std::string what) : what_(std::move(what)) {}
  Unjudged(Unjudged&& other) noexcept
      : what_(std::move(other.what_)), judged_(std::exchange(other.judged_, true)) {}
  Unjudged& operator=(Unjudged&&) = delete;
  // Throws std::logic_error unless Judge() was called.
  ~Unjudged() noexcept(false);
  void Judge() const { judged_ = true; }

 private:
  std::string what_;
  mutable bool judged_ = false;
  int exceptions_ = std::uncaught_exceptions();
};

// What the engine makes of a command.
struct TestDecision {
  bool ok = false;  // false: something is wrong whatever is expected
  std::vector<std::vector<std::uint64_t>> records;  // of the outcome
  std::string text;                                 // the outcome, or what is wrong, for people
};
TestDecision Decide(const GroupBase& group, const std::vector<TestMessage>& given,
                    const TestMessage& command);
testing::Result JudgeEvents(const TestDecision& decision, const std::vector<TestMessage>& expected);
testing::Result JudgeRejected(const TestDecision& decision, std::string_view code);
testing::Result JudgeNothing(const TestDecision& decision);
testing::Result JudgeParked(const TestDecision& decision, std::string_view reason);

// A row's key, and its state.
using TestRow = std::pair<std::string, const void*>;
testing::Result JudgeRows(const ProjectionBase& projection, const std::vector<TestMessage>& given,
                          const std::vector<TestRow>& expected);

template <class State, class T>
inline constexpr bool kLists = ListHas<T, typename State::Events>::value;

}  // namespace commander::internal

namespace commander::testing {

// The aggregate that a test is about, unless its messages name another.
inline constexpr std::string_view kKey = "key-1";

// An event of a test; made by Event().
template <class T>
class TestEvent {
 public:
  explicit TestEvent(internal::TestMessage message) : message_(std::move(message)) {}
  // Of another aggregate than kKey.
  TestEvent For(std::string key) && { return message_.key = std::move(key), std::move(*this); }
  // Of this group: for projections over several groups that list the type.
  TestEvent In(const internal::GroupBase& group) && {
    return message_.group = &group, std::move(*this);
  }
  // Decided at that time; else a second after the event before.
  TestEvent At(absl::Time time) && { return message_.time = time, std::move(*this); }
  // The subject of its personal fields has been erased since, for all events of that subject.
  TestEvent Erased() && { return message_.erased = true, std::move(*this); }
  const internal::TestMessage& message() const { return message_; }

 private:
  internal::TestMessage message_;
};

// `fill` gets the builder, as with Emit().
template <class T, class F>
TestEvent<T> Event(F&& fill) {
  return TestEvent<T>(internal::TestMessage::Make<T>(std::forward<F>(fill)));
}
template <class T>
TestEvent<T> Event() {
  return Event<T>([](typename T::Builder) {});
}

// A command of a test; made by Command().
template <class T>
class TestCommand {
 public:
  explicit TestCommand(internal::TestMessage message) : message_(std::move(message)) {}
  TestCommand For(std::string key) && { return message_.key = std::move(key), std::move(*this); }
  // Sent and decided at that time; else a second after the last event.
  TestCommand At(absl::Time time) && { return message_.time = time, std::move(*this); }
  const internal::TestMessage& message() const { return message_; }

 private:
  internal::TestMessage message_;
};

// `fill` and `options` as with SyncCommand().
template <class T, class F>
TestCommand<T> Command(F&& fill, CommandOptions options = {}) {
  TestCommand<T> command(internal::TestMessage::Make<T>(std::forward<F>(fill)));
  internal::TestMessage message = command.message();
  message.options = std::move(options);
  return TestCommand<T>(std::move(message));
}
template <class T>
TestCommand<T> Command() {
  return Command<T>([](typename T::Builder) {});
}

// A decided command, to be judged by at least one Then….
template <class State>
class [[nodiscard]] Decided {
 public:
  // For the fixture.
  explicit Decided(internal::TestDecision decision)
      : decision_(std::move(decision)),
        unjudged_("a test says When, but no Then\nactual: " + decision_.text) {}

  // Exactly these, in this order, with these contents.
  template <class... Es>
  Result ThenEvents(const TestEvent<Es>&... expected) const {
    static_assert((internal::kLists<State, Es> && ...),
                  "commander: the state does not list this event in its Events<...>");
    return unjudged_.Judge(), internal::JudgeEvents(decision_, {expected.message()...});
  }
  // By the handler, or by the engine ("commander.version_conflict").
  Result ThenRejected(std::string_view code) const {
    return unjudged_.Judge(), internal::JudgeRejected(decision_, code);
  }
  Result ThenNothing() const { return unjudged_.Judge(), internal::JudgeNothing(decision_); }
  // The handler, or the fold of what it emitted, throws; `reason` is part of what parks it.
  Result ThenParked(std::string_view reason) const {
    return unjudged_.Judge(), internal::JudgeParked(decision_, reason);
  }

 private:
  internal::TestDecision decision_;
  internal::Unjudged unjudged_;
};

// A group with a history.
template <class State>
class [[nodiscard]] GivenGroup {
 public:
  GivenGroup(const internal::GroupBase& group, std::vector<internal::TestMessage> given)
      : group_(group), given_(std::move(given)) {}

  // Decides the command; may be called again, with the same history.
  template <class T>
  Decided<State> When(const TestCommand<T>& command) const {
    unjudged_.Judge();
    return Decided<State>(internal::Decide(group_, given_, command.message()));
  }

 private:
  const internal::GroupBase& group_;
  std::vector<internal::TestMessage> given_;
  internal::Unjudged unjudged_{"a test says Given, but neither When nor Then"};
};

// What the group's log holds, in order.  The group keeps its handlers and may be used again.
template <class State, class... Es>
GivenGroup<State> Given(const Group<State>& group, const TestEvent<Es>&... events) {
  static_assert((internal::kLists<State, Es> && ...),
                "commander: the state does not list this event in its Events<...>");
  return GivenGroup<State>(group, {events.message()...});
}

// A projection over events.
template <class R>
class [[nodiscard]] GivenProjection {
 public:
  GivenProjection(const internal::ProjectionBase& projection,
                  std::vector<internal::TestMessage> given)
      : projection_(projection), given_(std::move(given)) {}

  // Exactly these rows.
  Result ThenRows(const std::vector<ProjectionEntry<R>>& expected) const {
    unjudged_.Judge();
    std::vector<internal::TestRow> rows;
    for (const ProjectionEntry<R>& each : expected) rows.emplace_back(each.key, &each.row);
    return internal::JudgeRows(projection_, given_, rows);
  }

 private:
  const internal::ProjectionBase& projection_;
  std::vector<internal::TestMessage> given_;
  internal::Unjudged unjudged_{"a test says Given, but no Then"};
};

// Events of any of its groups; those of one aggregate come in this order, those of different ones
// in any.
template <class R, class... Es>
GivenProjection<R> Given(const Projection<R>& projection, const TestEvent<Es>&... events) {
  return GivenProjection<R>(projection, {events.message()...});
}

}  // namespace commander::testing
