// people.h: who released what, as the changelogs tell it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/demo/changelog.h"

namespace commander::demo {

struct Person {
  std::set<std::string> names;  // as written, all of them
  std::set<std::string> sources;
  std::vector<ChangelogEntry> releases;  // each source and version once
};

// By address in lower case.  What Import() skips is left out.
//   Errors: FindChangelogs()'s.
absl::StatusOr<std::map<std::string, Person>> ReadPeople(const std::string& input);

}  // namespace commander::demo
