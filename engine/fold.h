// fold.h: applying an application's folds, whose code may throw.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/internal/fold.h"
#include "commander/view.h"
#include "crypto/subject.h"
#include "engine/envelope.h"

namespace commander::internal {

using Aggregate = ViewSource::Aggregate;

// Whether the text of an exception is told.  Code that sees personal fields may quote them, so that
// only its type is told, unless the text will be sealed.
enum class ExceptionText { kTold, kWithheld };

// What an exception says, for people: at most 1 KiB of it.  For use inside a catch (...) block.
// kResourceExhausted for lack of memory, which is not the command's fault; kInternal else.
absl::Status DescribeException(std::string_view what, ExceptionText text = ExceptionText::kTold);

// An event to be folded; views into its record.
struct EventToFold {
  std::string_view type;
  capnp::AnyPointer::Reader payload;
  EventMetadata metadata;
  const crypto::Kid* kid = nullptr;  // of its personal fields; null: it has none
  ExceptionText text = ExceptionText::kTold;
};

// `before` with the event applied: its state, or none where the fold removes it.  A state that
// nobody else holds is changed in place, any other is copied first.  Whose personal fields it has
// is not this function's to know: Sealing::Apply().
//   kInternal: Apply threw; the message says what.
//   kUnimplemented: no list names the event type.
absl::StatusOr<Aggregate> ApplyEvent(const FoldType& fold, Aggregate before,
                                     const EventToFold& event);

// Stored words of a state, and back.  Exceptions of Save and Load become errors.
absl::StatusOr<std::vector<Word>> SaveFold(const FoldType& fold, const void* state);
absl::StatusOr<std::shared_ptr<void>> LoadFold(const FoldType& fold, std::span<const Word> words,
                                               std::string_view what,
                                               ExceptionText text = ExceptionText::kTold);

}  // namespace commander::internal
