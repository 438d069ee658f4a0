#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "tools/commander/data.h"
#include "tools/commander/key_access.h"
#include "tools/commander/process.h"
#include "tools/commander/subject_row.h"
#include "tools/commander/subject_verbs.h"

namespace commander::cli {
namespace {

using State = crypto::SubjectStatus::State;

// What an erasure would do to a subject.
std::string_view Plan(State state) {
  switch (state) {
    case State::kNone:
      return "refuse its data from now on; it has no key";
    case State::kActive:
      return "destroy its key";
    case State::kFenced:
      return "go on with the erasure that was begun";
    case State::kErased:
      return "nothing, it is erased";
  }
  return "nothing";
}

absl::StatusOr<Exit> ShowPlan(Data& data, const std::vector<crypto::Subject>& subjects,
                              Context& context) {
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<KeyAccess> keys,
                             KeyAccess::ToRead(data, context.keys));
  COMMANDER_RETURN_IF_ERROR(
      context.output.BeginList({"number", "state", "subject", "erasure", "would"}));
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    COMMANDER_ASSIGN_OR_RETURN(const crypto::SubjectStatus status,
                               keys->store().Status(subjects[i]));
    Row row = RowOf(i + 1, status);
    row.Text("would", Plan(status.state));
    COMMANDER_RETURN_IF_ERROR(context.output.Add(row));
  }
  return Exit::kSuccess;
}

// Whether the number is the one that was typed, on the command line or now.
absl::StatusOr<bool> Confirmed(const SubjectEraseOptions& options, std::size_t count,
                               Context& context) {
  if (options.yes) return true;
  const std::string number = absl::StrCat(count);
  if (!options.confirm.empty()) {
    if (options.confirm == number) return true;
    context.diagnostics.Say(absl::StrCat("not confirmed: --confirm says another number than the ",
                                         number, " that are given; nothing was erased"));
    return false;
  }
  if (isatty(STDIN_FILENO) == 0 || FromStandardInput(options.input)) {
    context.diagnostics.Say(absl::StrCat("not confirmed: this destroys keys for good; repeat it ",
                                         "with --confirm ", number, " or --yes, or look first ",
                                         "with --dry-run"));
    return false;
  }
  std::fprintf(stderr,
               "This destroys the keys of %zu subjects for good.  Type %zu to go on: ", count,
               count);
  std::string typed;
  std::getline(std::cin, typed);
  if (typed == number) return true;
  context.diagnostics.Say("not confirmed; nothing was erased");
  return false;
}

}  // namespace

absl::StatusOr<Exit> SubjectErase(const SubjectEraseOptions& options, Context& context) {
  COMMANDER_ASSIGN_OR_RETURN(std::unique_ptr<Data> data, Data::Open(options.data));
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<crypto::Subject> subjects,
                             ReadSubjects(*data, options.input));
  if (options.dry_run) return ShowPlan(*data, subjects, context);
  if (options.reason.empty()) {
    return absl::InvalidArgumentError(
        "--reason is needed: it is recorded, sealed, with the erasure; name no person in it");
  }
  COMMANDER_ASSIGN_OR_RETURN(const bool confirmed, Confirmed(options, subjects.size(), context));
  if (!confirmed) return Exit::kRefused;
  // Before anything is opened for writing.
  COMMANDER_ASSIGN_OR_RETURN(const bool any, HasKeys(*data, context.keys));
  if (!any) {
    return absl::FailedPreconditionError(
        "there is no store of keys: nothing in this directory is sealed");
  }
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<KeyAccess> keys,
                             KeyAccess::ToErase(*data, context.keys));
  COMMANDER_RETURN_IF_ERROR(context.output.BeginList(
      {"number", "state", "subject", "erasure", "requested", "completed"}));
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    if (Interrupted()) return absl::CancelledError("interrupted; repeat it to go on");
    COMMANDER_ASSIGN_OR_RETURN(crypto::ErasureReceipt receipt,
                               keys->store().Erase(subjects[i], options.reason));
    crypto::SubjectStatus status;
    status.state = State::kErased;
    if (!receipt.kids.empty()) status.kid = receipt.kids.front();
    status.erasure = std::move(receipt);
    COMMANDER_RETURN_IF_ERROR(context.output.Add(RowOf(i + 1, status)));
    COMMANDER_RETURN_IF_ERROR(context.output.Flush());
  }
  return Exit::kSuccess;
}

}  // namespace commander::cli
