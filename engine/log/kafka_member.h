// kafka_member.h: membership of a consumer group, which says who owns a group's partitions.
//
// A member holds its generation for the fence of transactions (KIP-447) and shows lag to Kafka's
// tools; it fetches nothing.  One owner at a time: a member that does not get all partitions
// leaves.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/log/kafka_client.h"

namespace commander::log::kafka {

struct DestroyGroupMetadata {
  void operator()(rd_kafka_consumer_group_metadata_t* metadata) const {
    rd_kafka_consumer_group_metadata_destroy(metadata);
  }
};
using GroupMetadata = std::shared_ptr<rd_kafka_consumer_group_metadata_t>;

// Thread-safe.  Has a thread of its own.
class Member {
 public:
  struct Options {
    std::string group;
    std::string topic;  // of the commands
    std::uint16_t partitions = 0;
    std::string instance;  // group.instance.id: a restart takes its place at once
  };
  struct Assignment {
    GroupMetadata metadata;  // null: not a member at the moment
    // Counts assignments; with another one, everything that was read before may be out of date
    // where `lost` differs, too.
    std::uint64_t number = 0;
    std::uint64_t lost = 0;  // how often the membership was lost
  };

  // Waits until it is the only member and has all partitions.
  //   kUnavailable: another member is alive; its name and host are told.
  static absl::StatusOr<std::unique_ptr<Member>> Join(const Cluster& cluster, Options options);
  ~Member();

  Assignment assignment() const;
  // Waits for an assignment other than number `seen`.
  Assignment AwaitOther(std::uint64_t seen, absl::Duration patience) const;
  // Ok, or why it is a member no more, for good.
  absl::Status health() const;
  // Returns when no transaction on the consumed offsets is open any more.
  absl::Status AwaitStableOffsets() const;
  // Another process has taken the place of this one.  `joins`: waits until this one, which may be
  // joining again, is told under which id.
  absl::StatusOr<bool> Replaced(bool joins);

 private:
  Member(const Cluster& cluster, Options options);
  absl::Status Subscribe();
  absl::Status AwaitNobodyElse();
  void Run();
  void Poll();  // until it ends
  void OnRebalance(rd_kafka_t* client, rd_kafka_resp_err_t event,
                   rd_kafka_topic_partition_list_t* partitions);
  void Fail(absl::Status why);
  bool Rejoin();  // after a fatal error of the client

  const Cluster& cluster_;
  const Options options_;
  const absl::Duration session_;
  Client admin_;
  Client client_;  // of the thread, once it runs

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  Assignment assignment_;
  std::string member_id_;
  absl::Status health_;
  bool short_ = false;  // the last assignment was not of all partitions
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace commander::log::kafka
