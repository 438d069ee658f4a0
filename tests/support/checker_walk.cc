#include "tests/support/checker_walk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace commander::test {
namespace {

constexpr char kRetry[] = "commander.Retry";
constexpr char kSkip[] = "commander.Skip";

bool IsOperators(const LoggedCommand& command) {
  return command.type == kRetry || command.type == kSkip;
}

// Refused by its place: nothing in the record is relied on.
bool ByPlace(const LoggedOutcome& outcome) {
  return outcome.code == "commander.unreadable" || outcome.code == "commander.misplaced";
}

// The codes of refusals that the engine gives before it asks a handler.
bool NotRun(const LoggedOutcome& outcome) {
  return ByPlace(outcome) || outcome.code == "commander.expired" ||
         outcome.code == "commander.clock" || outcome.code == "commander.id_reused";
}

bool SamePayload(const LoggedCommand& a, const LoggedCommand& b) {
  RecordReader reader_a(a.record);
  RecordReader reader_b(b.record);
  return a.type == b.type &&
         reader_a.envelope().getPayload().getClear().getAs<capnp::AnyStruct>() ==
             reader_b.envelope().getPayload().getClear().getAs<capnp::AnyStruct>();
}

}  // namespace

void PartitionWalk::Say(const LoggedOutcome& outcome, const std::string& what) {
  report_(absl::StrCat("event offset ", outcome.first.value, " (source ", outcome.source.value,
                       ", key ", outcome.key, ", ", std::string(NameOf(outcome.kind)), " ",
                       outcome.code, outcome.repeat ? "repeat" : "", "): ", what));
}

bool PartitionWalk::WalkTo(Offset next) {
  for (const LoggedOutcome& outcome : history_.outcomes) {
    if (outcome.last >= next) return outcome.first >= next;
    Step(outcome);
  }
  return model_.next == next;
}

void PartitionWalk::Step(const LoggedOutcome& outcome) {
  if (outcome.source.value >= history_.commands.size()) {
    Say(outcome, "an outcome without its command");
    return;
  }
  const LoggedCommand& command = history_.commands[outcome.source.value];
  const bool attributed = !ByPlace(outcome) || !outcome.key.empty();
  if (attributed && (outcome.cause != command.id || outcome.key != command.key)) {
    Say(outcome, "id or key are not those of its command");
  }
  if (outcome.time_ns < model_.time_ns) Say(outcome, "its time goes back");
  if (outcome.asked_ns < model_.asked_ns) Say(outcome, "its asked time goes back");
  if (outcome.asked_ns > std::max(command.arrived_ns, model_.asked_ns) &&
      fates_[outcome.source] == Fate::kUnknown) {
    Say(outcome, "it says that its command arrived later than it did");
  }
  if (skipped_.has_value() && command.type != kSkip) {
    Say(outcome, "it stands between a skip and what it skipped");
    skipped_.reset();
  }
  switch (fates_[outcome.source]) {
    case Fate::kFinal:
      Say(outcome, "a second final outcome");
      break;
    case Fate::kParked:
      CheckAgain(outcome, command);
      break;
    case Fate::kUnknown:
      CheckFirst(outcome, command);
      break;
  }
  Apply(outcome, command);
}

void PartitionWalk::CheckFirst(const LoggedOutcome& outcome, const LoggedCommand& command) {
  if (outcome.source != model_.consumed) {
    Say(outcome, absl::StrCat("first outcomes are not in order of sources: expected ",
                              model_.consumed.value));
  }
  if (ByPlace(outcome)) return;
  CheckRemembered(outcome, command);
  if (outcome.repeat || outcome.code == "commander.id_reused") return;
  CheckWindow(outcome, command);
  if (NotRun(outcome)) return;
  if (IsOperators(command)) return CheckOperator(outcome, command);
  const bool parked = model_.queues.contains(outcome.key);
  if (parked != (outcome.parked() && outcome.code == "behind")) {
    Say(outcome, parked ? "its aggregate is parked: it should wait behind"
                        : "its aggregate is not parked: it should not wait");
  }
  if (!parked) CheckRun(outcome, command);
}

void PartitionWalk::CheckRemembered(const LoggedOutcome& outcome, const LoggedCommand& command) {
  const auto known = model_.ids.find({command.key, command.id});
  if (outcome.repeat && outcome.kind != RecordKind::kNothing) Say(outcome, "a repeat that is more");
  const bool again = outcome.repeat || outcome.code == "commander.id_reused";
  if (known == model_.ids.end()) {
    if (again) Say(outcome, "nothing with its id was there before");
    return;
  }
  const PartitionModel::Remembered& first = known->second;
  if (again) {
    const bool same = SamePayload(command, history_.commands[first.source.value]);
    if (same != outcome.repeat) {
      Say(outcome, same ? "the same command again, called another"
                        : "another command with the same id, called a repeat");
    }
    return;
  }
  if (first.parked) Say(outcome, "decided again while the first with its id is parked");
  const std::int64_t age = outcome.asked_ns - first.asked_ns;
  if (age <= options_.min_window_ns + kSkewNs) {
    Say(outcome,
        absl::StrCat("decided again, ", age / 1'000'000'000,
                     " s after the first with its id, that of source ", first.source.value));
  } else if (command.id.version() == 7 && !NotRun(outcome) &&
             ran_.contains({command.key, command.id})) {
    Say(outcome, "a version 7 command ran twice");
  }
}

