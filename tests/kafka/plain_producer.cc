#include "tests/kafka/plain_producer.h"

#include <librdkafka/rdkafka.h>

#include "commander/internal/status_macros.h"
#include "tests/kafka/plain_client.h"

namespace commander::test {
namespace {

rd_kafka_vu_t Bytes(rd_kafka_vtype_t type, std::string_view bytes) {
  rd_kafka_vu_t it = {};
  it.vtype = type;
  it.u.mem.ptr = const_cast<char*>(bytes.data());
  it.u.mem.size = bytes.size();
  return it;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PlainProducer>> PlainProducer::Open(
    const std::string& brokers,
    const std::vector<std::pair<std::string, std::string>>& properties) {
  COMMANDER_ASSIGN_OR_RETURN(Handle client, Connect(RD_KAFKA_PRODUCER, brokers, properties));
  return std::unique_ptr<PlainProducer>(new PlainProducer(std::move(client)));
}

absl::StatusOr<int> PlainProducer::Send(const std::string& topic,
                                        std::optional<std::string_view> key,
                                        std::string_view value) {
  Delivery delivery;
  std::vector<rd_kafka_vu_t> what(3);
  what[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  what[0].u.cstr = topic.c_str();
  what[1].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  what[1].u.i = RD_KAFKA_MSG_F_COPY;
  what[2].vtype = RD_KAFKA_VTYPE_OPAQUE;
  what[2].u.ptr = &delivery;
  what.push_back(Bytes(RD_KAFKA_VTYPE_VALUE, value));
  if (key.has_value()) what.push_back(Bytes(RD_KAFKA_VTYPE_KEY, *key));
  const std::string doing = "producing to " + topic;
  COMMANDER_RETURN_IF_ERROR(
      AsStatus(doing, rd_kafka_produceva(client_.get(), what.data(), what.size())));
  // The record points to `delivery` until the broker has answered.
  rd_kafka_flush(client_.get(), kPatienceMs);
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_.get(), kPatienceMs);
  COMMANDER_RETURN_IF_ERROR(AsStatus(doing, delivery.error));
  return delivery.partition;
}

}  // namespace commander::test
