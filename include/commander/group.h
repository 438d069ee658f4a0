// group.h: one bounded service: its topics, its state, its command handlers.
//
//     commander::Group<Account> accounts("accounts");
//     accounts.OnCommand(
//         [](bank::Open::Reader command, const View& view) -> Decision<bank::Opened> {…});
//     auto engine = commander::Engine::Open(options, {&accounts});
//
// A state is any C++ type that can load, save and apply:
//
//     struct Account {
//       using Schema = bank::Account;                           // how it is stored
//       using Events = commander::Events<bank::Opened, bank::Closed>;
//       static constexpr std::uint32_t kVersion = 1;            // optional: raise it when the fold
//                                                               // changes meaning
//       void Load(Schema::Reader stored);
//       void Save(Schema::Builder stored) const;
//       void Apply(bank::Opened::Reader event);                 // one for each listed event; may
//       commander::Row Apply(bank::Closed::Reader event,        // say kRemove, may ask for the
//                            const EventMetadata& metadata);    // metadata
//       std::size_t MemoryBytes() const;                        // optional: for the cache
//     };
//
// Apply and handlers must be deterministic: no clock, no randomness, no ids but the view's, nothing
// read from outside.  They run on engine threads, several at once, one a partition, never two at
// once for one aggregate.  They must not call the engine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "commander/decision.h"
#include "commander/events.h"
#include "commander/internal/component.h"
#include "commander/internal/fold.h"
#include "commander/internal/signature.h"
#include "commander/view.h"

namespace commander {

struct GroupOptions {
  std::string command_topic = {};  // empty: "<name>-commands"
  std::string event_topic = {};    // empty: "<name>-events"
  std::uint16_t partitions = 8;    // of both topics; can never be changed once there are records
  bool handle_commands = true;     // false: only its events are read here; commands to it wait
};

namespace internal {

struct CommandHandler {
  const Type* type = nullptr;
  std::vector<const Type*> may_emit;
  // May throw what the handler throws.
  std::function<DecisionData(capnp::AnyPointer::Reader command, ViewSource& view)> run;
};

// A group without its types: what the engine works with.  Not thread-safe; the engine copies what
// it needs at Open.
class GroupBase : public Component {
 public:
  const std::string& name() const { return name_; }
  const GroupOptions& options() const { return options_; }
  const std::string& command_topic() const { return options_.command_topic; }
  const std::string& event_topic() const { return options_.event_topic; }
  // Null: a RemoteGroup.
  const FoldType* state() const { return state_; }
  const std::vector<CommandHandler>& handlers() const { return handlers_; }
  // Not Ok: OnCommand was called after Open; the next Open of it fails, too.
  const absl::Status& status() const { return status_; }
  void MarkOpened() override { opened_ = true; }

 protected:
  GroupBase(std::string name, GroupOptions options, const FoldType* state);
  void AddHandler(CommandHandler handler);

 private:
  std::string name_;
  GroupOptions options_;
  const FoldType* state_;
  std::vector<CommandHandler> handlers_;
  absl::Status status_;
  bool opened_ = false;
};

}  // namespace internal

template <class State>
class Group : public internal::GroupBase {
 public:
  // `name` is 1 to 200 of A-Z a-z 0-9 . _ - and does not begin with a dot; it names topics and
  // directories.
  explicit Group(std::string name, GroupOptions options = {})
      : GroupBase(std::move(name), std::move(options), &internal::StateFold<State>()) {}

  // Registers the handler of one command; its type is that of the first parameter:
  //
  //     [](bank::Open::Reader command, const commander::View<Account>& view)
  //         -> commander::Decision<bank::Opened> { … }
  //
  // A lambda, function object or function pointer.  Only before Engine::Open.
  template <class F>
  Group& OnCommand(F handler) {
    using Check = internal::HandlerCheck<State, F>;
    if constexpr (Check::kOk) {
      using Command = typename Check::Command;
      internal::CommandHandler entry;
      entry.type = &internal::TypeOf<Command>();
      entry.may_emit = Check::MayEmit();
      entry.run = [handler = std::move(handler)](capnp::AnyPointer::Reader command,
                                                 internal::ViewSource& source) {
        View<State> view(source);
        return handler(command.getAs<Command>(), view).Take();
      };
      AddHandler(std::move(entry));
    }
    return *this;
  }
};

// A group that another process handles: send to it, read its events.  Engine::Open refuses one: on
// the embedded log every group is handled by this process, on Kafka it is not built yet.
class RemoteGroup : public internal::GroupBase {
 public:
  explicit RemoteGroup(std::string name, GroupOptions options = {})
      : GroupBase(std::move(name), std::move(options), nullptr) {}
};

}  // namespace commander
