#include "engine/worker.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "engine/errors.h"
#include "engine/in_decision.h"
#include "engine/log_begin.h"

namespace commander::internal {
namespace {

constexpr std::size_t kPollBytes = std::size_t{1} << 20;
constexpr std::size_t kRestoreBytes = std::size_t{4} << 20;

}  // namespace

Worker::Worker(WorkerOptions options, const FoldType& fold, WorkerEnvironment environment)
    : options_(std::move(options)),
      fold_(fold),
      environment_(std::move(environment)),
      state_(options_.partition, fold, *environment_.sealing, *environment_.store,
             environment_.family),
      decider_(options_.decider, state_, *environment_.log, *environment_.schemas,
               *environment_.sealing, *environment_.clock, *environment_.random,
               environment_.crash_slot),
      open_(std::make_unique<DecidedBatch>()) {}

void Worker::Log(LogLevel level, std::string message) const {
  if (!environment_.sink) return;
  environment_.sink({level,
                     "engine",
                     std::move(message),
                     {{"group", group()}, {"partition", absl::StrCat(partition())}}});
}

OutcomePlace Worker::Place() const {
  return {environment_.log, options_.decider.events,
          options_.log_id,  options_.partition.events_topic,
          group(),          environment_.sealing};
}

OutcomeBuilder::TypeOf Worker::TypeOf() {
  return [this](std::uint64_t fingerprint) { return decider_.names().Find(fingerprint); };
}

absl::Status Worker::Open() {
  const std::lock_guard lock(mutex_);
  std::string refold;
  COMMANDER_RETURN_IF_ERROR(state_.Load(&refold));
  folded_ = state_.next().value;
  restore_from_ = state_.next();
  if (!refold.empty()) {
    Log(LogLevel::kInfo, absl::StrCat("the state is folded again from the log: ", refold));
  }
  COMMANDER_ASSIGN_OR_RETURN(const Offset end, environment_.log->End(options_.decider.events));
  restore_to_ = end;
  const std::string store =
      absl::StrCat("the store of group ", group(), ", partition ", partition());
  if (state_.next() > end) {
    return absl::FailedPreconditionError(absl::StrCat(
        store, ", is ahead of the log: it has folded offset ", state_.next().value - 1, " of ",
        options_.partition.events_topic, ", whose last is ",
        end.value == 0 ? std::string("none") : absl::StrCat(end.value - 1),
        "; the log has lost records or is an older copy: restore the newer log, or delete the "
        "store to ",
        "accept the loss"));
  }
  COMMANDER_RETURN_IF_ERROR(CheckLogBegin(*environment_.log, options_.decider.events,
                                          options_.partition.events_topic, state_.next(), store));
  if (state_.next().value == 0) return absl::OkStatus();
  COMMANDER_ASSIGN_OR_RETURN(
      const log::Record last,
      environment_.log->Read(options_.decider.events, Offset{state_.next().value - 1}));
  if (XXH3_64bits(last.message.data(), last.message.size_bytes()) != state_.last_hash()) {
    return absl::FailedPreconditionError(
        absl::StrCat(store, ", was folded from another history: the record at offset ",
                     last.offset.value, " of ", options_.partition.events_topic,
                     " is not the one it holds; put log and store of the same directory together, "
                     "or delete the ",
                     "store: it will be rebuilt from this log"));
  }
  return absl::OkStatus();
}

class Worker::Owner {
 public:
  explicit Owner(Worker& worker, bool try_only = false)
      : worker_(worker),
        lock_(try_only ? std::unique_lock(worker.mutex_, std::try_to_lock)
                       : std::unique_lock(worker.mutex_)) {}
  ~Owner() {
    if (!lock_.owns_lock()) return;
    auto answers = std::exchange(worker_.answers_, {});
    lock_.unlock();
    for (auto& [call, answer] : answers) call->Complete(std::move(answer));
  }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  bool owns() const { return lock_.owns_lock(); }

