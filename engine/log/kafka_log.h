// kafka_log.h: a log on Apache Kafka, by librdkafka.
//
//     auto log = OpenKafkaLog({.brokers = "kafka:9092", .application = "shop", …});
//     auto commands = (*log)->OpenTopic({"orders-commands", TopicKind::kCommands, 8});
//     auto events = (*log)->OpenTopic({"orders-events", TopicKind::kEvents, 8});
//     (*log)->Acquire("orders", *commands, *events);
//
// A record's value is a Cap'n Proto stream message of one segment, its key the aggregate's key,
// without headers.  Outcomes and the consumed offset of their commands become visible in one
// transaction (KIP-98, with the consumer's fence of KIP-447); everything is read at
// `read_committed`.  Schemas are in <application>-schemas, a compacted topic.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "commander/environment.h"
#include "commander/log_sink.h"
#include "engine/log/log.h"

namespace commander::log {

struct KafkaLogOptions {
  std::string brokers = {};      // bootstrap.servers
  std::string application = {};  // names the schema topic and transactional ids
  // Names this owner among the members of its groups; the same after a restart.
  std::string instance = {};
  // Of librdkafka, for all clients; those that the protocol stands on are refused.
  std::vector<std::pair<std::string, std::string>> properties = {};

  // Bound on one record.  Whoever makes events allows 128 KiB more than for commands.
  std::size_t max_record_bytes = (1 << 20) + (128 << 10);
  // Bound on what waits to be produced.  Append() refuses above it.
  std::size_t max_pending_bytes = 64 << 20;
  // Prefetched records of one reader of one partition.
  std::size_t prefetch_bytes = 4 << 20;

  // The Kafka key of a record.  Must give an empty one where it cannot be told.
  std::function<std::string(std::span<const Word>)> key_of = {};
  // Told of connections, rebalances, transactions that were not committed; and of librdkafka's
  // lines and, where `statistics.interval.ms` is set, statistics.
  LogSink sink = nullptr;
};

class KafkaLog : public Log {
 public:
  // Nothing waits to be appended, committed or told.
  virtual bool idle() = 0;
};

// Asks the cluster for its identity.  Beyond what log.h says:
//   - Every call that reads may wait for brokers, 10 s at most: kAborted where log.h says so, else
//     kUnavailable.
//   - OpenTopic() creates a missing topic: kFailedPrecondition where one is there with other
//     partitions or settings that would lose records, kPermissionDenied.
//   - Poll() reports a position outside of the partition some time later.
//   - Tickets are told from Step(), batches' results, too.  A command is polled once it is durable.
//   - A command's time is the broker's (LogAppendTime).
//   kInvalidArgument: options; kUnavailable: no broker answers.
absl::StatusOr<std::unique_ptr<KafkaLog>> OpenKafkaLog(KafkaLogOptions options);

}  // namespace commander::log
