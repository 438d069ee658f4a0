#include "engine/core.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "engine/errors.h"
#include "engine/in_decision.h"
#include "engine/partitioner.h"

namespace commander::internal {
namespace {

constexpr std::int64_t kClockToleranceNs = 5 * 60 * std::int64_t{1'000'000'000};

}  // namespace

absl::Status Core::Closed() {
  return WithCode(absl::UnavailableError("the engine is closed"), "commander.closed");
}

Core::Core(EngineOptions options, Wiring wiring, Environment environment)
    : options_(std::move(options)),
      wiring_(std::move(wiring)),
      environment_(std::move(environment)),
      log_id_(LogIdText(environment_.log->id())),
      outstanding_(options_.max_outstanding, options_.max_outstanding_bytes),
      ids_(*environment_.random) {}

Core::~Core() {
  Close().IgnoreError();  // whoever wants to know calls Close() before
}

absl::StatusOr<std::unique_ptr<Core>> Core::Open(EngineOptions options, Wiring wiring,
                                                 Environment environment) {
  std::unique_ptr<Core> core(
      new Core(std::move(options), std::move(wiring), std::move(environment)));
  const absl::Status opened = core->OpenAll();
  // A worker would ask again; whoever opens is told.
  if (absl::IsAborted(opened)) return absl::UnavailableError(opened.message());
  COMMANDER_RETURN_IF_ERROR(opened);
  return core;
}

absl::Status Core::OpenAll() {
  COMMANDER_ASSIGN_OR_RETURN(schemas_, SchemaSet::Load(*environment_.log));
  COMMANDER_RETURN_IF_ERROR(CheckStoredTypes(wiring_, *schemas_));
  COMMANDER_RETURN_IF_ERROR(OpenKeys());
  COMMANDER_RETURN_IF_ERROR(OpenGroups());
  COMMANDER_RETURN_IF_ERROR(OpenProjections());
  ListenToEvents();
  return absl::OkStatus();
}

absl::Status Core::OpenKeys() {
  if (!wiring_.sealing->needs_keys() && !environment_.has_keys) return absl::OkStatus();
  if (!environment_.open_keys) {
    return absl::FailedPreconditionError("this environment cannot keep keys of subjects");
  }
  COMMANDER_RETURN_IF_ERROR(crypto::SelfTest());
  COMMANDER_ASSIGN_OR_RETURN(
      ledger_, LedgerTopic::Open(*environment_.log, *environment_.clock, *environment_.random));
  COMMANDER_ASSIGN_OR_RETURN(keys_,
                             environment_.open_keys(*ledger_, [this] { return DropDecoded(); }));
  wiring_.sealing->Start(*keys_);
  // No record may outlive its key in a crash: one sync for all keys that a frame needs.
  environment_.log->SetBarrier([this] { return keys_->SyncKeys(); });
  return absl::OkStatus();
}

absl::Status Core::DropDecoded() {
  COMMANDER_RETURN_IF_ERROR(InDecision::Refuse());
  for (const std::unique_ptr<Worker>& worker : workers_) worker->RequestDrop();
  for (const std::unique_ptr<Worker>& worker : workers_) {
    // Beside the engine's threads, where there are some.
    while (!worker->Dropped()) {
      if (closed_) return Closed();
      bool worked = worker->Step(true);
      worked |= environment_.log->Step(true);
      worked |= write_backs_.Step();
      if (!worked) absl::SleepFor(absl::Microseconds(100));
    }
  }
  for (const std::unique_ptr<ProjectionWorker>& projection : projections_) projection->PassStep();
  return absl::OkStatus();
}

namespace {

absl::Status NoKeys() {
  return WithCode(
      absl::FailedPreconditionError("no type of this program has personal fields, and there are no "
                                    "keys in its data directory"),
      "commander.no_keys");
}

absl::Time TimeOf(std::int64_t ns) {
  return ns == 0 ? absl::InfinitePast() : absl::FromUnixNanos(ns);
}

}  // namespace

absl::StatusOr<ErasureReceipt> Core::Erase(const Subject& subject, std::string_view reason) {
  COMMANDER_RETURN_IF_ERROR(InDecision::Refuse());
  const std::shared_lock erasing(erasures_);
  if (closed_) return Closed();
  if (keys_ == nullptr) return NoKeys();
  COMMANDER_ASSIGN_OR_RETURN(const crypto::ErasureReceipt receipt,
                             keys_->Erase({subject.name_space, subject.id}, reason));
  ErasureReceipt answer;
  answer.erasure = receipt.id.ToString();
  if (!receipt.kids.empty()) answer.pseudonym = receipt.kids.front().ToString();
  answer.requested = TimeOf(receipt.fenced_ns);
  answer.completed = TimeOf(receipt.completed_ns);
  return answer;
}

absl::StatusOr<SubjectStatus> Core::StatusOf(const Subject& subject) {
  COMMANDER_RETURN_IF_ERROR(InDecision::Refuse());
  const std::shared_lock asking(erasures_);
  if (closed_) return Closed();
  if (keys_ == nullptr) return NoKeys();
  COMMANDER_ASSIGN_OR_RETURN(const crypto::SubjectStatus known,
                             keys_->Status({subject.name_space, subject.id}));
  using Known = crypto::SubjectStatus::State;
  SubjectStatus status;
  switch (known.state) {
    case Known::kNone:
      break;
    case Known::kActive:
      status.state = SubjectStatus::State::kActive;
      break;
    case Known::kFenced:
      status.state = SubjectStatus::State::kErasing;
      break;
    case Known::kErased:
      status.state = SubjectStatus::State::kErased;
      break;
  }
  if (known.kid.has_value()) status.pseudonym = known.kid->ToString();
  if (known.erasure.has_value()) status.erased_at = TimeOf(known.erasure->completed_ns);
  return status;
}

absl::Status Core::OpenGroups() {
  for (GroupBase* group : wiring_.groups) COMMANDER_RETURN_IF_ERROR(OpenGroup(*group));
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    COMMANDER_RETURN_IF_ERROR(workers_[i]->Open());
  }
  return absl::OkStatus();
}

// Partitions can be added to a topic, which would send keys away from their states.
absl::Status Core::CheckPartitions(const GroupRuntime& runtime) {
  const GroupBase& group = *runtime.group;
  const std::uint16_t wanted = group.options().partitions;
  const std::set<std::uint16_t> spread = schemas_->PartitionsOf(group.name());
  if (spread.empty() || spread.contains(wanted)) return absl::OkStatus();
  for (std::uint16_t p = 0; p < wanted; ++p) {
    COMMANDER_ASSIGN_OR_RETURN(const Offset begin, environment_.log->Begin({runtime.events, p}));
    COMMANDER_ASSIGN_OR_RETURN(const Offset end, environment_.log->End({runtime.events, p}));
    if (begin == end) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "group ", group.name(), " has events of keys that were spread over ", *spread.rbegin(),
        " partitions, and the program asks for ", wanted,
        ": a key's partition depends on their number, which cannot change under a group; open with "
        "that one where the topics still have it, else use topics of another name"));
  }
  return absl::OkStatus();
}

