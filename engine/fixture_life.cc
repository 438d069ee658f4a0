#include "engine/fixture_life.h"

#include <memory>
#include <optional>
#include <utility>

#include "commander/internal/status_macros.h"

namespace commander::internal {
namespace {

void StepWhileThereIsWork(Core& core) {
  while (core.StepAll()) {
  }
}

}  // namespace

Life::GroupCopy::GroupCopy(const GroupBase& group)
    : GroupBase(group.name(), group.options(), group.state()) {
  for (const CommandHandler& handler : group.handlers()) AddHandler(handler);
}

Life::Life(const GroupBase& group, FixtureErasures& erasures, FixtureHistory& history,
           FixtureContents& stores, absl::Time now)
    : group_(group), erasures_(erasures), history_(history), stores_(stores) {
  clock_.now = now;
}

absl::Status Life::Run(const TestMessage* command, std::size_t abort_commits) {
  EngineOptions options;
  options.data_directory = "in memory";
  Environment environment;
  environment.log =
      std::make_unique<FixtureLog>(history_, clock_, FixtureLog::Options{abort_commits, false});
  environment.stores = std::make_unique<FixtureStores>(stores_);
  environment.clock = &clock_;
  environment.random = &random_;
  environment.open_keys = [this](crypto::LedgerLog&, const std::function<absl::Status()>&) {
    return std::make_unique<FixtureKeys>(erasures_);
  };
  COMMANDER_ASSIGN_OR_RETURN(Wiring wiring, CheckWiring(options, {&group_}));
  COMMANDER_ASSIGN_OR_RETURN(
      const std::unique_ptr<Core> core,
      Core::Open(std::move(options), std::move(wiring), std::move(environment)));
  StepWhileThereIsWork(*core);
  for (const std::unique_ptr<Worker>& worker : core->workers()) {
    COMMANDER_RETURN_IF_ERROR(worker->error());
  }
  if (command != nullptr) COMMANDER_RETURN_IF_ERROR(Send(*core, *command));
  return core->Close();
}

absl::Status Life::Send(Core& core, const TestMessage& command) {
  CommandDraft draft(*command.type);
  draft.payload().set(command.payload());
  std::optional<absl::StatusOr<Outcome>> answer;
  CommandOptions options = command.options;
  options.timeout = absl::InfiniteDuration();
  COMMANDER_RETURN_IF_ERROR(
      core.Send(group_, KeyOf(command), std::move(draft), options, {},
                [&](absl::StatusOr<Outcome> outcome) { answer.emplace(std::move(outcome)); })
          .status());
  StepWhileThereIsWork(core);
  if (answer.has_value()) return answer->status();
  for (const std::shared_ptr<Call>& call : core.outstanding().Live()) {
    call->Complete(absl::CancelledError("the test is over"));
  }
  return absl::FailedPreconditionError(
      "the command got no outcome: the group does not handle commands");
}

}  // namespace commander::internal
