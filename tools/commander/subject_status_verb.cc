#include <cstddef>
#include <memory>
#include <vector>

#include "commander/internal/status_macros.h"
#include "tools/commander/data.h"
#include "tools/commander/key_access.h"
#include "tools/commander/subject_row.h"
#include "tools/commander/subject_verbs.h"

namespace commander::cli {

absl::StatusOr<Exit> SubjectStatus(const SubjectOptions& options, Context& context) {
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Data> data, Data::Open(options.data));
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<crypto::Subject> subjects,
                             ReadSubjects(*data, options.input));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<KeyAccess> keys,
                             KeyAccess::ToRead(*data, context.keys));
  COMMANDER_RETURN_IF_ERROR(context.output.BeginList(
      {"number", "state", "subject", "erasure", "requested", "completed"}));
  Exit exit = Exit::kSuccess;
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    COMMANDER_ASSIGN_OR_RETURN(const crypto::SubjectStatus status,
                               keys->store().Status(subjects[i]));
    if (status.state == crypto::SubjectStatus::State::kNone) exit = Exit::kFound;
    COMMANDER_RETURN_IF_ERROR(context.output.Add(RowOf(i + 1, status)));
  }
  return exit;
}

}  // namespace commander::cli