absl::Status Core::OpenGroup(GroupBase& group) {
  log::Log& log = *environment_.log;
  auto runtime = std::make_unique<GroupRuntime>();
  runtime->group = &group;
  const std::uint16_t partitions = group.options().partitions;
  COMMANDER_ASSIGN_OR_RETURN(
      runtime->commands,
      log.OpenTopic({group.command_topic(), log::TopicKind::kCommands, partitions}));
  COMMANDER_ASSIGN_OR_RETURN(
      runtime->events, log.OpenTopic({group.event_topic(), log::TopicKind::kEvents, partitions}));
  COMMANDER_RETURN_IF_ERROR(CheckPartitions(*runtime));
  if (group.options().handle_commands) {
    COMMANDER_RETURN_IF_ERROR(log.Acquire(group.name(), runtime->commands, runtime->events));
  }
  for (std::uint16_t p = 0; p < partitions; ++p) {
    COMMANDER_RETURN_IF_ERROR(CheckLastRecords(*runtime, p));
  }
  COMMANDER_ASSIGN_OR_RETURN(runtime->store,
                             environment_.stores->Open(absl::StrCat("store/", group.name())));
  COMMANDER_RETURN_IF_ERROR(schemas_->Ensure(log, *group.state()->schema,
                                             {group.name(), SchemaRole::kState, partitions}));
  for (const CommandHandler& handler : group.handlers()) {
    runtime->commands_known[handler.type->name] = std::make_unique<CommandType>();
  }
  for (const Type* type : {&TypeOf<wire::Retry>(), &TypeOf<wire::Skip>()}) {
    runtime->commands_known[type->name] = std::make_unique<CommandType>();
  }
  runtime->first_worker = workers_.size();

  std::size_t all_partitions = 0;
  for (const GroupBase* each : wiring_.groups) all_partitions += each->options().partitions;
  for (std::uint16_t partition = 0; partition < partitions; ++partition) {
    const std::size_t index = workers_.size();
    WorkerOptions options;
    options.partition.log_id = log.id();
    options.partition.group = group.name();
    options.partition.partition = partition;
    options.partition.partitions = partitions;
    options.partition.events_topic = group.event_topic();
    options.partition.dedup_window_ns = absl::ToInt64Nanoseconds(options_.dedup_window);
    options.partition.cache_bytes = options_.state_cache_bytes / all_partitions;
    options.partition.id_bytes = environment_.limits.id_bytes / all_partitions;
    options.partition.id_block = environment_.limits.id_block;
    options.decider.group = &group;
    options.decider.handlers = group.handlers();
    options.decider.commands = {runtime->commands, partition};
    options.decider.events = {runtime->events, partition};
    options.decider.partitions = partitions;
    options.decider.max_record_bytes = options_.max_record_bytes;
    options.decider.batch_outcomes = environment_.limits.batch_outcomes;
    options.decide_at_once = environment_.limits.decide_at_once;
    options.handle_commands = group.options().handle_commands;
    options.accept_lost_commands = options_.accept_lost_commands;
    options.write_back_bytes = options_.write_back_bytes / all_partitions;
    options.write_back_events =
        std::max<std::size_t>(options_.write_back_events / all_partitions, 1);
    options.log_id = log_id_;
    WorkerEnvironment environment;
    environment.log = &log;
    environment.schemas = schemas_.get();
    environment.sealing = wiring_.sealing.get();
    environment.store = runtime->store.get();
    COMMANDER_ASSIGN_OR_RETURN(environment.family,
                               runtime->store->OpenFamily(absl::StrCat("p", partition)));
    environment.write_backs = &write_backs_;
    environment.clock = environment_.clock;
    environment.random = environment_.random;
    if (environment_.crash_slot) {
      environment.crash_slot = environment_.crash_slot(group.name(), partition);
    }
    environment.sink = options_.log_sink;
    environment.wake = [this, index] {
      if (environment_.wake_worker) environment_.wake_worker(index);
    };
    workers_.push_back(std::make_unique<Worker>(std::move(options), *group.state(), environment));
    log.SetListener({runtime->commands, partition}, environment.wake);
  }
  groups_.push_back(std::move(runtime));
  group.MarkOpened();
  return absl::OkStatus();
}

