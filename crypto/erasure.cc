// The order of steps: fence, workers, ledger, destruction, ledger again.  Each is durable before
// the next begins and does nothing when it is repeated, so an erasure that a crash interrupts goes
// on from what the rows and the ledger say.
#include "crypto/erasure.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "crypto/key_primitives.h"
#include "crypto/key_store_impl.h"

namespace commander::crypto {
namespace {

constexpr std::int64_t kNanosADay = std::int64_t{86'400} * 1'000'000'000;
constexpr std::string_view kCheckpoint = "checkpoint";

}  // namespace

absl::Status KeyStoreImpl::OpenLedger() {
  COMMANDER_ASSIGN_OR_RETURN(
      ledger_, Ledger::Create(options_.ledger, directory_.id.store, directory_.table.ledger_seed(),
                              options_.require_locked_memory, options_.sink));
  COMMANDER_ASSIGN_OR_RETURN(const auto checkpoint, rows_->Get(KeyTable::kLedger, kCheckpoint));
  if (checkpoint.has_value()) COMMANDER_RETURN_IF_ERROR(ledger_.Restore(*checkpoint));
  COMMANDER_RETURN_IF_ERROR(
      ledger_.CatchUp([&](const LedgerRecord& record) { return Adopt(record); }));
  if (!ledger_.empty()) return absl::OkStatus();
  // From now on the log names its store.
  COMMANDER_RETURN_IF_ERROR(ledger_.AppendOnce(ledger_.OpeningRecord(options_.clock->NowNanos())));
  Step("ledger.open");
  KeyRowBatch batch;
  batch.Put(KeyTable::kLedger, std::string(kCheckpoint), ledger_.Checkpoint());
  return Write(batch, Durability::kSynced);
}

// An erasure that these rows do not know: they are a copy from before it.
absl::Status KeyStoreImpl::Adopt(const LedgerRecord& record) {
  if (record.kind != LedgerKind::kErase) return absl::OkStatus();
  COMMANDER_ASSIGN_OR_RETURN(const auto row,
                             rows_->Get(KeyTable::kJob, AsView(record.erasure.bytes)));
  if (row.has_value()) return absl::OkStatus();
  ErasureJob job;
  job.receipt.id = record.erasure;
  job.receipt.fenced_ns = record.time_ns;
  job.body = record.body;
  COMMANDER_ASSIGN_OR_RETURN(job.receipt.kids, KidsOfEraseBody(record.body));
  COMMANDER_ASSIGN_OR_RETURN(const ErasedSubjects subjects,
                             OpenEraseBody(directory_.id.store, record.erasure, record.body,
                                           directory_.table.ledger_key()));
  KeyRowBatch batch;
  PutFence(job, subjects.suppression_tags, &batch);
  return Write(batch, Durability::kSynced);
}

void KeyStoreImpl::PutFence(const ErasureJob& job, const std::vector<Tag>& tags,
                            KeyRowBatch* batch) const {
  const std::string id = ToString(job.receipt.id.bytes);
  const auto day = static_cast<std::uint32_t>(job.receipt.fenced_ns / kNanosADay);
  for (const Tag& tag : tags) {
    batch->Put(KeyTable::kGone, ToString(tag), BytesWriter().U32(day).Take());
  }
  for (const Kid& kid : job.receipt.kids) batch->Put(KeyTable::kFence, ToString(kid.bytes), id);
  batch->Put(KeyTable::kJob, id, EncodeJob(job));
}

absl::StatusOr<std::vector<ErasureJob>> KeyStoreImpl::Jobs() {
  std::vector<ErasureJob> jobs;
  COMMANDER_RETURN_IF_ERROR(rows_->Scan(
      KeyTable::kJob, "", [&](std::string_view key, std::string_view value) -> absl::Status {
        COMMANDER_ASSIGN_OR_RETURN(ErasureJob job, DecodeJob(key, value));
        jobs.push_back(std::move(job));
        return absl::OkStatus();
      }));
  std::sort(jobs.begin(), jobs.end(), [](const ErasureJob& a, const ErasureJob& b) {
    return std::pair(a.receipt.fenced_ns, a.receipt.id) <
           std::pair(b.receipt.fenced_ns, b.receipt.id);
  });
  return jobs;
}

// No row leads from a subject to its erasure, which would link it to its kids: all are opened.
absl::StatusOr<std::optional<ErasureJob>> KeyStoreImpl::FindJob(const Named& name) {
  COMMANDER_ASSIGN_OR_RETURN(const bool gone, IsGone(name));
  if (!gone) return std::nullopt;
  const Tag tag = SuppressionTagOf(directory_.table, name.bytes);
  COMMANDER_ASSIGN_OR_RETURN(std::vector<ErasureJob> jobs, Jobs());
  for (ErasureJob& job : jobs) {
    COMMANDER_ASSIGN_OR_RETURN(const ErasedSubjects subjects,
                               OpenEraseBody(directory_.id.store, job.receipt.id, job.body,
                                             directory_.table.ledger_key()));
    const auto& tags = subjects.suppression_tags;
    if (std::find(tags.begin(), tags.end(), tag) != tags.end()) return std::move(job);
  }
  return absl::DataLossError("CORRUPT: a subject is suppressed, and no erasure is of it");
}

absl::StatusOr<ErasureReceipt> KeyStoreImpl::Erase(const Subject& subject,
                                                   std::string_view reason) {
  COMMANDER_ASSIGN_OR_RETURN(const Named name, Name(subject));
  if (reason.size() > kMaxReasonBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the reason of an erasure has at most ",
                                                   kMaxReasonBytes, " bytes; got ", reason.size()));
  }
  const std::lock_guard lock(erasures_);
  COMMANDER_RETURN_IF_ERROR(Check());
  COMMANDER_ASSIGN_OR_RETURN(std::optional<ErasureJob> job, FindJob(name));
  if (!job.has_value()) {
    COMMANDER_ASSIGN_OR_RETURN(job, Fence(name, reason));
  }
  return Continue(*std::move(job), /*workers_run=*/true);
}

