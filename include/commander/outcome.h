// outcome.h: what became of a command.
//
//     absl::StatusOr<Outcome> outcome =
//         engine->SyncCommand<bank::Withdraw>(accounts, "acct-1", fill);
//     if (outcome->rejected()) std::cerr << outcome->rejection().message;
//     if (auto event = outcome->event<bank::Withdrawn>()) Use(event->getCents());
#pragma once

#include <capnp/any.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "commander/id.h"
#include "commander/internal/type.h"
#include "commander/position.h"

namespace commander {

enum class OutcomeKind : std::uint8_t {
  kEvents,    // facts: they are in the log and every fold will see them
  kRejected,  // a recorded refusal, by a handler or by the engine (code "commander.…")
  kNothing,   // recorded: there was nothing to do
  kParked,    // the command failed, or waits behind one that did; an operator retries or skips it
};

// "events", "rejected", "nothing", "parked".
std::string_view OutcomeKindName(OutcomeKind kind);

struct Rejection {
  std::string code;     // stable, for programs
  std::string message;  // for people
};

struct Header {
  std::string name;
  std::string value;
  friend bool operator==(const Header&, const Header&) = default;
};

// What stands around the payload of an event.  Handed to folds; valid as long as the
// event is.
struct EventMetadata {
  MessageId id;
  std::string_view group;
  std::string_view key;       // of the aggregate
  std::uint64_t version = 0;  // of the aggregate once the event is applied: 1, 2, 3 …
  absl::Time time;            // when it was decided; never decreases within a partition
  std::uint32_t index = 0;    // place among the events of its command …
  std::uint32_t count = 0;    // … and how many there are
  MessageId causation;        // the command's id
  MessageId correlation;      // first message of the chain
  std::string_view actor;     // as the sender gave it
  std::uint32_t partition = 0;
  Offset offset;  // 0 for Apply of an own state, which runs before it is known
  // Pseudonym of the subject whose key seals the personal fields: 64 hexadecimal digits, the same
  // before and after an erasure, so that read models may be keyed by it.  Empty: there are none.
  std::string subject = {};
  // That subject was erased: its fields read as absent.
  bool erased = false;
};

// One event of an outcome.  Copyable; keeps its bytes alive.
class Event {
 public:
  // Stable name of its type: "bank.Withdrawn".
  std::string_view type() const { return type_; }
  const EventMetadata& metadata() const { return metadata_; }

  template <class T>
  bool Is() const {
    return type_ == internal::TypeOf<T>().name;
  }
  // The payload, or nothing if it is of another type.  Valid as long as a copy of
  // this event, or its Outcome, is.
  template <class T>
  std::optional<typename T::Reader> As() const {
    if (!Is<T>()) return std::nullopt;
    return payload_.getAs<T>();
  }

 private:
  friend class internal::OutcomeBuilder;
  std::string_view type_;
  EventMetadata metadata_;
  capnp::AnyPointer::Reader payload_;
  std::shared_ptr<const void> owner_;
};

// Copyable, cheap to copy.  Thread-safe to read.
class Outcome {
 public:
  OutcomeKind kind() const { return kind_; }
  bool rejected() const { return kind_ == OutcomeKind::kRejected; }
  bool parked() const { return kind_ == OutcomeKind::kParked; }

  // In order; empty unless kind() is kEvents.
  const std::vector<Event>& events() const { return *events_; }
  // The first event of that type, or nothing.
  template <class T>
  std::optional<typename T::Reader> event() const {
    for (const Event& event : events()) {
      if (event.Is<T>()) return event.As<T>();
    }
    return std::nullopt;
  }

  // Code and message of a rejection; of a parked command, why it is parked.  Empty otherwise.
  const Rejection& rejection() const { return rejection_; }
  // Version of the aggregate after the outcome.
  std::uint64_t version() const { return version_; }
  // Of its last record: give it to queries as `at_least`.
  const RecordPosition& position() const { return position_; }
  // Of the command.
  const MessageId& id() const { return id_; }
  absl::Time time() const { return time_; }
  // The command had its outcome before it was sent this time; that outcome is this one.
  bool repeat() const { return repeat_; }

 private:
  friend class internal::OutcomeBuilder;
  OutcomeKind kind_ = OutcomeKind::kNothing;
  bool repeat_ = false;
  std::uint64_t version_ = 0;
  MessageId id_;
  absl::Time time_;
  RecordPosition position_;
  Rejection rejection_;
  std::shared_ptr<const std::vector<Event>> events_;
};

}  // namespace commander
