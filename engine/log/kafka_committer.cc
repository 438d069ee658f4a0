#include "engine/log/kafka_committer.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "commander/internal/status_macros.h"

namespace commander::log::kafka {
namespace {

// What one transaction may hold; a batch alone always fits.
constexpr std::size_t kMaxTransactionBytes = std::size_t{32} << 20;
// Transactions in a row that a broker refuses for a reason that does not pass.
constexpr int kMaxRefusals = 5;
constexpr absl::Duration kRefusalPause = absl::Milliseconds(100);  // doubled each time
// Before another try where several transactions in a row ended without a commit.
constexpr absl::Duration kSetbackPause = absl::Milliseconds(100);
constexpr absl::Duration kServe = absl::Seconds(1);
// For a predecessor's transaction to end, and for brokers that come.
constexpr absl::Duration kOpenPatience = absl::Minutes(1);

bool IsFence(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
         error == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
         error == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
}

// Of a record or of us, so that the same is refused again.
bool IsPermanent(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return true;
    default:
      return false;
  }
}

// What batches are told that are not committed any more: that, or why it commits no more.
absl::Status OrClosed(const absl::Status& health) {
  return health.ok() ? absl::UnavailableError("the log is closed") : health;
}

}  // namespace

Committer::Committer(const Cluster& cluster, Options options)
    : cluster_(cluster),
      options_(std::move(options)),
      stale_(options_.partitions, false),
      refusals_(options_.partitions, 0),
      not_before_(options_.partitions, absl::InfinitePast()) {}

absl::StatusOr<std::unique_ptr<Committer>> Committer::Open(const Cluster& cluster,
                                                           Options options) {
  std::unique_ptr<Committer> committer(new Committer(cluster, std::move(options)));
  Member::Options member;
  member.group = committer->options_.group;
  member.topic = committer->options_.commands;
  member.partitions = committer->options_.partitions;
  member.instance = committer->options_.instance;
  // The order matters (a successor must not read before its predecessor can commit no more): be
  // the only member; end its transactions; wait until none is open.  Then the caller looks where
  // the events end.
  COMMANDER_ASSIGN_OR_RETURN(committer->member_, Member::Join(cluster, std::move(member)));
  committer->lost_seen_ = committer->member_->assignment().lost;
  COMMANDER_RETURN_IF_ERROR(committer->OpenTransactors(absl::Now() + kOpenPatience));
  COMMANDER_RETURN_IF_ERROR(committer->member_->AwaitStableOffsets());
  committer->thread_ = std::thread([self = committer.get()] { self->Run(); });
  return committer;
}

Committer::~Committer() { Close(); }

absl::Status Committer::OpenTransactors(absl::Time deadline) {
  const bool again = transactors_.front() != nullptr;
  for (std::size_t i = 0; i < transactors_.size(); ++i) {
    transactors_[i].reset();
    COMMANDER_ASSIGN_OR_RETURN(
        transactors_[i],
        Transactor::Open(cluster_, absl::StrCat(options_.application, ".", options_.group, ".", i),
                         options_.events, deadline, stop_));
  }
  // Whoever had these ids meanwhile, noticed or not, may have committed in any partition.
  stale_.assign(stale_.size(), again);
  return absl::OkStatus();
}

void Committer::Commit(CommitBatch batch) {
  {
    const std::lock_guard lock(mutex_);
    if (!ended_) {
      waiting_.push_back(std::move(batch));
      more_.notify_one();
      return;
    }
    results_.emplace_back(std::move(batch.done),
                          CommitResult{CommitOutcome::kUnknown, OrClosed(health_)});
  }
  options_.told();
}

bool Committer::Tell() {
  decltype(results_) results;
  {
    const std::lock_guard lock(mutex_);
    results.swap(results_);
  }
  for (const auto& [done, result] : results) {
    if (done) done(result);
  }
  return !results.empty();
}

bool Committer::idle() const {
  const std::lock_guard lock(mutex_);
  return waiting_.empty() && !committing_ && results_.empty();
}

absl::Status Committer::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

void Committer::Fail(absl::Status why) {
  if (!health().ok()) return;
  cluster_.Say(LogLevel::kError,
               absl::StrCat("group ", options_.group, " commits no more: ", why.message()));
  const std::lock_guard lock(mutex_);
  health_ = std::move(why);
}