absl::StatusOr<ErasureJob> KeyStoreImpl::Fence(const Named& name, std::string_view reason) {
  ErasureJob job;
  FillRandom(options_.random, job.receipt.id.bytes);
  job.receipt.fenced_ns = options_.clock->NowNanos();
  Stripe& stripe = StripeOf(name);
  // No key of the subject is made meanwhile.
  const std::lock_guard lock(stripe.mutex);
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<Kid> kid, ReadTag(name));
  if (kid.has_value()) job.receipt.kids.push_back(*kid);
  const ErasedSubjects subjects{
      .suppression_tags = {SuppressionTagOf(directory_.table, name.bytes)},
      .reason = std::string(reason)};
  job.body = EncodeEraseBody(directory_.id.store, job.receipt.id, job.receipt.kids, subjects,
                             directory_.table.ledger_key(), options_.random);
  KeyRowBatch batch;
  PutFence(job, subjects.suppression_tags, &batch);
  stripe.kids.erase(name.hash);
  COMMANDER_RETURN_IF_ERROR(
      cache_->Forget(job.receipt.kids, [&] { return Write(batch, Durability::kSynced); }));
  ++open_jobs_;
  Step("erase.fenced");
  return job;
}

absl::StatusOr<ErasureReceipt> KeyStoreImpl::Continue(ErasureJob job, bool workers_run) {
  const ErasureReceipt& receipt = job.receipt;
  if (receipt.stage == ErasureStage::kDone) return receipt;
  if (receipt.stage == ErasureStage::kFenced) {
    if (workers_run && options_.drop_caches) {
      const absl::Status dropped = options_.drop_caches();
      if (!dropped.ok()) {
        return absl::UnavailableError(
            absl::StrCat("erasure ", receipt.id.ToString(),
                         " is fenced and waits for workers: ", dropped.message()));
      }
    }
    Step("erase.dropped");
    COMMANDER_RETURN_IF_ERROR(Append(EraseRecord(job), "is fenced"));
    Step("erase.recorded");
    COMMANDER_RETURN_IF_ERROR(Destroy(receipt.kids));
    job.receipt.destroyed_ns = options_.clock->NowNanos();
    COMMANDER_RETURN_IF_ERROR(PutStage(&job, ErasureStage::kDestroyed));
    Step("erase.destroyed");
  }
  COMMANDER_RETURN_IF_ERROR(
      Append(CompleteRecord(job, directory_.root_sequence), "has destroyed the key"));
  Step("erase.completed");
  job.receipt.completed_ns = options_.clock->NowNanos();
  COMMANDER_RETURN_IF_ERROR(PutStage(&job, ErasureStage::kDone));
  Step("erase.done");
  return job.receipt;
}

// An error of the log does not fail the store: the ledger is read before anything is appended to it
// again.
absl::Status KeyStoreImpl::Append(const LedgerRecord& record, const char* stage) {
  absl::Status appended = ledger_.AppendOnce(record);
  if (appended.ok() || absl::IsDataLoss(appended) || absl::IsUnimplemented(appended)) {
    return appended;
  }
  return absl::UnavailableError(absl::StrCat("erasure ", record.erasure.ToString(), " ", stage,
                                             ", and the ledger does not take its record; repeat "
                                             "the erasure: ",
                                             appended.message()));
}

