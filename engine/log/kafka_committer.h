// kafka_committer.h: commits outcomes and consumed offsets of one group, a transaction for all
// batches that wait (KIP-98, KIP-447).
//
// Two transactional producers take turns: while one's markers are written the other begins.  Their
// ids belong to the group, so that whoever owns it next ends what this process leaves open.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/log/kafka_client.h"
#include "engine/log/kafka_member.h"
#include "engine/log/kafka_transactor.h"
#include "engine/log/log.h"

namespace commander::log::kafka {

// Thread-safe.  Has a thread of its own.
class Committer {
 public:
  struct Options {
    std::string application;
    std::string group;
    std::string commands;  // topics
    std::string events;
    std::uint16_t partitions = 0;
    std::string instance;
    KeyOf key_of;
    // Tell() has something to do.
    std::function<void()> told;
  };
  // Becomes the owner: joins the group, ends what a predecessor had under way, and returns when
  // all that it committed can be read.
  //   kUnavailable: another owner is alive; no broker answers, or none coordinates transactions.
  static absl::StatusOr<std::unique_ptr<Committer>> Open(const Cluster& cluster, Options options);
  ~Committer();

  void Commit(CommitBatch batch);
  // Tells batches their results.  False: there were none.
  bool Tell();
  // Everything has been told.
  bool idle() const;
  // Commits what waits, or gives it up after a while, and ends.
  void Close();
  // Then: is a member of the group no more.
  void Leave() { member_.reset(); }
  // Ok, or why it commits no more.
  absl::Status health() const;

 private:
  Committer(const Cluster& cluster, Options options);
  absl::Status OpenTransactors(absl::Time deadline);
  void Run();
  // When a batch that waits may be committed; not before it has waited if it was refused.
  absl::Time NextCommit() const;
  // Of those that wait and may be committed; at least one, if there are any.
  std::vector<CommitBatch> TakeForOneTransaction();
  // Another transaction has ended without a commit.  What to tell its batches.
  CommitResult Setback(const std::vector<CommitBatch>& batches, const Transactor& transactor,
                       Transactor::Verdict verdict);
  void CommitTogether(std::vector<CommitBatch> batches);
  // Waits for a membership to commit with.  False: it ends, or has lost it for good.
  bool AwaitMembership(Member::Assignment* assignment);
  // Takes out those that were decided before the membership was lost.
  void RefuseStale(std::vector<CommitBatch>* batches);
  // After a transaction of which nobody knows: ends it, so that the log says what happened.
  void Settle();
  void Fail(absl::Status why);
  void Report(CommitBatch& batch, CommitResult result);
  void ReportAll(std::vector<CommitBatch>& batches, CommitOutcome outcome,
                 const absl::Status& status);

  const Cluster& cluster_;
  const Options options_;
  std::unique_ptr<Member> member_;
  std::array<std::unique_ptr<Transactor>, 2> transactors_;
  std::size_t turn_ = 0;
  std::uint64_t lost_seen_ = 0;
  std::uint64_t refused_assignment_ = 0;  // the broker does not take it any more
  std::vector<bool> stale_;               // partitions whose state may lack what another owner did
  // Of a partition: its transactions in a row that something permanent ended, and when the next may
  // begin.  It may be another partition's fault, until each has been tried alone.
  std::vector<int> refusals_;
  std::vector<absl::Time> not_before_;
  int setbacks_ = 0;  // transactions in a row without a commit, of all partitions

  mutable std::mutex mutex_;
  std::condition_variable more_;
  std::vector<CommitBatch> waiting_;
  std::vector<std::pair<std::function<void(const CommitResult&)>, CommitResult>> results_;
  absl::Status health_;
  bool committing_ = false;
  bool closing_ = false;
  std::atomic<bool> stop_{false};  // gives up what is under way
  std::condition_variable end_;
  bool ended_ = false;  // the thread takes no more
  std::thread thread_;
};

}  // namespace commander::log::kafka