absl::Status Core::CheckLastRecords(const GroupRuntime& group, std::uint16_t partition) {
  log::Log& log = *environment_.log;
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<log::Record> sent,
                             log.ReadLast({group.commands, partition}));
  if (sent.has_value()) last_time_ns_ = std::max(last_time_ns_, sent->time_ns);
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<log::Record> last,
                             log.ReadLast({group.events, partition}));
  if (!last.has_value()) return absl::OkStatus();
  const absl::StatusOr<std::unique_ptr<EnvelopeReader>> outcome =
      EnvelopeReader::Open(last->message);
  // What is none stops its partition, which says where it is.
  if (!outcome.ok()) return absl::OkStatus();
  COMMANDER_RETURN_IF_ERROR(CheckClock(group, partition, **outcome));
  return CheckCommand(group, partition, **outcome);
}

absl::Status Core::CheckClock(const GroupRuntime& group, std::uint16_t partition,
                              const EnvelopeReader& last) {
  const std::int64_t now = environment_.clock->NowNanos();
  last_time_ns_ = std::max(last_time_ns_, last.time_ns());
  if (options_.accept_clock || now >= last.time_ns() - kClockToleranceNs) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the clock says ", absl::FormatTime(absl::FromUnixNanos(now), absl::UTCTimeZone()),
      ", more than 5 minutes before the last outcome of ", group.group->event_topic(), "[",
      partition, "], ", absl::FormatTime(absl::FromUnixNanos(last.time_ns()), absl::UTCTimeZone()),
      "; set the clock, or open with accept_clock: outcomes then carry the later time until the "
      "clock has reached it"));
}