void Committer::Report(CommitBatch& batch, CommitResult result) {
  const std::lock_guard lock(mutex_);
  results_.emplace_back(std::move(batch.done), std::move(result));
}

void Committer::ReportAll(std::vector<CommitBatch>& batches, CommitOutcome outcome,
                          const absl::Status& status) {
  for (CommitBatch& batch : batches) Report(batch, CommitResult{outcome, status});
}

void Committer::Run() {
  while (true) {
    std::vector<CommitBatch> batches;
    {
      std::unique_lock lock(mutex_);
      for (absl::Time next = NextCommit(); next > absl::Now() && !closing_; next = NextCommit()) {
        more_.wait_until(lock, absl::ToChronoTime(std::min(next, absl::Now() + kServe)));
        // Statistics wait to be taken, by a sink that may be slow.
        lock.unlock();
        for (const std::unique_ptr<Transactor>& each : transactors_) {
          if (each != nullptr) each->Serve();
        }
        lock.lock();
      }
      if (waiting_.empty() || !health_.ok()) {
        ended_ = true;
        end_.notify_all();
        batches.swap(waiting_);
      } else {
        committing_ = true;
        batches = TakeForOneTransaction();
      }
    }
    if (ended_) {
      ReportAll(batches, CommitOutcome::kUnknown, OrClosed(health()));
      options_.told();
      return;
    }
    CommitTogether(std::move(batches));
    {
      const std::lock_guard lock(mutex_);
      committing_ = false;
    }
    options_.told();
  }
}

absl::Time Committer::NextCommit() const {
  absl::Time next = absl::InfiniteFuture();
  for (const CommitBatch& batch : waiting_) {
    next = std::min(next, not_before_[batch.commands.partition]);
  }
  return next;
}

std::vector<CommitBatch> Committer::TakeForOneTransaction() {
  const absl::Time now = absl::Now();
  std::vector<CommitBatch> taken;
  std::vector<CommitBatch> left;
  std::size_t bytes = 0;
  bool alone = false;
  for (CommitBatch& batch : waiting_) {
    const std::uint16_t partition = batch.commands.partition;
    const bool suspect = refusals_[partition] > 0;
    const bool fits = taken.empty() ||
                      (!alone && !suspect && bytes + batch.entries.bytes() <= kMaxTransactionBytes);
    if (!fits || (now < not_before_[partition] && !closing_)) {
      left.push_back(std::move(batch));
      continue;
    }
    alone = suspect;
    bytes += batch.entries.bytes();
    taken.push_back(std::move(batch));
  }
  waiting_.swap(left);
  return taken;
}

bool Committer::AwaitMembership(Member::Assignment* assignment) {
  while (!stop_) {
    *assignment = member_->assignment();
    if (const absl::Status status = member_->health(); !status.ok()) {
      Fail(status);
      return false;
    }
    if (assignment->metadata != nullptr && assignment->number != refused_assignment_) return true;
    member_->AwaitOther(assignment->number, absl::Milliseconds(200));
  }
  return false;
}

void Committer::RefuseStale(std::vector<CommitBatch>* batches) {
  std::vector<CommitBatch> fresh;
  for (CommitBatch& batch : *batches) {
    if (!stale_[batch.commands.partition]) {
      fresh.push_back(std::move(batch));
      continue;
    }
    stale_[batch.commands.partition] = false;
    Report(batch, CommitResult{CommitOutcome::kUnknown,
                               absl::UnavailableError(
                                   "the membership of the group was lost for a while: another "
                                   "owner may have committed")});
  }
  batches->swap(fresh);
}

void Committer::Settle() {
  // A time-out of ours looks the same as a successor, and whoever opens the producers again fences
  // the one that has them.
  absl::StatusOr<bool> replaced = member_->Replaced(true);
  while (!replaced.ok() && !stop_) replaced = member_->Replaced(true);
  if (!replaced.ok() || *replaced) {
    return Fail(absl::UnavailableError(
        absl::StrCat("another process has taken over group ", options_.group,
                     ", or nobody could say that none has; open the engine again")));
  }
  const absl::Status status = OpenTransactors(absl::InfiniteFuture());
  if (!status.ok()) Fail(status);
}

