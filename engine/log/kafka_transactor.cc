#include "engine/log/kafka_transactor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "commander/internal/status_macros.h"

namespace commander::log::kafka {
namespace {

// How long a dead owner's transaction may hold up readers.
constexpr char kTransactionMilliseconds[] = "10000";
// Time for one call; what is not over by then is called again.
constexpr absl::Duration kCall = absl::Seconds(5);
// librdkafka asks again only after 500 ms where the predecessor's transaction is just being ended;
// a new client asks at once.
constexpr int kFirstTryMilliseconds = 60;
constexpr int kLastTryMilliseconds = 5000;
constexpr absl::Duration kLeastTry = absl::Milliseconds(100);

void* Tag(std::uint32_t transaction, std::uint32_t entry) {
  return reinterpret_cast<void*>((std::uintptr_t{transaction} << 32) | entry);
}

}  // namespace

absl::Status Transactor::Start(const Cluster& cluster, const std::string& events, int patience_ms) {
  Callbacks callbacks;
  // Without one librdkafka waits in steps of 10 ms for what is delivered.
  callbacks.delivered = [this](const rd_kafka_message_t& message) { OnDelivered(message); };
  events_.reset();
  client_.reset();
  COMMANDER_ASSIGN_OR_RETURN(
      client_,
      NewClient(RD_KAFKA_PRODUCER, cluster,
                {{"transactional.id", id_},
                 {"transaction.timeout.ms", PropertyOr(cluster.properties, "transaction.timeout.ms",
                                                       kTransactionMilliseconds)},
                 // A transaction may begin before the markers of the last one are written; the
                 // default asks again only after 100 ms.
                 {"retry.backoff.ms", "1"},
                 {"queue.buffering.max.messages", "2000000"},
                 {"queue.buffering.max.kbytes", "262144"}},
                std::move(callbacks)));
  const Error error(rd_kafka_init_transactions(client_.get(), patience_ms));
  if (error != nullptr) {
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
    cause_ = code;
    absl::Status status = StatusOf(error.get(), absl::StrCat("beginning as ", id_));
    const bool taken = code == RD_KAFKA_RESP_ERR__FENCED ||
                       code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
                       code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
    if (!absl::IsUnavailable(status) || taken || rd_kafka_error_is_fatal(error.get()) == 0) {
      return status;
    }
    return absl::FailedPreconditionError(status.message());
  }
  COMMANDER_ASSIGN_OR_RETURN(events_, NewTopic(client_.get(), events));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Transactor>> Transactor::Open(const Cluster& cluster, std::string id,
                                                             const std::string& events,
                                                             absl::Time deadline,
                                                             const std::atomic<bool>& stop) {
  std::unique_ptr<Transactor> transactor(new Transactor(std::move(id)));
  int patience = kFirstTryMilliseconds;
  int tries = 0;
  while (true) {
    const absl::Time began = absl::Now();
    const absl::Status status = transactor->Start(cluster, events, patience);
    if (status.ok()) return transactor;
    if (!absl::IsUnavailable(status) || stop) return status;
    if (absl::Now() > deadline) {
      return absl::UnavailableError(absl::StrCat(
          status.message(),
          "; transactions need as many brokers as transaction.state.log.replication.factor says"));
    }
    if (++tries % 16 == 0) {
      cluster.Say(LogLevel::kWarning, absl::StrCat("still trying: ", status.message()));
    }
    // The predecessor's transaction is over soon; a cluster that is away is asked more slowly.
    if (tries <= 4) continue;
    patience = std::min(2 * patience, kLastTryMilliseconds);
    absl::SleepFor(began + kLeastTry - absl::Now());
  }
}

void Transactor::Serve() { rd_kafka_poll(client_.get(), 0); }

void Transactor::OnDelivered(const rd_kafka_message_t& message) {
  const auto tag = reinterpret_cast<std::uintptr_t>(message._private);
  if (tag >> 32 != transaction_) return;
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    // What is purged has another reason, which was or will be told.
    if (message.err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
        message.err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
      // What the whole transaction is told of the same says less.
      if (message.err == cause_) why_ = absl::OkStatus();
      Blame(message.err,
            StatusOf(message.err,
                     absl::StrCat("an outcome of ", message.len, " bytes for topic ",
                                  rd_kafka_topic_name(message.rkt), "[", message.partition, "]")));
    }
    return;
  }
  if (message.offset < 0) return;
  offsets_[tag & 0xffffffffu] = Offset{static_cast<std::uint64_t>(message.offset)};
  ++delivered_;
}

void Transactor::Blame(rd_kafka_resp_err_t cause, absl::Status why) {
  if (!why_.ok()) return;
  cause_ = cause;
  why_ = std::move(why);
}

Transactor::Step Transactor::Try(const char* what, const std::atomic<bool>& stop,
                                 const std::function<rd_kafka_error_t*()>& call) {
  while (true) {
    const Error error(call());
    if (error == nullptr) return Step::kDone;
    if (rd_kafka_error_is_retriable(error.get()) != 0 && !stop) continue;
    // Fenced outlasts what was seen before: somebody may have taken over.
    if (rd_kafka_error_is_fatal(error.get()) != 0) why_ = absl::OkStatus();
    Blame(rd_kafka_error_code(error.get()), StatusOf(error.get(), what));
    if (rd_kafka_error_is_fatal(error.get()) == 0 &&
        rd_kafka_error_txn_requires_abort(error.get()) != 0) {
      return Step::kAbort;
    }
    return Step::kLost;  // nothing is guessed
  }
}

Transactor::Step Transactor::Produce(const std::vector<CommitBatch>& batches, const KeyOf& key_of) {
  std::uint32_t number = 0;
  for (const CommitBatch& batch : batches) {
    EntryWalk walk(batch.entries.words());
    while (true) {
      const std::span<const Word> message = walk.Next();
      if (message.empty()) break;
      const std::string key = key_of ? key_of(message) : std::string();
      // With the header that lies before it: a stream message.
      const Word* const value = message.data() - kEntryHeaderWords;
      if (rd_kafka_produce(events_.get(), batch.events.partition, RD_KAFKA_MSG_F_COPY,
                           const_cast<Word*>(value),
                           (message.size() + kEntryHeaderWords) * sizeof(Word), key.data(),
                           key.size(), Tag(transaction_, number)) != 0) {
        const rd_kafka_resp_err_t error = rd_kafka_last_error();
        Blame(error, StatusOf(error, "an outcome"));
        return error == RD_KAFKA_RESP_ERR__FATAL ? Step::kLost : Step::kAbort;
      }
      ++number;
    }
  }
  return Step::kDone;
}

Transactor::Verdict Transactor::Abort(const std::atomic<bool>& stop) {
  const Step step = Try("aborting a transaction", stop, [&] {
    return rd_kafka_abort_transaction(client_.get(), Milliseconds(kCall));
  });
  return step == Step::kDone ? Verdict::kAborted : Verdict::kUnknown;
}

Transactor::Verdict Transactor::Commit(const std::vector<CommitBatch>& batches,
                                       const std::string& commands, const std::string& instance,
                                       const GroupMetadata& group, const KeyOf& key_of,
                                       const std::atomic<bool>& stop) {
  why_ = absl::OkStatus();
  cause_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  ++transaction_;
  delivered_ = 0;
  std::size_t entries = 0;
  const PartitionList consumed(rd_kafka_topic_partition_list_new(static_cast<int>(batches.size())));
  for (const CommitBatch& batch : batches) {
    entries += batch.entries.count();
    rd_kafka_topic_partition_t* place = rd_kafka_topic_partition_list_find(
        consumed.get(), commands.c_str(), batch.commands.partition);
    if (place == nullptr) {
      place = rd_kafka_topic_partition_list_add(consumed.get(), commands.c_str(),
                                                batch.commands.partition);
      // Says who it was, to whoever looks at the group; librdkafka frees it.
      place->metadata = strdup(instance.c_str());
      place->metadata_size = instance.size();
    }
    place->offset = static_cast<std::int64_t>(batch.consumed.value);
  }
  offsets_.assign(entries, Offset{});

  Step step = Try("beginning a transaction", stop,
                  [&] { return rd_kafka_begin_transaction(client_.get()); });
  // Before the offsets: those are the fence, and what came after it could be a successor's work.
  if (step == Step::kDone) step = Produce(batches, key_of);
  if (step == Step::kDone) {
    step = Try("sending consumed offsets", stop, [&] {
      return rd_kafka_send_offsets_to_transaction(client_.get(), consumed.get(), group.get(),
                                                  Milliseconds(kCall));
    });
  }
  if (step == Step::kDone) {
    step = Try("committing a transaction", stop,
               [&] { return rd_kafka_commit_transaction(client_.get(), Milliseconds(kCall)); });
  }
  if (step == Step::kAbort) return Abort(stop);
  if (step == Step::kLost) return Verdict::kUnknown;
  if (delivered_ == entries) return Verdict::kCommitted;
  Blame(RD_KAFKA_RESP_ERR__INCONSISTENT,
        absl::UnavailableError("Kafka: a broker did not tell where it put outcomes"));
  return Verdict::kUnknown;
}

}  // namespace commander::log::kafka