// Where a topic of commands was deleted and made anew, others lie where those with outcomes did.
absl::Status Core::CheckCommand(const GroupRuntime& group, std::uint16_t partition,
                                const EnvelopeReader& last) {
  if (last.key().empty()) return absl::OkStatus();  // of a record that is no command
  const absl::StatusOr<log::Record> record =
      environment_.log->Read({group.commands, partition}, last.source());
  if (absl::IsOutOfRange(record.status())) return absl::OkStatus();  // not kept for as long
  COMMANDER_RETURN_IF_ERROR(record.status());
  const absl::StatusOr<std::unique_ptr<EnvelopeReader>> command =
      EnvelopeReader::Open(record->message);
  if (command.ok() && (*command)->id() == last.cause()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "topic ", group.group->command_topic(), "[", partition, "]: the command at offset ",
      last.source().value, " is not the one whose outcome is the last of ",
      group.group->event_topic(),
      ": the topic was deleted and made anew, so that commands below that offset would not run; "
      "restore it, or use topics of another name"));
}

absl::Status Core::OpenProjections() {
  for (const ProjectionBase* projection : wiring_.projections) {
    std::vector<ProjectionSource> sources;
    for (const GroupBase* source : projection->sources()) {
      COMMANDER_ASSIGN_OR_RETURN(const GroupRuntime* const runtime, Find(*source));
      for (std::uint16_t p = 0; p < source->options().partitions; ++p) {
        sources.push_back({source->name(), source->event_topic(), {runtime->events, p}});
      }
    }
    COMMANDER_ASSIGN_OR_RETURN(
        std::unique_ptr<store::Store> store,
        environment_.stores->Open(
            absl::StrCat("projections/", projection->name(), "@", projection->fold().version)));
    COMMANDER_RETURN_IF_ERROR(schemas_->Ensure(*environment_.log, *projection->fold().schema,
                                               {projection->name(), SchemaRole::kRow}));
    ProjectionEnvironment environment;
    environment.log = environment_.log.get();
    environment.schemas = schemas_.get();
    environment.sealing = wiring_.sealing.get();
    environment.store = store.get();
    environment.sink = options_.log_sink;
    environment.log_id = log_id_;
    environment.flush_events = options_.write_back_events;
    const std::size_t index = projections_.size();
    projection_stores_.push_back(std::move(store));
    projections_.push_back(
        std::make_unique<ProjectionWorker>(*projection, sources, std::move(environment)));
    COMMANDER_RETURN_IF_ERROR(projections_.back()->Open());
    for (const ProjectionSource& source : sources) readers_[source.events].push_back(index);
  }
  return absl::OkStatus();
}

void Core::ListenToEvents() {
  for (const std::unique_ptr<GroupRuntime>& group : groups_) {
    for (std::uint16_t p = 0; p < group->group->options().partitions; ++p) {
      const log::TopicPartition events{group->events, p};
      const std::size_t worker = group->first_worker + p;
      environment_.log->SetListener(events, [this, worker, readers = readers_[events]] {
        // A log may have to fetch what is restored; later the worker knows what it commits.
        if (environment_.wake_worker && !workers_[worker]->ready() &&
            !workers_[worker]->stopped()) {
          environment_.wake_worker(worker);
        }
        if (!environment_.wake_projection) return;
        for (const std::size_t projection : readers) environment_.wake_projection(projection);
      });
    }
  }
}

absl::StatusOr<Core::GroupRuntime*> Core::Find(const GroupBase& group) {
  for (const std::unique_ptr<GroupRuntime>& runtime : groups_) {
    if (runtime->group == &group) return runtime.get();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("group ", group.name(), " was not given to Engine::Open"));
}

absl::StatusOr<std::size_t> Core::WorkerIndex(const GroupBase& group, std::string_view key) {
  COMMANDER_ASSIGN_OR_RETURN(const GroupRuntime* const runtime, Find(group));
  return runtime->first_worker + PartitionOf(key, group.options().partitions);
}

absl::StatusOr<ProjectionWorker*> Core::FindProjection(const ProjectionBase& projection) {
  COMMANDER_RETURN_IF_ERROR(InDecision::Refuse());
  if (closed_) return Closed();
  for (std::size_t i = 0; i < projections_.size(); ++i) {
    if (wiring_.projections[i] == &projection) return projections_[i].get();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("projection ", projection.name(), " was not given to Engine::Open"));
}

