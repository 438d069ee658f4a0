#include "tools/commander/context.h"

#include <cstdio>

#include "tools/commander/keys.h"

namespace commander::cli {

void Diagnostics::Say(const std::string& sentence) {
  // A path in it may hold anything.
  std::fprintf(stderr, "commander: %s\n", PrintKey(sentence).c_str());
  if (all_.size() < kMax) all_.push_back(sentence);
}

}  // namespace commander::cli
