// unmarked.h: the same releases stored without marks: where a search has to find the person.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "tools/demo/people.h"
#include "tools/demo/session.h"

namespace commander::demo {

// Sends the person's releases through an engine on the new directory of `place`, whose types mark
// nothing.
absl::Status StoreUnmarked(const Place& place, const Person& person);

// Tries to erase the person there.  Without marks there are no keys, so the engine refuses
// (kFailedPrecondition, commander.no_keys).
absl::Status EraseUnmarked(const Place& place, const std::string& email);

}  // namespace commander::demo