absl::StatusOr<Core::CommandType*> Core::FindType(GroupRuntime& group, const Type& type) {
  const auto at = group.commands_known.find(type.name);
  if (at == group.commands_known.end()) {
    return WithCode(absl::InvalidArgumentError(absl::StrCat(
                        "group ", group.group->name(), " has no handler for ", type.name,
                        "; register one with OnCommand before Engine::Open")),
                    "commander.no_handler");
  }
  return at->second.get();
}

absl::StatusOr<Core::Sent> Core::Send(const GroupBase& group, std::string_view key,
                                      CommandDraft draft, const CommandOptions& options,
                                      SendOptions how, Call::Done done) {
  COMMANDER_RETURN_IF_ERROR(InDecision::Refuse());
  if (closed_) return Closed();
  COMMANDER_ASSIGN_OR_RETURN(GroupRuntime* const runtime, Find(group));
  COMMANDER_ASSIGN_OR_RETURN(CommandType* const type, FindType(*runtime, draft.type()));
  if (key.empty() || key.size() > kMaxKeyBytes) {
    return WithCode(absl::InvalidArgumentError(absl::StrCat("a key has 1 to ", kMaxKeyBytes,
                                                            " bytes; this one has ", key.size())),
                    "commander.bad_key");
  }
  if (options.actor.size() > kMaxActorBytes) {
    return WithCode(
        absl::InvalidArgumentError(absl::StrCat("an actor has at most ", kMaxActorBytes,
                                                " bytes; this one has ", options.actor.size())),
        "commander.too_large");
  }
  const std::uint16_t partition = PartitionOf(key, group.options().partitions);
  Sent sent;
  sent.worker_index = runtime->first_worker + partition;
  sent.worker = workers_[sent.worker_index].get();
  if (sent.worker->stopped()) return sent.worker->Unavailable();

  CommandHeader header;
  header.created_ns = environment_.clock->NowNanos();
  if (options.id.empty()) {
    const std::lock_guard lock(ids_mutex_);
    header.id = ids_.Next(header.created_ns);
  } else {
    header.id = MessageId::FromText(options.id);
  }
  header.key = key;
  header.expected = options.expected.code();
  header.version = options.expected.version();
  header.correlation = options.correlation;
  header.actor = options.actor;
  header.headers = &options.headers;
  const Type& command = draft.type();
  if (const crypto::Plan* plan = wiring_.sealing->PlanOf(command); plan != nullptr) {
    const std::shared_lock using_keys(erasures_);
    if (closed_) return Closed();
    COMMANDER_ASSIGN_OR_RETURN(
        draft, wiring_.sealing->Seal(*plan, group.name(), header, std::move(draft)));
  }
  const FinishedMessage message = Finish(draft, header);
  const std::size_t bytes = message.words().size_bytes();
  if (bytes > options_.max_record_bytes) {
    return WithCode(
        absl::InvalidArgumentError(absl::StrCat("the command ", draft.type().name, " has ", bytes,
                                                " bytes with its envelope; max_record_bytes is ",
                                                options_.max_record_bytes)),
        "commander.too_large");
  }
  if (!type->stored.load(std::memory_order_acquire)) {
    COMMANDER_RETURN_IF_ERROR(
        schemas_->Ensure(*environment_.log, draft.type(), {group.name(), SchemaRole::kCommand}));
    type->stored.store(true, std::memory_order_release);
  }
  sent.call = std::make_shared<Call>(outstanding_, bytes, header.id, how.wants, absl::Now(),
                                     options.timeout, std::move(done));
  const bool room =
      how.wait ? outstanding_.Add(*sent.call, options.stop) : outstanding_.TryAdd(*sent.call);
  if (!room) {
    if (options.stop.stop_requested()) {
      return WithCode(absl::CancelledError("stopped waiting; not sent"), "commander.cancelled");
    }
    return WithCode(
        absl::ResourceExhaustedError(absl::StrCat(
            "too many commands are outstanding (max_outstanding ", options_.max_outstanding,
            ", max_outstanding_bytes ", options_.max_outstanding_bytes, "); not sent")),
        "commander.full");
  }
  const bool worker_commits = how.leads || sent.worker->will_commit();
  const absl::Status appended = environment_.log->Append(
      {runtime->commands, partition}, message.words(), sent.call, !worker_commits);
  if (!appended.ok()) return WithCommand(appended, header.id);
  sent.call->MarkSent();
  if (sent.worker->stopped()) {
    // Meanwhile: it may have handed over its tickets before this one was there.
    for (const auto& ticket : environment_.log->TakeTickets({runtime->commands, partition})) {
      std::static_pointer_cast<Call>(ticket)->Complete(
          WithCommand(sent.worker->Unavailable(), header.id));
    }
  }
  return sent;
}