absl::Status KeyStoreImpl::Destroy(const std::vector<Kid>& kids) {
  KeyRowBatch batch;
  for (const Kid& kid : kids) {
    const std::string name = ToString(kid.bytes);
    COMMANDER_ASSIGN_OR_RETURN(const auto row, rows_->Get(KeyTable::kKey, name));
    if (!row.has_value()) continue;  // deleted before a crash
    COMMANDER_ASSIGN_OR_RETURN(const std::uint16_t bucket, BucketOfKeyRow(*row));
    COMMANDER_RETURN_IF_ERROR(FindTags(kid, bucket, &batch));
    batch.Delete(KeyTable::kKey, name);
  }
  if (!batch.changes.empty()) COMMANDER_RETURN_IF_ERROR(Write(batch, Durability::kSynced));
  Step("erase.deleted");
  if (kids.empty()) return absl::OkStatus();
  const absl::Status compacted = rows_->Compact();
  return compacted.ok() ? compacted : Fail(compacted);
}

absl::Status KeyStoreImpl::FindTags(const Kid& kid, std::uint16_t bucket, KeyRowBatch* batch) {
  return rows_->Scan(KeyTable::kTag, TagRowPrefix(bucket),
                     [&](std::string_view key, std::string_view value) -> absl::Status {
                       COMMANDER_ASSIGN_OR_RETURN(const Kid of_row,
                                                  OpenTagRow(Place(), key, value));
                       if (of_row == kid) batch->Delete(KeyTable::kTag, std::string(key));
                       return absl::OkStatus();
                     });
}

absl::Status KeyStoreImpl::PutStage(ErasureJob* job, ErasureStage stage) {
  job->receipt.stage = stage;
  KeyRowBatch batch;
  batch.Put(KeyTable::kJob, ToString(job->receipt.id.bytes), EncodeJob(*job));
  if (stage == ErasureStage::kDone) {
    // What the ledger holds of an erasure under way must be read again after a crash.
    if (open_jobs_ == 1) {
      batch.Put(KeyTable::kLedger, std::string(kCheckpoint), ledger_.Checkpoint());
    }
    COMMANDER_RETURN_IF_ERROR(Write(batch, Durability::kSynced));
    --open_jobs_;
    return absl::OkStatus();
  }
  return Write(batch, Durability::kSynced);
}

absl::Status KeyStoreImpl::ResumeErasures() {
  COMMANDER_RETURN_IF_ERROR(Check());
  const std::lock_guard lock(erasures_);
  return Resume(/*workers_run=*/true);
}

absl::Status KeyStoreImpl::Resume(bool workers_run) {
  COMMANDER_RETURN_IF_ERROR(Check());
  COMMANDER_ASSIGN_OR_RETURN(std::vector<ErasureJob> jobs, Jobs());
  std::erase_if(jobs,
                [](const ErasureJob& job) { return job.receipt.stage == ErasureStage::kDone; });
  open_jobs_ = jobs.size();
  for (ErasureJob& job : jobs) {
    COMMANDER_RETURN_IF_ERROR(Continue(std::move(job), workers_run).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<SubjectStatus> KeyStoreImpl::Status(const Subject& subject) {
  COMMANDER_ASSIGN_OR_RETURN(const Named name, Name(subject));
  SubjectStatus status;
  COMMANDER_ASSIGN_OR_RETURN(status.kid, ReadTag(name));
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<ErasureJob> job, FindJob(name));
  if (job.has_value()) {
    status.erasure = job->receipt;
    const bool done = job->receipt.stage == ErasureStage::kDone;
    status.state = done ? SubjectStatus::State::kErased : SubjectStatus::State::kFenced;
    if (!job->receipt.kids.empty()) status.kid = job->receipt.kids.front();
  } else if (status.kid.has_value()) {
    status.state = SubjectStatus::State::kActive;
  }
  return status;
}

absl::StatusOr<std::vector<ErasureReceipt>> KeyStoreImpl::Erasures() {
  COMMANDER_RETURN_IF_ERROR(Check());
  COMMANDER_ASSIGN_OR_RETURN(std::vector<ErasureJob> jobs, Jobs());
  std::vector<ErasureReceipt> receipts;
  receipts.reserve(jobs.size());
  for (ErasureJob& job : jobs) receipts.push_back(std::move(job.receipt));
  return receipts;
}

}  // namespace commander::crypto
