// subject_verbs.h: `commander subject status`, `show` and `erase`.
//
// They need the keys, so the engine of the directory must not run.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "tools/commander/context.h"
#include "tools/commander/exit.h"
#include "tools/commander/subject_input.h"

namespace commander::cli {

struct SubjectOptions {
  std::filesystem::path data;
  SubjectInput input;
};

struct SubjectEraseOptions {
  std::filesystem::path data;
  SubjectInput input;
  std::string reason;
  bool dry_run = false;
  bool yes = false;
  std::string confirm;  // how many subjects
};

// What is known of each subject.  kFound where nothing is known of one.
absl::StatusOr<Exit> SubjectStatus(const SubjectOptions& options, Context& context);
// Every record, state and row whose personal fields are about the subject.  kFound where there are
// none.
absl::StatusOr<Exit> SubjectShow(const SubjectOptions& options, Context& context);
// Destroys the keys of the subjects.  kRefused unless it was confirmed.
absl::StatusOr<Exit> SubjectErase(const SubjectEraseOptions& options, Context& context);

}  // namespace commander::cli
