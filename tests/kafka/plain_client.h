// plain_client.h: clients by librdkafka alone, as other programs have them.
//
//     COMMANDER_ASSIGN_OR_RETURN(const Handle client, Connect(RD_KAFKA_PRODUCER, brokers));
//     COMMANDER_RETURN_IF_ERROR(AsStatus("asking", rd_kafka_metadata(client.get(), …)));
#pragma once

#include <librdkafka/rdkafka.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/kafka/handles.h"

namespace commander::test {

// For an answer of a broker.
inline constexpr int kPatienceMs = 30'000;

// kNotFound: there is no such topic.  kUnavailable: whatever else went wrong with `what`.
absl::Status AsStatus(const std::string& what, rd_kafka_resp_err_t error);
absl::Status AsStatus(const std::string& what, rd_kafka_error_t* error);  // destroys it

// What the broker said of one record.  A producer's record may have one as its opaque, which must
// be there until then.
struct Delivery {
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
  int partition = -1;
};

// `properties`: as kcat's -X.  kInvalidArgument: there is no such property, or value.
absl::StatusOr<Handle> Connect(
    rd_kafka_type_t type, const std::string& brokers,
    const std::vector<std::pair<std::string, std::string>>& properties = {});
// A producer that may begin transactions.
absl::StatusOr<Handle> ConnectTransactional(const std::string& brokers, const std::string& id);

}  // namespace commander::test
