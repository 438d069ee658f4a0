// status_macros.h: hand an error on to the caller.
//
//     absl::StatusOr<Frame> ReadFrame(File& file) {
//       COMMANDER_RETURN_IF_ERROR(file.Seek(0));
//       COMMANDER_ASSIGN_OR_RETURN(const Header header, ReadHeader(file));
//       return Decode(header);
//     }
//
// Both work in a function that returns absl::Status or an absl::StatusOr of anything.  A type or
// an expression with a comma outside parentheses needs parentheses of its own, or an alias.
#pragma once

#include <utility>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Evaluates `expression`, an absl::Status, and returns it from the function unless it is OK.
#define COMMANDER_RETURN_IF_ERROR(expression) \
  COMMANDER_INTERNAL_RETURN_IF_ERROR(         \
      COMMANDER_INTERNAL_CONCAT(commander_internal_status_, __COUNTER__), expression)

// Evaluates `expression`, an absl::StatusOr<T>, once.  Returns its status from the function if it
// is an error; otherwise moves the value into `target`, a declaration or anything assignable.
// Expands to several statements: it cannot be the body of an `if` without braces.
#define COMMANDER_ASSIGN_OR_RETURN(target, expression) \
  COMMANDER_INTERNAL_ASSIGN_OR_RETURN(                 \
      COMMANDER_INTERNAL_CONCAT(commander_internal_value_, __COUNTER__), target, expression)

// A name made from __COUNTER__ is new in each use, so nested uses (a lambda in `expression`) do
// not shadow each other.
#define COMMANDER_INTERNAL_RETURN_IF_ERROR(name, expression)                  \
  do {                                                                        \
    if (::absl::Status name = (expression); ABSL_PREDICT_FALSE(!name.ok())) { \
      return name;                                                            \
    }                                                                         \
  } while (false)

#define COMMANDER_INTERNAL_ASSIGN_OR_RETURN(name, target, expression) \
  auto name = (expression);                                           \
  if (ABSL_PREDICT_FALSE(!name.ok())) {                               \
    return std::move(name).status();                                  \
  }                                                                   \
  target = *std::move(name)

#define COMMANDER_INTERNAL_CONCAT(a, b) COMMANDER_INTERNAL_CONCAT_EXPANDED(a, b)
#define COMMANDER_INTERNAL_CONCAT_EXPANDED(a, b) a##b
