#include "commander/engine.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "engine/core.h"
#include "engine/data_directory.h"
#include "engine/errors.h"
#include "engine/forward_clock.h"
#include "engine/in_decision.h"
#include "engine/open_log.h"
#include "engine/wake_up.h"
#include "store/key_rows_rocks.h"
#include "store/rocks_store.h"

namespace commander {
namespace internal {
namespace {

constexpr absl::Duration kDeadlineTick = absl::Milliseconds(50);
constexpr std::size_t kNoWorker = ~std::size_t{0};

// The worker that this thread is about to step itself: it need not be woken.
thread_local std::size_t leading = kNoWorker;

void BeginThread(Core& core, const std::string& name) {
  core.outstanding().TakeThread();
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

absl::Status TimedOut(const Call& call) {
  return WithCode(absl::DeadlineExceededError(absl::StrCat(
                      "no answer within ", absl::FormatDuration(call.timeout()),
                      "; the outcome may still come: ask FindOutcome, or send the same id again (",
                      call.id().ToString(), ")")),
                  "commander.timeout");
}

// What callers are told that wait no longer, because they have been stopped or it is too late.
absl::Status GivenUp(const Call& call, const std::stop_token& stop) {
  if (!stop.stop_requested()) return TimedOut(call);
  return WithCode(
      absl::CancelledError(absl::StrCat("stopped waiting; the outcome may still come: ask "
                                        "FindOutcome, or send the same id again (",
                                        call.id().ToString(), ")")),
      "commander.cancelled");
}

}  // namespace

// Runs a core: the threads that call its Step()s.
class EngineThreads {
 public:
  static absl::StatusOr<std::unique_ptr<EngineThreads>> Open(
      EngineOptions options, const std::vector<Component*>& components);
  ~EngineThreads() { Close(absl::Seconds(10)).IgnoreError(); }

  Core& core() { return *core_; }
  absl::StatusOr<Outcome> Sync(const GroupBase& group, std::string_view key, CommandDraft draft,
                               const CommandOptions& options);
  absl::Status AwaitReady(absl::Time deadline);
  absl::Status Close(absl::Duration drain);
  // To be asked by all that waits: a callback that did would wait for its own thread.
  absl::Status RefuseToWait() const;

 private:
  explicit EngineThreads(Clock& clock) : clock_(clock) {}
  // `random`: what the program gave, or null.
  absl::Status KeepKeys(const EngineOptions& options, RandomSource* random,
                        Environment* environment);
  void Start();
  void RunWorkers(std::size_t thread);
  void RunSequencer();
  void RunProjection(std::size_t index);
  // Deadlines of callbacks, and callbacks that came up on other threads.
  void RunCallbacks();
  void PushCallback(Outstanding::Callback callback);
  bool RunPushedCallbacks();
  void WakeWorker(std::size_t index) {
    if (index != leading) worker_wakes_[index % worker_wakes_.size()].Signal();
  }

  ForwardClock clock_;
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<crypto::KekProvider> kek_;
  std::vector<WakeUp> worker_wakes_;
  std::vector<WakeUp> projection_wakes_;
  std::unique_ptr<Core> core_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> stop_log_{false};
  std::atomic<bool> stop_callbacks_{false};
  WakeUp callbacks_wake_;
  std::vector<std::thread> workers_;
  std::vector<std::thread> projections_;
  std::thread callbacks_;
  std::thread sequencer_;
  std::thread write_backs_;

  std::mutex ready_mutex_;
  std::condition_variable ready_;

  std::mutex callbacks_mutex_;
  std::vector<Outstanding::Callback> pushed_;
  bool callbacks_ended_ = false;  // callbacks_ runs no more

