#include "engine/log/embedded_log.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "engine/log/catalog.h"
#include "engine/log/embedded_log_impl.h"
#include "engine/log/small_file.h"

namespace commander::log {
namespace {

// How long WaitForWork() lets a full device be before the next try.
constexpr std::chrono::milliseconds kFullDevicePause(50);

}  // namespace

EmbeddedLog::EmbeddedLog(EmbeddedLogOptions options, OpenedLog opened)
    : options_(std::move(options)),
      files_(*options_.files),
      id_(opened.id),
      process_(files_.ProcessId()),
      directory_lock_(std::move(opened.lock)),
      segments_(std::move(opened.segments)),
      writer_(std::move(opened.writer)),
      topics_(std::move(opened.topics)),
      tail_({.cache_bytes = options_.read_cache_bytes}, segments_->ActiveHead().last_time_ns) {
  for (const auto& [number, topic] : topics_) tail_.AddTopic(topic, segments_->ActiveHead());
}

EmbeddedLog::~EmbeddedLog() { Close().IgnoreError(); }  // who wants to know calls Close()

// ---------------------------------------------------------------- clients and workers

absl::Status EmbeddedLog::Append(TopicPartition commands, std::span<const Word> message,
                                 std::shared_ptr<Ticket> ticket, bool wake) {
  if (message.empty() || message.size_bytes() > options_.max_record_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("a record of the log has 8 to ",
                                                   options_.max_record_bytes,
                                                   " bytes, this one has ", message.size_bytes()));
  }
  const std::int64_t now = options_.clock->NowNanos();
  std::shared_ptr<Listener> listener;
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_.ok()) {
      return absl::UnavailableError(
          absl::StrCat("the log has stopped: ", stopped_.message(), "; open it again"));
    }
    if (!no_space_.ok()) return no_space_;
    COMMANDER_RETURN_IF_ERROR(CheckPartition(commands));
    if (tail_.KindOf(commands) == TopicKind::kEvents) {
      return absl::InvalidArgumentError(absl::StrCat("topic ", commands.topic, " of log ",
                                                     options_.directory,
                                                     " holds events: they come by Commit()"));
    }
    if (tail_.pending_bytes() > 0 &&
        tail_.pending_bytes() + message.size_bytes() > options_.max_pending_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          tail_.pending_bytes(), " bytes wait to be written to log ", options_.directory,
          ", the bound is ", options_.max_pending_bytes, "; try again when some are"));
    }
    tail_.Append(commands, message, now, std::move(ticket));
    if (wake) Signal();
    if (!listeners_.empty()) listener = ListenerOf(commands);
  }
  if (listener != nullptr) {
    const std::lock_guard running(listener->mutex);
    if (listener->function) listener->function();
  }
  return absl::OkStatus();
}

absl::Status EmbeddedLog::CheckBatch(const CommitBatch& batch) const {
  if (batch.entries.empty() || batch.entries.bytes() > kMaxCommitBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a batch holds 1 or more outcomes of at most ", kMaxCommitBytes,
        " bytes together, this one holds ", batch.entries.count(), " of ", batch.entries.bytes()));
  }
  EntryWalk walk(batch.entries.words());
  for (auto message = walk.Next(); !message.empty(); message = walk.Next()) {
    if (message.size_bytes() > options_.max_record_bytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("a record of the log has at most ", options_.max_record_bytes,
                       " bytes, an outcome of this batch has ", message.size_bytes()));
    }
  }
  if (walk.damaged()) {
    return absl::InvalidArgumentError("a batch holds an outcome without a byte");
  }
  return absl::OkStatus();
}

std::vector<std::shared_ptr<Ticket>> EmbeddedLog::TakeTickets(TopicPartition commands) {
  const std::lock_guard lock(mutex_);
  if (!CheckPartition(commands).ok()) return {};
  return tail_.TakeTickets(commands);
}

void EmbeddedLog::Commit(CommitBatch batch) {
  absl::Status bad = CheckBatch(batch);
  Chunk entries;
  if (bad.ok()) entries = Chunk::Of(std::exchange(batch.entries, {}));
  const std::int64_t now = options_.clock->NowNanos();
  const std::lock_guard lock(mutex_);
  if (bad.ok()) bad = CheckPartition(batch.commands);
  if (bad.ok()) bad = CheckPartition(batch.events);
  if (bad.ok() && (tail_.KindOf(batch.commands) != TopicKind::kCommands ||
                   tail_.KindOf(batch.events) != TopicKind::kEvents ||
                   batch.consumed.value > tail_.Next(batch.commands))) {
    bad = absl::InvalidArgumentError(absl::StrCat(
        "a batch consumes topic ", batch.commands.topic, " partition ", batch.commands.partition,
        " below offset ", batch.consumed.value, " into topic ", batch.events.topic,
        ": it needs commands that are there and a topic of events"));
  }
  if (!stopped_.ok()) {
    refused_.emplace_back(std::move(batch.done),
                          CommitResult{CommitOutcome::kUnknown, stopped_, {}});
  } else if (!bad.ok()) {
    refused_.emplace_back(std::move(batch.done), CommitResult{CommitOutcome::kRefused, bad, {}});
  } else {
    tail_.Commit(std::move(batch), std::move(entries), now);
  }
  Signal();
}