absl::StatusOr<Outcome> Core::FindOutcome(const GroupBase& group, std::string_view key,
                                          std::string_view id) {
  COMMANDER_RETURN_IF_ERROR(InDecision::Refuse());
  if (closed_) return Closed();
  COMMANDER_ASSIGN_OR_RETURN(const GroupRuntime* const runtime, Find(group));
  const std::uint16_t partition = PartitionOf(key, group.options().partitions);
  return workers_[runtime->first_worker + partition]->FindOutcome(key, MessageId::FromText(id));
}

absl::StatusOr<std::vector<ParkedAggregate>> Core::Parked(const GroupBase& group) {
  COMMANDER_RETURN_IF_ERROR(InDecision::Refuse());
  if (closed_) return Closed();
  COMMANDER_ASSIGN_OR_RETURN(const GroupRuntime* const runtime, Find(group));
  std::vector<ParkedAggregate> parked;
  for (std::uint16_t p = 0; p < group.options().partitions; ++p) {
    COMMANDER_ASSIGN_OR_RETURN(std::vector<ParkedAggregate> some,
                               workers_[runtime->first_worker + p]->Parked());
    std::move(some.begin(), some.end(), std::back_inserter(parked));
  }
  std::sort(parked.begin(), parked.end(),
            [](const ParkedAggregate& a, const ParkedAggregate& b) { return a.key < b.key; });
  return parked;
}

EngineStatus Core::Status() {
  EngineStatus status;
  status.log = environment_.log->health();
  for (const std::unique_ptr<Worker>& worker : workers_) {
    status.partitions.push_back(worker->Status());
  }
  for (const std::unique_ptr<ProjectionWorker>& projection : projections_) {
    for (PartitionStatus& each : projection->Status()) status.projections.push_back(each);
  }
  status.outstanding = outstanding_.count();
  return status;
}

bool Core::StepAll() {
  bool worked = false;
  for (const std::unique_ptr<Worker>& worker : workers_) worked |= worker->Step();
  worked |= environment_.log->Step();
  worked |= write_backs_.Step();
  for (const std::unique_ptr<ProjectionWorker>& projection : projections_) {
    worked |= projection->Step();
  }
  return worked;
}

absl::Status Core::Close() {
  closed_ = true;
  if (std::exchange(shut_, true)) return absl::OkStatus();
  absl::Status first;
  const absl::Status closed =
      WithCode(absl::CancelledError("the engine was closed; the outcome may still come"),
               "commander.closed");
  // What is committed is applied before it is written back.
  for (const std::unique_ptr<Worker>& worker : workers_) worker->Stop(closed);
  for (const std::unique_ptr<GroupRuntime>& group : groups_) {
    for (std::uint16_t p = 0; p < group->group->options().partitions; ++p) {
      environment_.log->SetListener({group->commands, p}, nullptr);
      environment_.log->SetListener({group->events, p}, nullptr);
    }
  }
  {
    // Whoever erases gives up once closed_ is set.
    const std::unique_lock erasing(erasures_);
  }
  first.Update(environment_.log->Close());
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->Step();  // takes the last results
    while (write_backs_.Step()) {
    }
    worker->WriteBackNow();
  }
  while (write_backs_.Step()) {
  }
  for (const std::unique_ptr<Worker>& worker : workers_) first.Update(worker->write_back_error());
  for (const std::unique_ptr<ProjectionWorker>& projection : projections_) {
    projection->Refuse(Closed());
    first.Update(projection->Flush());
  }
  for (const std::unique_ptr<store::Store>& store : projection_stores_) {
    first.Update(store->Close());
  }
  for (const std::unique_ptr<GroupRuntime>& group : groups_) first.Update(group->store->Close());
  if (keys_ != nullptr) first.Update(keys_->Close());
  // Whoever is left: their commands are in the log, and nobody has decided them.
  for (const std::shared_ptr<Call>& call : outstanding_.Live()) call->Complete(closed);
  return first;
}

}  // namespace commander::internal
