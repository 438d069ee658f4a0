#include "tests/kafka/plain_lag.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>

#include "commander/internal/status_macros.h"
#include "tests/kafka/plain_client.h"

namespace commander::test {

absl::StatusOr<std::int64_t> LagOf(const std::string& brokers, const std::string& group,
                                   const std::string& topic, int partitions) {
  // Asks for the group's offsets without becoming a member.
  COMMANDER_ASSIGN_OR_RETURN(const Handle client,
                             Connect(RD_KAFKA_CONSUMER, brokers, {{"group.id", group}}));
  const Partitions committed(rd_kafka_topic_partition_list_new(partitions));
  for (int p = 0; p < partitions; ++p) {
    rd_kafka_topic_partition_list_add(committed.get(), topic.c_str(), p);
  }
  COMMANDER_RETURN_IF_ERROR(AsStatus(
      "offsets of " + group, rd_kafka_committed(client.get(), committed.get(), kPatienceMs)));
  std::int64_t lag = 0;
  for (int p = 0; p < partitions; ++p) {
    const rd_kafka_topic_partition_t& place = committed->elems[p];
    COMMANDER_RETURN_IF_ERROR(AsStatus("offsets of " + group, place.err));
    std::int64_t begin = 0;
    std::int64_t end = 0;
    COMMANDER_RETURN_IF_ERROR(
        AsStatus("the end of " + topic,
                 rd_kafka_query_watermark_offsets(client.get(), topic.c_str(), place.partition,
                                                  &begin, &end, kPatienceMs)));
    lag += end - std::max<std::int64_t>(place.offset, 0);
  }
  return lag;
}

}  // namespace commander::test