void EmbeddedLog::SetListener(TopicPartition partition, std::function<void()> listener) {
  std::shared_ptr<Listener> slot;
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Listener>& known = listeners_[partition];
    if (known == nullptr) known = std::make_shared<Listener>();
    slot = known;
  }
  const std::lock_guard running(slot->mutex);
  slot->function = std::move(listener);
}

std::shared_ptr<EmbeddedLog::Listener> EmbeddedLog::ListenerOf(TopicPartition partition) {
  const auto it = listeners_.find(partition);
  return it == listeners_.end() ? nullptr : it->second;
}

// ---------------------------------------------------------------- stepping

bool EmbeddedLog::TakeStepRight(bool try_only) {
  std::unique_lock lock(mutex_);
  if (stepping_ && (try_only || stepper_ == std::this_thread::get_id())) return false;
  step_free_.wait(lock, [&]() { return !stepping_; });
  stepping_ = true;
  stepper_ = std::this_thread::get_id();
  return true;
}

void EmbeddedLog::GiveStepRight() {
  {
    const std::lock_guard lock(mutex_);
    stepping_ = false;
    stepper_ = {};
  }
  step_free_.notify_one();
}

bool EmbeddedLog::Step(bool try_only) {
  if (!TakeStepRight(try_only)) return false;
  const bool worked = StepWithRight();
  GiveStepRight();
  return worked;
}

bool EmbeddedLog::StepWithRight() {
  std::shared_ptr<PendingFrame> frame;
  News news;
  {
    const std::lock_guard lock(mutex_);
    if (const absl::Status process = CheckProcess(); !process.ok()) Stop(process);
    if (stopped_.ok() && in_flight_ == nullptr) {
      in_flight_ = tail_.TakeFrame(options_.clock->NowNanos());
    }
    GatherFailed(&news);
    frame = in_flight_;
  }
  bool worked = !news.empty();
  Tell(std::move(news));
  if (frame != nullptr) worked = WriteFrame(frame) || worked;
  return worked;
}

void EmbeddedLog::SetBarrier(std::function<absl::Status()> barrier) {
  const std::lock_guard lock(mutex_);
  barrier_ = std::move(barrier);
}

absl::Status EmbeddedLog::PassBarrier() {
  std::function<absl::Status()> barrier;
  {
    const std::lock_guard lock(mutex_);
    barrier = barrier_;
  }
  if (!barrier) return absl::OkStatus();
  absl::Status status = barrier();
  if (status.ok()) return status;
  return absl::UnavailableError(
      absl::StrCat("what must be durable before the log is not: ", status.message()));
}

bool EmbeddedLog::WriteFrame(const std::shared_ptr<PendingFrame>& frame) {
  absl::Status status = PassBarrier();
  if (status.ok()) status = writer_->Write(*frame);
  News news;
  if (status.ok()) {
    const absl::Status mark = writer_->StoreMark();
    const std::lock_guard lock(mutex_);
    in_flight_ = nullptr;
    no_space_ = absl::OkStatus();
    tail_.FrameSynced(frame, &news.forgotten);
    news.frame = frame;
    for (const auto* runs : {&frame->commands, &frame->events}) {
      for (const auto& run : *runs) {
        if (auto listener = ListenerOf(run->partition())) news.listeners.push_back(listener);
      }
    }
    // The frame is durable, whatever became of the mark.
    if (!mark.ok() && !absl::IsResourceExhausted(mark)) Stop(mark);
  } else if (absl::IsResourceExhausted(status)) {
    const std::lock_guard lock(mutex_);
    if (no_space_.ok()) Say(LogLevel::kError, std::string(status.message()));
    no_space_ = absl::ResourceExhaustedError(
        absl::StrCat("no space on the device of log ", options_.directory, " (", status.message(),
                     "); nothing is accepted until there is some again"));
    return false;
  } else {
    const std::lock_guard lock(mutex_);
    Stop(status);
    GatherFailed(&news);
  }
  Tell(std::move(news));
  WriteIndexes();
  return true;
}

void EmbeddedLog::WriteIndexes() {
  for (const SegmentWriter::Sealed& sealed : writer_->TakeSealed()) {
    const PutResult put = PutFile(files_, options_.directory, sealed.index_name, sealed.index,
                                  Durability::kSyncedIfThere);
    if (put.status.ok()) continue;
    Say(LogLevel::kWarning,
        absl::StrCat("could not write the index ", sealed.index_name,
                     "; it is made when the log is opened: ", put.status.message()));
  }
}

// NOLINTNEXTLINE: by value, callers and frames are let go before the next frame is written.
void EmbeddedLog::Tell(News news) {
  if (news.frame != nullptr) {
    for (const auto& [ticket, offset] : news.frame->tickets) ticket->OnDurable(offset);
    for (const PendingFrame::Batch& batch : news.frame->batches) {
      if (batch.done) batch.done({CommitOutcome::kCommitted, absl::OkStatus(), batch.first});
    }
    // The frame may stay in memory for readers; whom it told need not.
    news.frame->tickets.clear();
    news.frame->batches.clear();
  }
  for (const auto& [ticket, status] : news.failed) ticket->OnFailed(status);
  for (const auto& [done, result] : news.refused) {
    if (done) done(result);
  }
  for (const auto& listener : news.listeners) {
    const std::lock_guard running(listener->mutex);
    if (listener->function) listener->function();
  }
}

