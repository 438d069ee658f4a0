// kj_guard.h: keeps what kj says about broken input to itself, since it quotes that input.
#pragma once

#include "absl/functional/function_ref.h"

namespace commander::crypto {

// Runs `use`, which reads or builds Cap'n Proto.  False where kj found fault; what it found is
// neither thrown on nor logged.
[[nodiscard]] bool KjAccepts(absl::FunctionRef<void()> use);

}  // namespace commander::crypto