 private:
  Worker& worker_;
  std::unique_lock<std::mutex> lock_;
};

bool Worker::Step(bool try_only) {
  const Owner owner(*this, try_only);
  return owner.owns() && StepLocked();
}

bool Worker::StepLocked() {
  bool worked = TakeResults();
  if (drop_) return DropDecoded() || worked;
  switch (phase_.load()) {
    case PartitionPhase::kStopped:
      return worked;
    case PartitionPhase::kRestoring:
      return Restore() || worked;
    case PartitionPhase::kRunning:
      break;
  }
  worked |= DecideSome();
  Submit();
  MaybeWriteBack(false);
  return worked;
}

bool Worker::TakeResults() {
  std::optional<log::CommitResult> commit;
  std::optional<std::pair<absl::Status, PartitionState::WriteBack>> written;
  {
    const std::lock_guard lock(results_mutex_);
    commit = std::exchange(commit_result_, std::nullopt);
    written = std::exchange(write_back_result_, std::nullopt);
  }
  if (written.has_value()) {
    writing_back_ = false;
    state_.Written(written->second);
    if (!written->first.ok()) {
      absl::Status status(written->first.code(),
                          absl::StrCat("writing the store of group ", group(), ", partition ",
                                       partition(), ": ", written->first.message()));
      if (stopped()) Log(LogLevel::kError, std::string(status.message()));
      write_back_error_.Update(status);
      may_write_back_ = false;
      StopLocked(std::move(status));
    }
  }
  if (commit.has_value()) {
    const std::unique_ptr<DecidedBatch> batch = std::move(committing_);
    switch (commit->outcome) {
      case log::CommitOutcome::kCommitted:
        Apply(*batch, *commit);
        break;
      case log::CommitOutcome::kAborted:
        // Decided again from the last committed states; the commands are still in the log.
        Log(LogLevel::kWarning,
            absl::StrCat("a commit was aborted and is decided again: ", commit->status.message()));
        if (stopped()) {
          DropBatch(*batch, StoppedAnswer(error()), false);
          break;
        }
        DropBatch(*batch, commit->status, true);
        DropStaged(commit->status, true);
        break;
      case log::CommitOutcome::kRefused:
        if (stopped()) {
          DropBatch(*batch, StoppedAnswer(error()), false);
          break;
        }
        DropBatch(*batch, commit->status, true);
        StopLocked(commit->status);
        break;
      case log::CommitOutcome::kUnknown:
        if (stopped()) {
          DropBatch(*batch, StoppedAnswer(error()), false);
          break;
        }
        DropBatch(*batch, commit->status, true);
        DropStaged(commit->status, true);
        if (const absl::Status health = environment_.log->health(); !health.ok()) {
          StopLocked(health);
        } else {
          Log(LogLevel::kWarning, "nobody knows whether a commit succeeded; reading the log again");
          phase_ = PartitionPhase::kRestoring;
          restore_from_ = state_.next();
          restore_to_.reset();
        }
        break;
    }
  }
  return commit.has_value() || written.has_value();
}

void Worker::StopUnlessWaiting(const absl::Status& status) {
  const absl::Status health = environment_.log->health();
  if (!absl::IsAborted(status) || !health.ok()) return StopLocked(health.ok() ? status : health);
  Log(LogLevel::kWarning, absl::StrCat("waiting for the log: ", status.message()));
}

bool Worker::Restore() {
  std::vector<log::Record> records;
  if (!restore_to_.has_value()) {
    const absl::StatusOr<Offset> end = environment_.log->End(options_.decider.events);
    if (!end.ok()) return StopUnlessWaiting(end.status()), true;
    restore_to_ = *end;
  }
  if (restore_from_ < *restore_to_) {
    const absl::StatusOr<Offset> next =
        environment_.log->Poll(options_.decider.events, restore_from_, kRestoreBytes, &records);
    if (!next.ok()) return StopLocked(next.status()), true;
    // Not there yet: the listener wakes whoever steps this.
    if (*next == restore_from_) return false;
    restore_from_ = *next;
  }
  for (const log::Record& record : records) {
    if (record.offset >= *restore_to_ && state_.between_outcomes()) break;
    absl::StatusOr<std::unique_ptr<EnvelopeReader>> envelope = EnvelopeReader::Open(record.message);
    const KnownType type = envelope.ok() ? decider_.names().Find((*envelope)->type()) : KnownType();
    const InDecision inside;
    const absl::Status status = state_.Fold(record.offset, record.message, type);
    if (!status.ok()) {
      may_write_back_ = false;
      return StopLocked(status), true;
    }
  }
  folded_ = state_.next().value;
  // Not within an outcome: the position must be one between two commits.
  if (state_.between_outcomes()) {
    state_.states().Sweep();
    MaybeWriteBack(false);
  }
  if (restore_from_ < *restore_to_) return true;
  if (!state_.between_outcomes()) {
    // Where another process commits, it may have been within an outcome that the log ended.
    const absl::StatusOr<Offset> end = environment_.log->End(options_.decider.events);
    if (!end.ok()) return StopUnlessWaiting(end.status()), true;
    restore_to_ = *end;
    if (restore_from_ < *restore_to_) return true;
  }
  const absl::Status status = FindStart();
  if (!status.ok()) return StopUnlessWaiting(status), true;
  phase_ = PartitionPhase::kRunning;
  return true;
}

absl::Status Worker::FindStart() {
  if (!state_.between_outcomes()) {
    return absl::DataLossError(absl::StrCat("topic ", options_.partition.events_topic, "[",
                                            partition(), "] ends within an outcome, at ", "offset ",
                                            state_.next().value));
  }
  COMMANDER_ASSIGN_OR_RETURN(const Offset begin,
                             environment_.log->Begin(options_.decider.commands));
  first_ = state_.consumed();
  if (begin > first_) {
    const std::string gone = absl::StrCat("topic ", options_.decider.group->command_topic(), "[",
                                          partition(), "]: commands ", first_.value, " to ",
                                          begin.value - 1, " are gone without an outcome");
    if (!options_.accept_lost_commands) {
      return absl::FailedPreconditionError(absl::StrCat(
          gone, "; restore the log, or open with accept_lost_commands to go on behind them"));
    }
    Log(LogLevel::kWarning, absl::StrCat(gone, ", as accept_lost_commands allows"));
    first_ = begin;
  }
  COMMANDER_ASSIGN_OR_RETURN(const Offset end, environment_.log->End(options_.decider.commands));
  if (first_ > end) {
    return absl::DataLossError(absl::StrCat(
        "topic ", options_.decider.group->command_topic(), "[", partition(),
        "]: there are outcomes ", "of commands up to ", state_.consumed().value - 1,
        ", but its last is ", end.value == 0 ? std::string("none") : absl::StrCat(end.value - 1)));
  }
  poll_from_ = first_;
  polled_.clear();
  polled_at_ = 0;
  // Commands that were committed after all will not be polled again.
  absl::erase_if(undecided_, [&](const auto& waiting) {
    if (waiting.first >= first_.value) return false;
    const char* const why =
        waiting.first < state_.consumed().value
            ? "the commit's result was lost on the way; the outcome is in the log: ask "
              "FindOutcome, or send the same id again"
            : "the command is gone from the log without an outcome; send the same id again";
    answers_.emplace_back(std::move(waiting.second),
                          WithCode(absl::UnavailableError(why), "commander.unknown"));
    return true;
  });
  return absl::OkStatus();
}

bool Worker::DecideSome() {
  if (!options_.handle_commands || more_ || decider_.Full(*open_)) return false;
  if (committing_ != nullptr && committing_->parks_killer) return false;
  if (polled_at_ == polled_.size()) {
    polled_.clear();
    polled_at_ = 0;
    const absl::StatusOr<Offset> next =
        environment_.log->Poll(options_.decider.commands, poll_from_, kPollBytes, &polled_);
    if (!next.ok()) return StopLocked(next.status()), true;
    polled_to_ = *next;
    if (polled_.empty()) return std::exchange(poll_from_, polled_to_) != polled_to_;
  }
  for (std::size_t n = 0; n < options_.decide_at_once && polled_at_ < polled_.size(); ++n) {
    log::Record& record = polled_[polled_at_];
    if (!undecided_.empty()) {
      const auto waiting = undecided_.find(record.offset.value);
      if (waiting != undecided_.end()) {
        if (record.ticket == nullptr) record.ticket = waiting->second;
        undecided_.erase(waiting);
      }
    }
    const absl::StatusOr<Decider::Result> result = decider_.Decide(record, open_.get());
    if (absl::IsAborted(result.status())) {
      StopUnlessWaiting(result.status());
      break;
    }
    if (!result.ok()) {
      return StopLocked(
                 absl::Status(result.status().code(),
                              absl::StrCat("deciding ", options_.decider.group->command_topic(),
                                           "[", partition(), "] offset ", record.offset.value, ": ",
                                           result.status().message()))),
             true;
    }
    if (*result == Decider::Result::kMore) {
      more_ = true;
      break;
    }
    ++polled_at_;
    poll_from_ = polled_at_ == polled_.size() ? polled_to_ : record.offset + 1;
    if (decider_.Full(*open_)) break;
  }
  return true;
}

void Worker::Submit() {
  if (committing_ != nullptr || open_->empty() || phase_ != PartitionPhase::kRunning) return;
  committing_ = std::exchange(open_, std::make_unique<DecidedBatch>());
  more_ = false;
  committing_->Seal();
  log::CommitBatch batch;
  batch.commands = options_.decider.commands;
  batch.events = options_.decider.events;
  batch.consumed = state_.staged_consumed();
  batch.entries = std::move(committing_->entries);
  batch.done = [this](const log::CommitResult& result) {
    {
      const std::lock_guard lock(results_mutex_);
      commit_result_ = result;
    }
    environment_.wake();
  };
  environment_.log->Commit(std::move(batch));
}

void Worker::Apply(DecidedBatch& batch, const log::CommitResult& committed) {
  if (const Offset first = committed.OffsetOf(0); first < state_.next()) {
    may_write_back_ = false;
    StopLocked(absl::DataLossError(absl::StrCat(
        "topic ", options_.partition.events_topic, "[", partition(),
        "]: outcomes were put at offset ", first.value, ", below ", state_.next().value,
        ", which was its end: it was deleted and made anew while it was in use; "
        "restore it from a backup, or use topics of another name")));
    return DropBatch(batch, StoppedAnswer(error()), false);
  }
  std::uint32_t records = 0;
  for (DecidedOutcome& outcome : batch.outcomes) {
    if (outcome.entry != nullptr) {
      state_.states().Commit(outcome.entry, std::move(outcome.after));
    }
    const absl::Status status = state_.Commit(outcome.Facts(), committed.OffsetOf(outcome.first));
    if (!status.ok()) {
      may_write_back_ = false;
      StopLocked(status);
      return DropBatch(batch, StoppedAnswer(status), false);
    }
    records = std::max(records, outcome.first + outcome.count);
  }
  state_.CommitBatch(records, committed.OffsetOf(records - 1), batch.last_id, batch.last_hash);
  if (batch.parks_killer) decider_.ForgetKiller();
  folded_ = state_.next().value;
  for (DecidedOutcome& outcome : batch.outcomes) {
    if (outcome.call != nullptr && outcome.call->wants_outcome()) Answer(outcome, committed);
  }
  state_.states().Sweep();
}

void Worker::Answer(DecidedOutcome& outcome, const log::CommitResult& committed) {
  absl::StatusOr<Outcome> answer = absl::InternalError("no answer");
  if (outcome.repeats != nullptr) {
    answer = ReadOutcome(Place(), *outcome.repeats, outcome.facts.id, TypeOf());
    if (answer.ok()) OutcomeBuilder::MarkRepeat(&*answer);
  } else if (outcome.records.empty()) {
    answer = ReadOutcome(Place(), committed.OffsetOf(outcome.first), outcome.facts.id, TypeOf());
  } else {
    RecordPosition position;
    position.log = options_.log_id;
    position.topic = options_.partition.events_topic;
    position.partition = partition();
    std::vector<OutcomeBuilder::Record> records;
    for (std::uint32_t i = 0; i < outcome.records.size(); ++i) {
      records.push_back({committed.OffsetOf(outcome.first + i), outcome.records[i]});
    }
    answer = OutcomeBuilder::Build(records, std::move(position), group(), outcome.facts.id,
                                   TypeOf(), *environment_.sealing);
  }
  answers_.emplace_back(std::move(outcome.call), std::move(answer));
}

void Worker::DropBatch(DecidedBatch& batch, const absl::Status& why, bool keep_calls) {
  for (DecidedOutcome& outcome : batch.outcomes) {
    if (outcome.entry != nullptr) OwnState::DropStaged(outcome.entry);
    if (outcome.call == nullptr) continue;
    if (keep_calls) {
      undecided_[outcome.facts.source.value] = std::move(outcome.call);
    } else {
      answers_.emplace_back(std::move(outcome.call), why);
    }
  }
  batch.outcomes.clear();
}

void Worker::DropStaged(const absl::Status& why, bool keep_calls) {
  DropBatch(*open_, why, keep_calls);
  open_ = std::make_unique<DecidedBatch>();
  more_ = false;
  state_.DropStaged();
  poll_from_ = std::max(first_, state_.consumed());
  for (std::size_t i = polled_at_; i < polled_.size(); ++i) {
    if (polled_[i].ticket == nullptr) continue;
    undecided_[polled_[i].offset.value] = std::static_pointer_cast<Call>(polled_[i].ticket);
  }
  polled_.clear();
  polled_at_ = 0;
}

absl::Status Worker::StoppedAnswer(const absl::Status& why) const {
  if (absl::IsCancelled(why)) return why;  // the engine closes
  return WithCode(absl::UnavailableError(
                      absl::StrCat("group ", group(), ", partition ", partition(),
                                   ", stopped; the outcome may still come: ", why.message())),
                  "commander.stopped");
}

void Worker::StopLocked(absl::Status why) {
  if (phase_ == PartitionPhase::kStopped) return;
  const absl::Status answer = StoppedAnswer(why);
  if (!absl::IsCancelled(why)) {
    // Said before anybody is told who waits.
    Log(LogLevel::kError, absl::StrCat("the partition stopped: ", why.message()));
  }
  {
    const std::lock_guard lock(error_mutex_);
    error_ = std::move(why);
  }
  phase_ = PartitionPhase::kStopped;
  DropStaged(answer, false);
  for (auto& [source, call] : undecided_) answers_.emplace_back(std::move(call), answer);
  undecided_.clear();
  // What has been sent and not been polled must not keep the room of other partitions' commands.
  absl::flat_hash_set<const void*> under_way;  // whose commit is about to be told
  if (committing_ != nullptr) {
    for (const DecidedOutcome& outcome : committing_->outcomes)
      under_way.insert(outcome.call.get());
  }
  for (const auto& ticket : environment_.log->TakeTickets(options_.decider.commands)) {
    auto call = std::static_pointer_cast<Call>(ticket);
    if (call->wants_outcome() && !under_way.contains(call.get())) {
      answers_.emplace_back(std::move(call), answer);
    }
  }
  environment_.log->Wake();  // senders may wait for commands to become durable behind our outcomes
}

void Worker::Stop(absl::Status why) {
  const Owner owner(*this);
  StopLocked(std::move(why));
}

void Worker::MaybeWriteBack(bool now) {
  if (!may_write_back_ || writing_back_ || state_.unsaved_records() == 0 ||
      !state_.between_outcomes())
    return;
  if (!now && state_.unsaved_records() < options_.write_back_events &&
      state_.states().dirty_bytes() < options_.write_back_bytes) {
    return;
  }
  writing_back_ = true;
  WriteBackJob job;
  job.fold = &fold_;
  job.sealing = environment_.sealing;
  job.group = group();
  job.store = environment_.store;
  job.family = environment_.family;
  job.taken = state_.TakeWriteBack();
  job.done = [this](absl::Status status, PartitionState::WriteBack taken) {
    {
      const std::lock_guard lock(results_mutex_);
      write_back_result_.emplace(std::move(status), std::move(taken));
    }
    environment_.wake();
  };
  environment_.write_backs->Push(std::move(job));
}

void Worker::RequestDrop() {
  const Owner owner(*this);
  drop_ = true;
}

// What is staged is committed first, so that no decision is lost; then the store gets what it
// lacks; then everything decoded goes.
bool Worker::DropDecoded() {
  if (!stopped()) {
    if (!state_.between_outcomes()) return Restore();
    Submit();
  }
  // Batches and write-backs under way hold states, too.
  if (committing_ != nullptr || !open_->empty() || writing_back_) return false;
  if (!state_.between_outcomes()) may_write_back_ = false;  // it stopped while it was restoring
  if (may_write_back_ && state_.unsaved_records() > 0) {
    MaybeWriteBack(true);
    return true;
  }
  state_.states().Clear();
  drop_ = false;
  return true;
}

void Worker::WriteBackNow() {
  const Owner owner(*this);
  TakeResults();
  MaybeWriteBack(true);
}

absl::Status Worker::write_back_error() {
  const Owner owner(*this);
  TakeResults();
  return write_back_error_;
}

absl::StatusOr<Outcome> Worker::FindOutcome(std::string_view key, const MessageId& id) {
  const std::lock_guard lock(mutex_);
  if (stopped()) return Unavailable();
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<store::RememberedId> found,
                             state_.ids().FindCommitted(id, HashOfKey(key)));
  if (!found.has_value()) {
    return absl::NotFoundError(absl::StrCat("no outcome of command ", id.ToString(),
                                            " is known up to offset ", state_.next().value, " of ",
                                            options_.partition.events_topic, "[", partition(),
                                            "]: it is pending, was never sent, or is forgotten"));
  }
  return ReadOutcome(Place(), found->outcome, id, TypeOf());
}

