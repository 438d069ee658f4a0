// soak.h: a test that takes long where it is as its case has it, and is shorter by default.
//
//     COMMANDER_SOAK=1 tools/dev test kafka
#pragma once

#include <cstdlib>

namespace commander::test {

// Whether times and numbers are those of the case.
inline bool Soak() { return std::getenv("COMMANDER_SOAK") != nullptr; }

}  // namespace commander::test