void PartitionWalk::CheckWindow(const LoggedOutcome& outcome, const LoggedCommand& command) {
  if (command.id.version() != 7) {
    if (outcome.code == "commander.expired" || outcome.code == "commander.clock") {
      Say(outcome, "the id carries no time");
    }
    return;
  }
  const std::int64_t made_ms = command.id.unix_ms();
  const std::int64_t asked_ms = outcome.asked_ns / 1'000'000;
  const std::int64_t min_ms = options_.min_window_ns / 1'000'000;
  const std::int64_t max_ms = options_.max_window_ns / 1'000'000;
  const std::int64_t skew_ms = kSkewNs / 1'000'000;
  const bool expired = outcome.code == "commander.expired";
  if (expired && made_ms > asked_ms - min_ms) Say(outcome, "expired in time");
  if (!expired && made_ms < asked_ms - max_ms - 1) Say(outcome, "too old to be decided");
  const bool clock = outcome.code == "commander.clock";
  if (clock && made_ms < asked_ms + skew_ms) Say(outcome, "refused though its clock is right");
  if (!clock && made_ms > asked_ms + skew_ms + 1) Say(outcome, "made in the future and decided");
}

void PartitionWalk::CheckRun(const LoggedOutcome& outcome, const LoggedCommand& command) {
  const std::string wrong = ExplainRun(model_.accounts[outcome.key], command, outcome);
  if (!wrong.empty()) Say(outcome, wrong);
}

// The final outcome of a command that was parked.
void PartitionWalk::CheckAgain(const LoggedOutcome& outcome, const LoggedCommand& command) {
  if (outcome.parked()) return Say(outcome, "parked twice");
  if (outcome.repeat) return Say(outcome, "a parked command ends as a repeat");
  const auto queue = model_.queues.find(outcome.key);
  if (queue == model_.queues.end() || queue->second.front() != outcome.source) {
    Say(outcome, "it is not the first of its parked queue");
  }
  // Whoever runs it has no outcome yet: it is the next one.
  const LoggedCommand* by = model_.consumed.value < history_.commands.size()
                                ? &history_.commands[model_.consumed.value]
                                : nullptr;
  const bool skipped = outcome.code == "commander.skipped";
  if (by == nullptr || by->key != outcome.key || by->type != (skipped ? kSkip : kRetry)) {
    Say(outcome, "nobody retried or skipped it");
  } else if (skipped) {
    RecordReader reader(by->record);
    if (Offset{reader.payload<wire::Skip>().getSource()} != outcome.source) {
      Say(outcome, "the skip meant another command");
    }
    skipped_ = outcome.source;
  }
  if (!skipped) CheckRun(outcome, command);
}

void PartitionWalk::CheckOperator(const LoggedOutcome& outcome, const LoggedCommand& command) {
  const auto queue = model_.queues.find(outcome.key);
  const bool parked = queue != model_.queues.end();
  if (command.type == kRetry) {
    if (outcome.code == "commander.failed") {
      if (!parked || !MayFail(history_.commands[queue->second.front().value])) {
        Say(outcome, "a retry failed at a command that does not");
      }
    } else if (outcome.kind != RecordKind::kNothing || parked) {
      Say(outcome, "a retry ended and left commands parked, or is no retry's outcome");
    }
    return;
  }
  RecordReader reader(command.record);
  const Offset meant{reader.payload<wire::Skip>().getSource()};
  if (outcome.code == "commander.other_head") {
    if (!parked || queue->second.front() == meant) Say(outcome, "it was the head that was meant");
  } else if (outcome.kind != RecordKind::kNothing) {
    Say(outcome, "no outcome of a skip");
  } else if (skipped_.has_value() ? *skipped_ != meant : parked) {
    Say(outcome, "a skip did not skip what it meant");
  }
  skipped_.reset();
}

void PartitionWalk::Apply(const LoggedOutcome& outcome, const LoggedCommand& command) {
  ModelAccount& account = model_.accounts[outcome.key];
  for (const LoggedEvent& event : outcome.events) {
    if (event.version != account.version + 1) {
      Say(outcome, absl::StrCat("version ", event.version, " after ", account.version));
    }
    account.Apply(event);
  }
  if (outcome.events.empty() && !outcome.key.empty() && outcome.version != account.version) {
    Say(outcome, absl::StrCat("decided on version ", outcome.version, ", it is ", account.version));
  }
  model_.consumed = std::max(model_.consumed, outcome.source + 1);
  model_.time_ns = std::max(model_.time_ns, outcome.time_ns);
  model_.asked_ns = std::max(model_.asked_ns, outcome.asked_ns);
  model_.next = outcome.last + 1;
  fates_[outcome.source] = outcome.parked() ? Fate::kParked : Fate::kFinal;
  if (outcome.parked()) {
    if (outcome.command != command.record) Say(outcome, "the parked command is not as it came");
    model_.queues[outcome.key].push_back(outcome.source);
    model_.parked_at[outcome.source] = outcome.first;
  } else if (model_.parked_at.erase(outcome.source) > 0) {
    std::deque<Offset>& queue = model_.queues[outcome.key];
    std::erase(queue, outcome.source);
    if (queue.empty()) model_.queues.erase(outcome.key);
  }
  if (outcome.repeat || outcome.code == "commander.id_reused" || outcome.key.empty()) return;
  if (!NotRun(outcome) && !outcome.parked()) ran_.insert({outcome.key, outcome.cause});
  model_.ids[{outcome.key, outcome.cause}] = {outcome.source, outcome.first, model_.asked_ns,
                                              outcome.parked()};
}

void PartitionWalk::CheckComplete() {
  if (model_.consumed.value != history_.commands.size()) {
    report_(absl::StrCat("commands from offset ", model_.consumed.value, " to ",
                         history_.commands.size(), " have no outcome"));
  }
  for (const auto& [key, queue] : model_.queues) {
    report_(absl::StrCat("key ", key, " is still parked, from source ", queue.front().value));
  }
}

}  // namespace commander::test
