// subject_input.h: which subjects a verb is about.
//
// An id may be personal, and arguments are seen by every process of the machine: they stay in
// histories and logs.  So only those in a group's namespace, which are keys of aggregates and in
// clear everywhere, may be arguments; others come from a file or the standard input.  No message
// repeats what was given.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/subject.h"
#include "tools/commander/data.h"

namespace commander::cli {

struct SubjectInput {
  std::vector<std::string> arguments;  // NAMESPACE:ID, or ID where there is a namespace; "-"
  std::string from;                    // a file with one a line; "-": the standard input
  std::string name_space;
};

// At least one, in the order in which they were given.  Ids are written as keys.h prints them.
//   kInvalidArgument: not written so; says which by its number.
absl::StatusOr<std::vector<crypto::Subject>> ReadSubjects(const Data& data,
                                                          const SubjectInput& input);
// Whether the standard input was read, so that nobody can be asked there.
bool FromStandardInput(const SubjectInput& input);

}  // namespace commander::cli
