// in_decision.h: while application code decides or folds, it must not call the engine.
#pragma once

#include "absl/status/status.h"
#include "engine/errors.h"

namespace commander::internal {

// On the stack of the thread that runs a handler or fold.
class InDecision {
 public:
  InDecision() : before_(inside_) { inside_ = true; }
  ~InDecision() { inside_ = before_; }
  InDecision(const InDecision&) = delete;
  InDecision& operator=(const InDecision&) = delete;

  // kFailedPrecondition when called from a handler or fold.
  static absl::Status Refuse() {
    if (!inside_) return absl::OkStatus();
    return WithCode(absl::FailedPreconditionError(
                        "called from a handler or fold: it may run again and must not send, wait "
                        "or query; decide by command and view alone"),
                    "commander.in_handler");
  }

 private:
  inline static thread_local bool inside_ = false;
  const bool before_;
};

}  // namespace commander::internal