void Committer::CommitTogether(std::vector<CommitBatch> batches) {
  Member::Assignment assignment;
  if (!AwaitMembership(&assignment)) {
    return ReportAll(batches, CommitOutcome::kUnknown, OrClosed(health()));
  }
  if (assignment.lost != lost_seen_) {
    lost_seen_ = assignment.lost;
    const absl::Status status = OpenTransactors(absl::InfiniteFuture());
    if (!status.ok()) Fail(status);
  }
  RefuseStale(&batches);
  if (batches.empty() || !health().ok()) {
    return ReportAll(batches, CommitOutcome::kUnknown, health());
  }
  std::unique_ptr<Transactor>& transactor = transactors_[turn_++ % transactors_.size()];
  const Transactor::Verdict verdict = transactor->Commit(
      batches, options_.commands, options_.instance, assignment.metadata, options_.key_of, stop_);
  if (verdict == Transactor::Verdict::kCommitted) {
    setbacks_ = 0;
    std::size_t entry = 0;
    for (CommitBatch& batch : batches) {
      refusals_[batch.commands.partition] = 0;
      CommitResult result{CommitOutcome::kCommitted, absl::OkStatus()};
      const auto begin = transactor->offsets().begin() + static_cast<std::ptrdiff_t>(entry);
      result.offsets.assign(begin, begin + batch.entries.count());
      result.first = result.offsets.front();
      entry += batch.entries.count();
      Report(batch, std::move(result));
    }
    return;
  }
  if (IsFence(transactor->cause())) refused_assignment_ = assignment.number;
  const CommitResult result = Setback(batches, *transactor, verdict);
  ReportAll(batches, result.outcome, result.status);
}

CommitResult Committer::Setback(const std::vector<CommitBatch>& batches,
                                const Transactor& transactor, Transactor::Verdict verdict) {
  const bool aborted = verdict == Transactor::Verdict::kAborted;
  const absl::Status& why = transactor.why();
  const bool permanent = IsPermanent(transactor.cause());
  int refusals = 0;
  for (const CommitBatch& batch : batches) {
    int& count = refusals_[batch.commands.partition];
    count = permanent ? count + 1 : 0;
    refusals = std::max(refusals, count);
  }
  if (aborted && refusals > kMaxRefusals && batches.size() == 1) {
    return {CommitOutcome::kRefused,
            absl::Status(why.code(),
                         absl::StrCat("refused ", refusals, " times in a row: ", why.message(),
                                      "; change what refuses it, a record bound or a right, and "
                                      "open the engine again"))};
  }
  cluster_.Say(LogLevel::kWarning,
               absl::StrCat("a transaction of group ", options_.group,
                            aborted ? " was aborted, and is decided again: "
                                    : " ended without a result; the log is read again: ",
                            why.message()));
  absl::Duration pause = absl::ZeroDuration();
  if (refusals > 1) {
    pause = kRefusalPause * (1 << std::min(refusals, kMaxRefusals));
  } else if (++setbacks_ > 1) {
    pause = kSetbackPause;
  }
  for (const CommitBatch& batch : batches) {
    not_before_[batch.commands.partition] = absl::Now() + pause;
  }
  if (aborted) return {CommitOutcome::kAborted, why};
  if (refusals > kMaxRefusals) {
    Fail(absl::Status(why.code(), absl::StrCat("transactions are refused, ", refusals,
                                               " in a row: ", why.message())));
  }
  CommitResult result{CommitOutcome::kUnknown, why};
  Settle();  // which ends `transactor`
  // These are told now.
  for (const CommitBatch& batch : batches) stale_[batch.commands.partition] = false;
  if (const absl::Status status = health(); !status.ok()) result.status = status;
  return result;
}

void Committer::Close() {
  {
    std::unique_lock lock(mutex_);
    closing_ = true;
    more_.notify_one();
  }
  if (!thread_.joinable()) return;
  {
    std::unique_lock lock(mutex_);
    end_.wait_for(lock, absl::ToChronoNanoseconds(kPatience), [&] { return ended_; });
  }
  stop_ = true;
  thread_.join();
}

}  // namespace commander::log::kafka
