#include "tests/kafka/plain_admin.h"

#include <librdkafka/rdkafka.h>

#include <memory>

#include "absl/functional/function_ref.h"
#include "commander/internal/status_macros.h"
#include "tests/kafka/plain_client.h"

namespace commander::test {
namespace {

using OldGroup = std::unique_ptr<rd_kafka_DeleteGroup_t, Destroy<rd_kafka_DeleteGroup_destroy>>;
using OldTopic = std::unique_ptr<rd_kafka_DeleteTopic_t, Destroy<rd_kafka_DeleteTopic_destroy>>;

using MorePartitions =
    std::unique_ptr<rd_kafka_NewPartitions_t, Destroy<rd_kafka_NewPartitions_destroy>>;

using Resource =
    std::unique_ptr<rd_kafka_ConfigResource_t, Destroy<rd_kafka_ConfigResource_destroy>>;
using Below = std::unique_ptr<rd_kafka_DeleteRecords_t, Destroy<rd_kafka_DeleteRecords_destroy>>;

// Sends what `send` sends, and waits for the answer.
absl::StatusOr<Event> Ask(const Handle& client, const std::string& doing,
                          absl::FunctionRef<void(rd_kafka_queue_t*)> send) {
  const Queue queue(rd_kafka_queue_new(client.get()));
  send(queue.get());
  Event event(rd_kafka_queue_poll(queue.get(), kPatienceMs));
  if (event == nullptr) return AsStatus(doing, RD_KAFKA_RESP_ERR__TIMED_OUT);
  COMMANDER_RETURN_IF_ERROR(AsStatus(doing, rd_kafka_event_error(event.get())));
  return event;
}

absl::Status FirstError(const std::string& doing, const rd_kafka_topic_result_t** results,
                        std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    COMMANDER_RETURN_IF_ERROR(AsStatus(doing, rd_kafka_topic_result_error(results[i])));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CreateTopic(const std::string& brokers, const std::string& topic, int partitions,
                         const std::vector<std::pair<std::string, std::string>>& settings) {
  COMMANDER_ASSIGN_OR_RETURN(const Handle client, Connect(RD_KAFKA_PRODUCER, brokers));
  char why[512];
  const NewTopic wanted(rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, why, sizeof why));
  for (const auto& [name, value] : settings) {
    rd_kafka_NewTopic_set_config(wanted.get(), name.c_str(), value.c_str());
  }
  rd_kafka_NewTopic_t* topics[] = {wanted.get()};
  const std::string doing = "creating a topic";
  COMMANDER_ASSIGN_OR_RETURN(const Event event, Ask(client, doing, [&](rd_kafka_queue_t* queue) {
                               rd_kafka_CreateTopics(client.get(), topics, 1, nullptr, queue);
                             }));
  std::size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  return FirstError(doing, results, count);
}

absl::Status CreatePartitions(const std::string& brokers, const std::string& topic,
                              std::size_t partitions) {
  COMMANDER_ASSIGN_OR_RETURN(const Handle client, Connect(RD_KAFKA_PRODUCER, brokers));
  char why[512];
  const MorePartitions more(rd_kafka_NewPartitions_new(topic.c_str(), partitions, why, sizeof why));
  rd_kafka_NewPartitions_t* each[] = {more.get()};
  const std::string doing = "adding partitions";
  COMMANDER_ASSIGN_OR_RETURN(const Event event, Ask(client, doing, [&](rd_kafka_queue_t* queue) {
                               rd_kafka_CreatePartitions(client.get(), each, 1, nullptr, queue);
                             }));
  std::size_t count = 0;
  const rd_kafka_topic_result_t** results = rd_kafka_CreatePartitions_result_topics(
      rd_kafka_event_CreatePartitions_result(event.get()), &count);
  return FirstError(doing, results, count);
}

absl::Status DeleteTopics(const std::string& brokers, const std::vector<std::string>& topics) {
  COMMANDER_ASSIGN_OR_RETURN(const Handle client, Connect(RD_KAFKA_PRODUCER, brokers));
  std::vector<OldTopic> old;
  std::vector<rd_kafka_DeleteTopic_t*> each;
  for (const std::string& topic : topics) {
    each.push_back(old.emplace_back(rd_kafka_DeleteTopic_new(topic.c_str())).get());
  }
  const std::string doing = "deleting topics";
  COMMANDER_ASSIGN_OR_RETURN(const Event event, Ask(client, doing, [&](rd_kafka_queue_t* queue) {
                               rd_kafka_DeleteTopics(client.get(), each.data(), each.size(),
                                                     nullptr, queue);
                             }));
  std::size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
  return FirstError(doing, results, count);
}

absl::Status AlterTopic(const std::string& brokers, const std::string& topic,
                        const std::vector<std::pair<std::string, std::string>>& settings) {
  COMMANDER_ASSIGN_OR_RETURN(const Handle client, Connect(RD_KAFKA_PRODUCER, brokers));
  const Resource resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  for (const auto& [name, value] : settings) {
    rd_kafka_ConfigResource_set_config(resource.get(), name.c_str(), value.c_str());
  }
  rd_kafka_ConfigResource_t* resources[] = {resource.get()};
  const std::string doing = "altering a topic";
  COMMANDER_ASSIGN_OR_RETURN(const Event event, Ask(client, doing, [&](rd_kafka_queue_t* queue) {
                               rd_kafka_AlterConfigs(client.get(), resources, 1, nullptr, queue);
                             }));
  std::size_t count = 0;
  const rd_kafka_ConfigResource_t** altered = rd_kafka_AlterConfigs_result_resources(
      rd_kafka_event_AlterConfigs_result(event.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    COMMANDER_RETURN_IF_ERROR(AsStatus(doing, rd_kafka_ConfigResource_error(altered[i])));
  }
  return absl::OkStatus();
}

absl::Status DeleteRecordsBelow(const std::string& brokers, const std::string& topic, int partition,
                                std::int64_t offset) {
  COMMANDER_ASSIGN_OR_RETURN(const Handle client, Connect(RD_KAFKA_PRODUCER, brokers));
  const Partitions places(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(places.get(), topic.c_str(), partition)->offset = offset;
  const Below below(rd_kafka_DeleteRecords_new(places.get()));
  rd_kafka_DeleteRecords_t* each[] = {below.get()};
  const std::string doing = "deleting records";
  COMMANDER_ASSIGN_OR_RETURN(const Event event, Ask(client, doing, [&](rd_kafka_queue_t* queue) {
                               rd_kafka_DeleteRecords(client.get(), each, 1, nullptr, queue);
                             }));
  const auto* done =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event.get()));
  return AsStatus(doing, done->elems[0].err);
}

absl::StatusOr<std::unique_ptr<OpenTransaction>> OpenTransaction::Begin(const std::string& brokers,
                                                                        const std::string& topic,
                                                                        int partition) {
  COMMANDER_ASSIGN_OR_RETURN(Handle client, ConnectTransactional(brokers, topic + "-other"));
  const std::string doing = "a transaction in " + topic;
  COMMANDER_RETURN_IF_ERROR(AsStatus(doing, rd_kafka_begin_transaction(client.get())));
  Delivery delivery;  // outlives the client, which may still write to it when it aborts
  std::unique_ptr<OpenTransaction> it(new OpenTransaction(std::move(client)));
  const Topic to(rd_kafka_topic_new(it->client_.get(), topic.c_str(), nullptr));
  char value[] = "a record";
  if (rd_kafka_produce(to.get(), partition, RD_KAFKA_MSG_F_COPY, value, sizeof value, nullptr, 0,
                       &delivery) != 0) {
    return AsStatus(doing, rd_kafka_last_error());
  }
  rd_kafka_flush(it->client_.get(), kPatienceMs);
  COMMANDER_RETURN_IF_ERROR(AsStatus(doing, delivery.error));
  return it;
}

OpenTransaction::~OpenTransaction() {
  AsStatus("aborting", rd_kafka_abort_transaction(client_.get(), kPatienceMs)).IgnoreError();
}

absl::Status DeleteGroup(const std::string& brokers, const std::string& group) {
  COMMANDER_ASSIGN_OR_RETURN(const Handle client, Connect(RD_KAFKA_PRODUCER, brokers));
  const OldGroup old(rd_kafka_DeleteGroup_new(group.c_str()));
  rd_kafka_DeleteGroup_t* each[] = {old.get()};
  const std::string doing = "deleting a group";
  COMMANDER_ASSIGN_OR_RETURN(const Event event, Ask(client, doing, [&](rd_kafka_queue_t* queue) {
                               rd_kafka_DeleteGroups(client.get(), each, 1, nullptr, queue);
                             }));
  std::size_t count = 0;
  const rd_kafka_group_result_t** results =
      rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_error_t* error = rd_kafka_group_result_error(results[i]);
    if (error != nullptr) return AsStatus(doing, rd_kafka_error_code(error));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> HasNoOffset(const std::string& brokers, const std::string& group,
                                 const std::string& topic, int partition) {
  COMMANDER_ASSIGN_OR_RETURN(const Handle client,
                             Connect(RD_KAFKA_CONSUMER, brokers, {{"group.id", group}}));
  const Partitions places(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(places.get(), topic.c_str(), partition);
  COMMANDER_RETURN_IF_ERROR(AsStatus("asking for consumed offsets",
                                     rd_kafka_committed(client.get(), places.get(), kPatienceMs)));
  return places->elems[0].offset == RD_KAFKA_OFFSET_INVALID;
}

absl::Status ProduceOne(const std::string& brokers, const std::string& topic, int partition,
                        std::string_view key, std::string_view value, std::int64_t timestamp_ms) {
  COMMANDER_ASSIGN_OR_RETURN(const Handle client,
                             Connect(RD_KAFKA_PRODUCER, brokers, {{"partitioner", "murmur2"}}));
  Delivery delivery;
  rd_kafka_vu_t what[7] = {};
  what[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  what[0].u.cstr = topic.c_str();
  what[1].vtype = RD_KAFKA_VTYPE_PARTITION;
  what[1].u.i32 = partition;
  what[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  what[2].u.i = RD_KAFKA_MSG_F_COPY;
  what[3].vtype = RD_KAFKA_VTYPE_KEY;
  what[3].u.mem.ptr = const_cast<char*>(key.data());
  what[3].u.mem.size = key.size();
  what[4].vtype = RD_KAFKA_VTYPE_VALUE;
  what[4].u.mem.ptr = const_cast<char*>(value.data());
  what[4].u.mem.size = value.size();
  what[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
  what[5].u.ptr = &delivery;
  what[6].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
  what[6].u.i64 = timestamp_ms;
  const std::string doing = "producing to " + topic;
  COMMANDER_RETURN_IF_ERROR(AsStatus(doing, rd_kafka_produceva(client.get(), what, 7)));
  rd_kafka_flush(client.get(), kPatienceMs);
  return AsStatus(doing, delivery.error);
}

}  // namespace commander::test
