#include "tests/kafka/plain_producer.h"

#include <librdkafka/rdkafka.h>

#include "absl/strings/str_cat.h"

namespace commander::test {
namespace {

constexpr int kPatienceMs = 20'000;

// What the broker said of one record.
struct Delivery {
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
  int partition = -1;
};

void OnDelivered(rd_kafka_t* /*client*/, const rd_kafka_message_t* message, void* /*opaque*/) {
  *static_cast<Delivery*>(message->_private) = {message->err, message->partition};
}

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
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  rd_kafka_conf_set_dr_msg_cb(conf, OnDelivered);
  std::vector<std::pair<std::string, std::string>> all = {{"bootstrap.servers", brokers}};
  all.insert(all.end(), properties.begin(), properties.end());
  char why[512];
  for (const auto& [name, value] : all) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK) {
      rd_kafka_conf_destroy(conf);
      return absl::InvalidArgumentError(why);
    }
  }
  Handle client(rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why));
  if (client == nullptr) return absl::InternalError(why);
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
  rd_kafka_error_t* const error = rd_kafka_produceva(client_.get(), what.data(), what.size());
  if (error != nullptr) {
    const std::string name = rd_kafka_error_name(error);
    rd_kafka_error_destroy(error);
    return absl::InternalError(absl::StrCat("producing to ", topic, ": ", name));
  }
  // The record points to `delivery` until the broker has answered.
  rd_kafka_flush(client_.get(), kPatienceMs);
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_.get(), kPatienceMs);
  if (delivery.error == RD_KAFKA_RESP_ERR_NO_ERROR) return delivery.partition;
  return absl::InternalError(
      absl::StrCat("producing to ", topic, ": ", rd_kafka_err2str(delivery.error)));
}

}  // namespace commander::test
