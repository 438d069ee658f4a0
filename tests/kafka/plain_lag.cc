#include "tests/kafka/plain_lag.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "tests/kafka/handles.h"

namespace commander::test {
namespace {

constexpr int kPatienceMs = 20'000;

absl::Status AsStatus(rd_kafka_resp_err_t error, const std::string& what) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(what, ": ", rd_kafka_err2str(error)));
}

// Asks for the group's offsets without becoming a member.
absl::StatusOr<Handle> Connect(const std::string& brokers, const std::string& group) {
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  char why[512];
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), why, sizeof why);
  rd_kafka_conf_set(conf, "group.id", group.c_str(), why, sizeof why);
  Handle client(rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why));
  if (client == nullptr) return absl::InternalError(why);
  return client;
}

}  // namespace

absl::StatusOr<std::int64_t> LagOf(const std::string& brokers, const std::string& group,
                                   const std::string& topic, int partitions) {
  COMMANDER_ASSIGN_OR_RETURN(const Handle client, Connect(brokers, group));
  const Partitions committed(rd_kafka_topic_partition_list_new(partitions));
  for (int p = 0; p < partitions; ++p) {
    rd_kafka_topic_partition_list_add(committed.get(), topic.c_str(), p);
  }
  COMMANDER_RETURN_IF_ERROR(AsStatus(rd_kafka_committed(client.get(), committed.get(), kPatienceMs),
                                     "offsets of " + group));
  std::int64_t lag = 0;
  for (int p = 0; p < partitions; ++p) {
    const rd_kafka_topic_partition_t& place = committed->elems[p];
    COMMANDER_RETURN_IF_ERROR(AsStatus(place.err, "offsets of " + group));
    std::int64_t begin = 0;
    std::int64_t end = 0;
    COMMANDER_RETURN_IF_ERROR(
        AsStatus(rd_kafka_query_watermark_offsets(client.get(), topic.c_str(), place.partition,
                                                  &begin, &end, kPatienceMs),
                 "the end of " + topic));
    lag += end - std::max<std::int64_t>(place.offset, 0);
  }
  return lag;
}

}  // namespace commander::test