  std::mutex close_mutex_;
  bool closed_ = false;
  absl::Status close_status_;
};

absl::StatusOr<std::unique_ptr<EngineThreads>> EngineThreads::Open(
    EngineOptions options, const std::vector<Component*>& components) {
  COMMANDER_RETURN_IF_ERROR(InDecision::Refuse());
  COMMANDER_ASSIGN_OR_RETURN(Wiring wiring, CheckWiring(options, components));
  RandomSource* const given_random = options.random;
  if (options.clock == nullptr) options.clock = &Clock::System();
  if (options.random == nullptr) options.random = &RandomSource::System();

  std::unique_ptr<EngineThreads> threads(new EngineThreads(*options.clock));
  COMMANDER_ASSIGN_OR_RETURN(threads->directory_, DataDirectory::Open(options.data_directory));

  Environment environment;
  COMMANDER_ASSIGN_OR_RETURN(environment.log,
                             OpenLog(options, wiring, *threads->directory_, threads->clock_));

  store::RocksStoreOptions store_options;
  store_options.data_directory = threads->directory_->path();
  store_options.memory_bytes = options.store_memory_bytes;
  store_options.clock = options.clock;
  store_options.sink = options.log_sink;
  environment.stores = store::NewRocksStoreFactory(std::move(store_options));
  environment.clock = &threads->clock_;
  environment.random = options.random;
  environment.crash_slot = [directory = threads->directory_.get(), sink = options.log_sink](
                               const std::string& group, std::uint16_t partition) {
    return directory->Slot(group, partition, sink);
  };
  COMMANDER_RETURN_IF_ERROR(threads->KeepKeys(options, given_random, &environment));
  std::size_t partitions = 0;
  for (const GroupBase* group : wiring.groups) partitions += group->options().partitions;
  std::size_t count = options.worker_threads;
  if (count == 0) count = std::max(std::thread::hardware_concurrency(), 1u);
  threads->worker_wakes_ =
      std::vector<WakeUp>(std::max<std::size_t>(std::min(count, partitions), 1));
  threads->projection_wakes_ = std::vector<WakeUp>(wiring.projections.size());
  environment.wake_worker = [self = threads.get()](std::size_t index) { self->WakeWorker(index); };
  environment.wake_projection = [self = threads.get()](std::size_t index) {
    self->projection_wakes_[index].Signal();
  };
  COMMANDER_ASSIGN_OR_RETURN(
      threads->core_, Core::Open(std::move(options), std::move(wiring), std::move(environment)));
  threads->clock_.RaiseTo(threads->core_->last_time_ns());
  threads->Start();
  return threads;
}

absl::Status EngineThreads::KeepKeys(const EngineOptions& options, RandomSource* random,
                                     Environment* environment) {
  std::filesystem::path directory = directory_->path() / "keys";
  if (!options.keys_directory.empty()) directory = options.keys_directory;
  std::error_code error;
  environment->has_keys = std::filesystem::exists(directory, error);
  if (error) {
    return absl::PermissionDeniedError(
        absl::StrCat("cannot look at ", directory.string(), ": ", error.message()));
  }
  crypto::KekFileOptions kek;
  if (!options.kek_file.empty()) kek.path = options.kek_file;
  kek.data_directory = directory_->path();
  kek.sink = options.log_sink;
  kek_ = crypto::NewKekFile(std::move(kek));
  environment->open_keys = [this, directory, random, sink = options.log_sink](
                               crypto::LedgerLog& ledger,
                               std::function<absl::Status()> drop_caches) {
    crypto::KeyStoreOptions keys;
    keys.directory = directory;
    keys.kek = kek_.get();
    keys.open_rows = store::KeyRowsOpener(sink);
    keys.ledger = &ledger;
    keys.clock = &clock_;
    keys.drop_caches = std::move(drop_caches);
    keys.random = random;
    keys.cached_keys = std::size_t{1} << 17;  // 4 MiB: locked memory is scarce
    keys.sink = sink;
    return crypto::KeyStore::Open(std::move(keys));
  };
  return absl::OkStatus();
}

void EngineThreads::Start() {
  core_->outstanding().SetCallbackThread(
      [this](Outstanding::Callback callback) { PushCallback(std::move(callback)); });
  sequencer_ = std::thread([this] { RunSequencer(); });
  write_backs_ = std::thread([this] {
    BeginThread(*core_, "cmdr-store");
    while (core_->write_backs().Wait()) core_->write_backs().Step();
  });
  for (std::size_t i = 0; i < worker_wakes_.size(); ++i) {
    workers_.emplace_back([this, i] { RunWorkers(i); });
  }
  for (std::size_t i = 0; i < projection_wakes_.size(); ++i) {
    projections_.emplace_back([this, i] { RunProjection(i); });
  }
  callbacks_ = std::thread([this] { RunCallbacks(); });
}

void EngineThreads::RunWorkers(std::size_t thread) {
  BeginThread(*core_, absl::StrCat("cmdr-worker", thread));
  WakeUp& wake = worker_wakes_[thread];
  std::vector<Worker*> mine;
  for (std::size_t i = thread; i < core_->workers().size(); i += worker_wakes_.size()) {
    mine.push_back(core_->workers()[i].get());
  }
  bool announced = false;
  while (true) {
    // Before stop_ is looked at: a signal in between would be taken for one that was seen.
    const std::uint32_t seen = wake.Seen();
    if (stop_) return;
    bool worked = false;
    bool ready = true;
    for (Worker* worker : mine) {
      worked |= worker->Step();
      ready = ready && (worker->ready() || worker->stopped());
    }
    if (ready && !announced) {
      const std::lock_guard lock(ready_mutex_);
      ready_.notify_all();
    }
    announced = ready;
    if (!worked) wake.Wait(seen);
  }
}

void EngineThreads::RunSequencer() {
  BeginThread(*core_, "cmdr-sequencer");
  // Step() may take the signal that comes with stop_log_.
  while (!stop_log_) {
    if (!core_->log().Step() && !stop_log_) core_->log().WaitForWork();
  }
}

void EngineThreads::RunProjection(std::size_t index) {
  BeginThread(*core_, "cmdr-projection");
  WakeUp& wake = projection_wakes_[index];
  while (true) {
    const std::uint32_t seen = wake.Seen();
    if (stop_) return;
    if (!core_->projections()[index]->Step()) wake.Wait(seen);
  }
}

absl::Status EngineThreads::RefuseToWait() const {
  COMMANDER_RETURN_IF_ERROR(InDecision::Refuse());
  if (!core_->outstanding().OnItsThread()) return absl::OkStatus();
  return WithCode(absl::FailedPreconditionError(
                      "called from a callback of SendCommand, which must not wait: it would wait "
                      "for the thread that it runs on; use SendCommand"),
                  "commander.in_callback");
}

// Callers that wait watch their own deadline; callbacks have nobody else.
void EngineThreads::RunCallbacks() {
  BeginThread(*core_, "cmdr-callbacks");
  while (!stop_callbacks_) {
    const std::uint32_t seen = callbacks_wake_.Seen();
    const bool worked = RunPushedCallbacks();
    const absl::Time now = absl::Now();
    for (const std::shared_ptr<Call>& call : core_->outstanding().Live()) {
      if (call->has_callback() && !call->completed() && call->deadline() <= now) {
        call->Complete(TimedOut(*call));
      }
    }
    if (!worked) callbacks_wake_.Wait(seen, now + kDeadlineTick);
  }
  while (RunPushedCallbacks()) {
  }
}

void EngineThreads::PushCallback(Outstanding::Callback callback) {
  {
    std::unique_lock lock(callbacks_mutex_);
    if (callbacks_ended_) {
      lock.unlock();
      return callback();
    }
    pushed_.push_back(std::move(callback));
  }
  callbacks_wake_.Signal();
}

bool EngineThreads::RunPushedCallbacks() {
  std::vector<Outstanding::Callback> callbacks;
  {
    const std::lock_guard lock(callbacks_mutex_);
    callbacks.swap(pushed_);
  }
  for (Outstanding::Callback& callback : callbacks) callback();
  return !callbacks.empty();
}

absl::StatusOr<Outcome> EngineThreads::Sync(const GroupBase& group, std::string_view key,
                                            CommandDraft draft, const CommandOptions& options) {
  COMMANDER_RETURN_IF_ERROR(RefuseToWait());
  Core::SendOptions how;
  how.wait = true;
  how.leads = !core_->log().remote();
  const std::size_t before = leading;
  COMMANDER_ASSIGN_OR_RETURN(const std::size_t index, core_->WorkerIndex(group, key));
  if (how.leads) leading = index;
  absl::StatusOr<Core::Sent> sent = core_->Send(group, key, std::move(draft), options, how, {});
  if (sent.ok() && how.leads) {
    // A lone caller decides and writes by itself, without a change of threads; where others are at
    // it, they do.
    sent->worker->Step(true);
    core_->log().Step(true);
    sent->worker->Step(true);
  }
  leading = before;
  if (!sent.ok()) return sent.status();
  if (!sent->call->completed()) {
    WakeWorker(index);
    core_->log().Wake();
  }
  return sent->call->Wait(options.stop, [&] { return GivenUp(*sent->call, options.stop); });
}

absl::Status EngineThreads::AwaitReady(absl::Time deadline) {
  COMMANDER_RETURN_IF_ERROR(RefuseToWait());
  const auto ready = [&] {
    if (core_->closed()) return true;
    for (const std::unique_ptr<Worker>& worker : core_->workers()) {
      if (!worker->ready() && !worker->stopped()) return false;
    }
    return true;
  };
  {
    std::unique_lock lock(ready_mutex_);
    while (!ready()) {
      if (ready_.wait_until(lock, absl::ToChronoTime(deadline)) == std::cv_status::timeout &&
          !ready()) {
        return WithCode(absl::DeadlineExceededError("partitions are still being restored"),
                        "commander.timeout");
      }
    }
  }
  if (core_->closed()) return Core::Closed();
  for (const std::unique_ptr<Worker>& worker : core_->workers()) {
    if (worker->stopped()) return worker->error();
  }
  for (const std::unique_ptr<ProjectionWorker>& projection : core_->projections()) {
    COMMANDER_RETURN_IF_ERROR(projection->AwaitReady(deadline));
  }
  return absl::OkStatus();
}

absl::Status EngineThreads::Close(absl::Duration drain) {
  if (core_ == nullptr) return absl::OkStatus();  // Open failed
  COMMANDER_RETURN_IF_ERROR(RefuseToWait());
  const std::lock_guard lock(close_mutex_);
  if (std::exchange(closed_, true)) return close_status_;
  core_->Refuse();
  {
    const std::lock_guard ready_lock(ready_mutex_);
    ready_.notify_all();
  }
  core_->outstanding().WaitAnswered(absl::Now() + drain);
  stop_ = true;
  for (WakeUp& wake : worker_wakes_) wake.Signal();
  for (WakeUp& wake : projection_wakes_) wake.Signal();
  for (std::thread& thread : workers_) thread.join();
  for (std::thread& thread : projections_) thread.join();
  stop_log_ = true;
  core_->log().Wake();
  sequencer_.join();
  core_->write_backs().Close();
  write_backs_.join();
  for (const std::unique_ptr<ProjectionWorker>& projection : core_->projections()) {
    projection->Stop(WithCode(absl::CancelledError("the engine was closed"), "commander.closed"));
  }
  close_status_ = core_->Close();
  stop_callbacks_ = true;
  callbacks_wake_.Signal();
  callbacks_.join();
  {
    const std::lock_guard callbacks_lock(callbacks_mutex_);
    callbacks_ended_ = true;
  }
  RunPushedCallbacks();
  directory_.reset();  // another engine may have it from now on
  return close_status_;
}

}  // namespace internal

absl::StatusOr<std::unique_ptr<Engine>> Engine::Open(EngineOptions options,
                                                     std::vector<internal::Component*> components) {
  COMMANDER_ASSIGN_OR_RETURN(std::unique_ptr<internal::EngineThreads> threads,
                             internal::EngineThreads::Open(std::move(options), components));
  return std::unique_ptr<Engine>(new Engine(std::move(threads)));
}

Engine::Engine(std::unique_ptr<internal::EngineThreads> threads) : threads_(std::move(threads)) {}
Engine::~Engine() = default;

absl::StatusOr<Outcome> Engine::Sync(const internal::GroupBase& group, std::string_view key,
                                     internal::CommandDraft draft, const CommandOptions& options) {
  return threads_->Sync(group, key, std::move(draft), options);
}

absl::StatusOr<MessageId> Engine::Async(const internal::GroupBase& group, std::string_view key,
                                        internal::CommandDraft draft,
                                        const CommandOptions& options) {
  COMMANDER_RETURN_IF_ERROR(threads_->RefuseToWait());
  internal::Core::SendOptions how;
  how.wants = internal::Call::Wants::kDurable;
  how.wait = true;
  COMMANDER_ASSIGN_OR_RETURN(const internal::Core::Sent sent,
                             threads_->core().Send(group, key, std::move(draft), options, how, {}));
  const absl::StatusOr<Outcome> durable =
      sent.call->Wait(options.stop, [&] { return internal::GivenUp(*sent.call, options.stop); });
  if (!durable.ok()) return durable.status();
  return sent.call->id();
}

absl::StatusOr<MessageId> Engine::Send(const internal::GroupBase& group, std::string_view key,
                                       internal::CommandDraft draft, Done done,
                                       const CommandOptions& options) {
  COMMANDER_ASSIGN_OR_RETURN(
      const internal::Core::Sent sent,
      threads_->core().Send(group, key, std::move(draft), options, {}, std::move(done)));
  return sent.call->id();
}

absl::StatusOr<Outcome> Engine::FindOutcome(const internal::GroupBase& group, std::string_view key,
                                            std::string_view id) {
  return threads_->core().FindOutcome(group, key, id);
}

absl::Status Engine::GetRow(const internal::ProjectionBase& projection, std::string_view key,
                            const QueryOptions& options,
                            const std::function<void(capnp::AnyPointer::Reader)>& use) {
  COMMANDER_ASSIGN_OR_RETURN(internal::ProjectionWorker* const worker,
                             threads_->core().FindProjection(projection));
  COMMANDER_RETURN_IF_ERROR(worker->Await(options.at_least, absl::Now() + options.timeout));
  return worker->Get(key, use);
}

absl::Status Engine::ScanRows(
    const internal::ProjectionBase& projection, const ScanOptions& options,
    const std::function<void(std::string_view, capnp::AnyPointer::Reader)>& use) {
  COMMANDER_ASSIGN_OR_RETURN(internal::ProjectionWorker* const worker,
                             threads_->core().FindProjection(projection));
  COMMANDER_RETURN_IF_ERROR(worker->Await(options.at_least, absl::Now() + options.timeout));
  return worker->Scan(options.prefix, options.after, options.limit, use);
}

absl::StatusOr<std::vector<ParkedAggregate>> Engine::Parked(const internal::GroupBase& group) {
  return threads_->core().Parked(group);
}

absl::StatusOr<Outcome> Engine::Retry(const internal::GroupBase& group, std::string_view key) {
  internal::CommandDraft draft(internal::TypeOf<wire::Retry>());
  draft.payload().initAs<wire::Retry>();
  return Sync(group, key, std::move(draft), {});
}

absl::StatusOr<Outcome> Engine::Skip(const internal::GroupBase& group, std::string_view key,
                                     Offset source, std::string_view reason) {
  internal::CommandDraft draft(internal::TypeOf<wire::Skip>());
  auto skip = draft.payload().initAs<wire::Skip>();
  skip.setSource(source.value);
  skip.setReason(std::string(reason).c_str());
  COMMANDER_ASSIGN_OR_RETURN(Outcome skipped, Sync(group, key, std::move(draft), {}));
  if (skipped.rejected()) return skipped;
  return Retry(group, key);
}

Privacy Engine::privacy() { return Privacy(threads_->core()); }

absl::Status Engine::AwaitReady(absl::Duration timeout) {
  COMMANDER_RETURN_IF_ERROR(internal::InDecision::Refuse());
  return threads_->AwaitReady(absl::Now() + timeout);
}

EngineStatus Engine::Status() {
  EngineStatus refused;
  refused.log = internal::InDecision::Refuse();
  if (!refused.log.ok()) return refused;
  return threads_->core().Status();
}

absl::Status Engine::Close(absl::Duration drain) {
  COMMANDER_RETURN_IF_ERROR(internal::InDecision::Refuse());
  return threads_->Close(drain);
}

}  // namespace commander
