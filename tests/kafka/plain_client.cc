#include "tests/kafka/plain_client.h"

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"

namespace commander::test {
namespace {

void OnDelivered(rd_kafka_t* /*client*/, const rd_kafka_message_t* message, void* /*opaque*/) {
  if (message->_private == nullptr) return;
  *static_cast<Delivery*>(message->_private) = {message->err, message->partition};
}

}  // namespace

absl::Status AsStatus(const std::string& what, rd_kafka_resp_err_t error) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  const std::string message = absl::StrCat(what, ": ", rd_kafka_err2str(error));
  return error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ? absl::NotFoundError(message)
                                                          : absl::UnavailableError(message);
}

absl::Status AsStatus(const std::string& what, rd_kafka_error_t* error) {
  if (error == nullptr) return absl::OkStatus();
  const absl::Status status =
      AsStatus(absl::StrCat(what, ": ", rd_kafka_error_string(error)), rd_kafka_error_code(error));
  rd_kafka_error_destroy(error);
  return status;
}

absl::StatusOr<Handle> Connect(rd_kafka_type_t type, const std::string& brokers,
                               const std::vector<std::pair<std::string, std::string>>& properties) {
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf, OnDelivered);
  std::vector<std::pair<std::string, std::string>> all = {{"bootstrap.servers", brokers}};
  all.insert(all.end(), properties.begin(), properties.end());
  char why[512];
  for (const auto& [name, value] : all) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK) {
      rd_kafka_conf_destroy(conf);
      return absl::InvalidArgumentError(why);
    }
  }
  Handle client(rd_kafka_new(type, conf, why, sizeof why));
  if (client != nullptr) return client;
  rd_kafka_conf_destroy(conf);
  return absl::InvalidArgumentError(why);
}

absl::StatusOr<Handle> ConnectTransactional(const std::string& brokers, const std::string& id) {
  COMMANDER_ASSIGN_OR_RETURN(Handle client,
                             Connect(RD_KAFKA_PRODUCER, brokers, {{"transactional.id", id}}));
  COMMANDER_RETURN_IF_ERROR(AsStatus("becoming the producer " + id,
                                     rd_kafka_init_transactions(client.get(), kPatienceMs)));
  return client;
}

}  // namespace commander::test