absl::StatusOr<std::vector<ParkedAggregate>> Worker::Parked() {
  const std::lock_guard lock(mutex_);
  if (stopped()) return Unavailable();
  if (!ready()) {
    return WithCode(
        absl::UnavailableError(absl::StrCat("group ", group(), ", partition ", partition(),
                                            ", is still being restored: call AwaitReady before")),
        "commander.restoring");
  }
  std::vector<ParkedAggregate> parked;
  for (const auto& [key, queue] : state_.parked().committed()) {
    const ParkedCommand& head = queue.front();
    COMMANDER_ASSIGN_OR_RETURN(const log::Record record,
                               environment_.log->Read(options_.decider.events, head.outcome));
    COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<EnvelopeReader> envelope,
                               EnvelopeReader::Open(record.message));
    COMMANDER_RETURN_IF_ERROR(environment_.sealing->Open(
        *envelope, group(), decider_.names().Find(envelope->type()).personal));
    ParkedAggregate& aggregate = parked.emplace_back();
    aggregate.key = key;
    aggregate.source = head.source;
    aggregate.length = queue.size();
    aggregate.command = std::string(decider_.names().NameOf(envelope->type()));
    aggregate.id = envelope->cause();
    Rejection reason;
    COMMANDER_RETURN_IF_ERROR(GuardKj("parked command", [&] { reason = envelope->rejection(); }));
    aggregate.code = reason.code;
    aggregate.message = reason.message;
  }
  return parked;
}

PartitionStatus Worker::Status() {
  PartitionStatus status;
  status.group = group();
  status.partition = partition();
  status.phase = phase_;
  status.error = error();
  for (const log::TopicPartition place : {options_.decider.commands, options_.decider.events}) {
    if (status.warning.empty()) status.warning = environment_.log->Warning(place);
  }
  status.folded = Offset{folded_};
  status.end = std::max(status.folded, environment_.log->EndSeen(options_.decider.events));
  return status;
}

absl::Status Worker::error() {
  const std::lock_guard lock(error_mutex_);
  return error_;
}

absl::Status Worker::Unavailable() {
  return WithCode(
      absl::UnavailableError(absl::StrCat("group ", group(), ", partition ", partition(),
                                          ", has stopped: ", error().message())),
      "commander.stopped");
}

bool Worker::idle() {
  const std::lock_guard lock(mutex_);
  return committing_ == nullptr && open_->empty() && polled_at_ == polled_.size();
}

}  // namespace commander::internal
