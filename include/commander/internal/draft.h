// draft.h: a message being built: the envelope is there, the application fills in the payload.
#pragma once

#include <capnp/any.h>

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace commander::internal {

struct Type;
struct DraftMessage;  // engine/envelope.h

// Gives scratch memory back to its thread.
struct ReleaseDraft {
  void operator()(DraftMessage* message) const;
};
using DraftPointer = std::unique_ptr<DraftMessage, ReleaseDraft>;

// An event without key, version and place; these come when it is stamped.  Not thread-safe; to be
// destroyed on the thread that made it.
class EventDraft {
 public:
  explicit EventDraft(const Type& type);
  const Type& type() const { return *type_; }
  capnp::AnyPointer::Builder payload();
  // What has been filled in.
  capnp::AnyPointer::Reader Read();
  // Another draft of it, with these bytes in place of the payload.
  EventDraft Sealed(std::span<const std::uint8_t> sealed) const;
  DraftMessage& message() { return *message_; }

 private:
  EventDraft(const Type& type, DraftPointer message) : type_(&type), message_(std::move(message)) {}
  const Type* type_;
  DraftPointer message_;
};

// A command, likewise.
class CommandDraft {
 public:
  explicit CommandDraft(const Type& type);
  const Type& type() const { return *type_; }
  capnp::AnyPointer::Builder payload();
  capnp::AnyPointer::Reader Read();
  CommandDraft Sealed(std::span<const std::uint8_t> sealed) const;
  DraftMessage& message() { return *message_; }

 private:
  CommandDraft(const Type& type, DraftPointer message)
      : type_(&type), message_(std::move(message)) {}
  const Type* type_;
  DraftPointer message_;
};

}  // namespace commander::internal
