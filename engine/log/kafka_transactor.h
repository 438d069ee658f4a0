// kafka_transactor.h: one transactional producer (KIP-98).
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/log/kafka_client.h"
#include "engine/log/kafka_member.h"
#include "engine/log/log.h"

namespace commander::log::kafka {

// The Kafka key of a record.
using KeyOf = std::function<std::string(std::span<const Word>)>;

// Not thread-safe.
class Transactor {
 public:
  enum class Verdict {
    kCommitted,
    kAborted,  // nothing of it will ever be seen
    kUnknown,  // opening another of the same id settles it
  };

  // Ends the transaction that a predecessor of this id has left open.  Tries until it has, or
  // `deadline` or `stop`: kUnavailable then.  At once: what a broker will never take.
  static absl::StatusOr<std::unique_ptr<Transactor>> Open(const Cluster& cluster, std::string id,
                                                          const std::string& events,
                                                          absl::Time deadline,
                                                          const std::atomic<bool>& stop);

  // To be called now and then between transactions: takes statistics.
  void Serve();

  // One transaction: the entries of all batches to `events`, and what they consumed of `commands`.
  // `offsets` are those of all entries, batch by batch, once committed; kUnknown also where it is
  // committed, and they cannot be told.
  Verdict Commit(const std::vector<CommitBatch>& batches, const std::string& commands,
                 const std::string& instance, const GroupMetadata& group, const KeyOf& key_of,
                 const std::atomic<bool>& stop);
  const std::vector<Offset>& offsets() const { return offsets_; }
  // Why the last one was not committed.
  const absl::Status& why() const { return why_; }
  rd_kafka_resp_err_t cause() const { return cause_; }

 private:
  explicit Transactor(std::string id) : id_(std::move(id)) {}
  absl::Status Start(const Cluster& cluster, const std::string& events, int patience_ms);
  void OnDelivered(const rd_kafka_message_t& message);
  // Calls until it succeeds or cannot: 0 done, 1 to be aborted, 2 unknown.
  enum class Step { kDone, kAbort, kLost };
  Step Try(const char* what, const std::atomic<bool>& stop,
           const std::function<rd_kafka_error_t*()>& call);
  Step Produce(const std::vector<CommitBatch>& batches, const KeyOf& key_of);
  Verdict Abort(const std::atomic<bool>& stop);
  void Blame(rd_kafka_resp_err_t cause, absl::Status why);

  const std::string id_;
  Client client_;
  TopicHandle events_;
  std::uint32_t transaction_ = 0;  // tells late reports of earlier ones apart
  std::vector<Offset> offsets_;
  std::size_t delivered_ = 0;
  absl::Status why_;
  rd_kafka_resp_err_t cause_ = RD_KAFKA_RESP_ERR_NO_ERROR;
};

}  // namespace commander::log::kafka