void EmbeddedLog::Stop(absl::Status why) {
  if (!stopped_.ok()) return;
  stopped_ = std::move(why);
  no_space_ = absl::OkStatus();
  Say(LogLevel::kError, absl::StrCat("the log has stopped: ", stopped_.message()));
  Signal();
}

void EmbeddedLog::GatherFailed(News* news) {
  news->refused.insert(news->refused.end(), std::make_move_iterator(refused_.begin()),
                       std::make_move_iterator(refused_.end()));
  refused_.clear();
  if (stopped_.ok()) return;
  std::vector<std::shared_ptr<PendingFrame>> dropped = tail_.DropUnsynced();
  if (in_flight_ != nullptr) dropped.insert(dropped.begin(), std::move(in_flight_));
  in_flight_ = nullptr;
  for (const auto& frame : dropped) {
    for (auto& [ticket, offset] : frame->tickets) {
      news->failed.emplace_back(std::move(ticket), stopped_);
    }
    for (PendingFrame::Batch& batch : frame->batches) {
      news->refused.emplace_back(std::move(batch.done),
                                 CommitResult{CommitOutcome::kUnknown, stopped_, {}});
    }
  }
}

void EmbeddedLog::WaitForWork() {
  std::unique_lock lock(mutex_);
  const auto woken = [&]() { return signalled_; };
  if (no_space_.ok()) {
    work_.wait(lock, woken);
  } else {
    work_.wait_for(lock, kFullDevicePause, woken);
  }
  signalled_ = false;
}

void EmbeddedLog::Wake() {
  const std::lock_guard lock(mutex_);
  Signal();
}

void EmbeddedLog::Signal() {
  if (signalled_) return;
  signalled_ = true;
  work_.notify_all();
}

absl::Status EmbeddedLog::CheckProcess() const {
  const std::int64_t process = files_.ProcessId();
  if (process == process_) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("process ", process, " is a child of process ",
                                                    process_, ", which opened log ",
                                                    options_.directory, "; only that one writes"));
}

absl::Status EmbeddedLog::health() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

absl::Status EmbeddedLog::Close() {
  if (!TakeStepRight(/*try_only=*/false)) {
    return absl::FailedPreconditionError("a log cannot be closed by a callback of its own");
  }
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      stepping_ = false;
      step_free_.notify_one();
      return absl::OkStatus();
    }
    closed_ = true;
  }
  while (StepWithRight()) {
  }
  absl::Status result;
  bool write;
  {
    const std::lock_guard lock(mutex_);
    result = stopped_.ok() ? no_space_ : stopped_;
    write = stopped_.ok();
  }
  if (write) {
    if (!result.ok()) result.Update(writer_->CutUnfinished());
    result.Update(writer_->Close());
  }
  News news;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_.ok()) {
      stopped_ =
          result.ok()
              ? absl::UnavailableError(absl::StrCat("log ", options_.directory, " is closed"))
              : result;
    }
    GatherFailed(&news);
  }
  Tell(std::move(news));
  writer_.reset();
  directory_lock_.reset();
  GiveStepRight();
  return result;
}

void EmbeddedLog::Say(LogLevel level, std::string message) const {
  if (options_.sink) {
    options_.sink({level, "log", std::move(message), {{"log", options_.directory}}});
  }
}

// ---------------------------------------------------------------- opening

absl::StatusOr<std::unique_ptr<Log>> OpenEmbeddedLog(EmbeddedLogOptions options) {
  while (options.directory.size() > 1 && options.directory.ends_with('/')) {
    options.directory.pop_back();
  }
  if (options.directory.empty() || options.clock == nullptr || options.random == nullptr ||
      options.files == nullptr) {
    return absl::InvalidArgumentError(
        "a log needs a directory, a clock, a source of randomness and a file system");
  }
  constexpr std::uint64_t kMaxSegment = std::uint64_t{16} << 30;
  if (options.segment_bytes == 0 || options.segment_bytes > kMaxSegment) {
    return absl::InvalidArgumentError(
        absl::StrCat("segment_bytes is ", options.segment_bytes, ", it can be 1 to ", kMaxSegment));
  }
  // What one frame may hold beside others bounds one record.
  if (options.max_record_bytes == 0 || options.max_record_bytes > kMaxCommitBytes) {
    return absl::InvalidArgumentError(absl::StrCat("max_record_bytes is ", options.max_record_bytes,
                                                   ", it can be 8 to ", kMaxCommitBytes));
  }
  COMMANDER_ASSIGN_OR_RETURN(OpenedLog opened, OpenForWriting(options));
  return std::make_unique<EmbeddedLog>(std::move(options), std::move(opened));
}

}  // namespace commander::log
