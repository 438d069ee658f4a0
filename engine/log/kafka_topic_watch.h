// kafka_topic_watch.h: notices that a topic was deleted, or has got partitions, while it is used.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/log/kafka_client.h"

namespace commander::log::kafka {

// Thread-safe.
class WatchedTopic {
 public:
  WatchedTopic(std::string name, std::uint16_t partitions)
      : name_(std::move(name)), partitions_(partitions) {}

  // Ok, or that it was deleted, for good: one that is made anew is another.
  //   kFailedPrecondition
  absl::Status health() const;
  // The same, or that partitions were added: which topic, how many, and what to do.  Empty:
  // nothing.
  std::string warning() const;

 private:
  friend class TopicWatch;
  // `partitions` are there now.  That some are missing is believed once they are for `doubt`.
  void Take(int partitions, const Cluster& cluster, absl::Duration doubt, absl::Time now);

  const std::string name_;
  const std::uint16_t partitions_;
  std::atomic<bool> gone_{false};  // set behind warning_
  mutable std::mutex mutex_;       // guards what follows
  std::string warning_;
  absl::Time said_ = absl::InfinitePast();
  absl::Time missing_since_ = absl::InfiniteFuture();
};

// Asks for the topics every topic.metadata.refresh.interval.ms, on a thread of its own.
// Thread-safe.
class TopicWatch {
 public:
  // `client` and `cluster` must outlive it.
  TopicWatch(rd_kafka_t* client, const Cluster& cluster);
  ~TopicWatch() { Stop(); }

  // From now on; it has `partitions`.  The watch's own, as long as that lives.
  const WatchedTopic* Add(const std::string& topic, std::uint16_t partitions);
  void Stop();

 private:
  void Run();
  void Look(WatchedTopic& topic);
  // False: it is to stop.
  bool Wait(absl::Duration duration);

  rd_kafka_t* const client_;
  const Cluster& cluster_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<std::unique_ptr<WatchedTopic>> topics_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace commander::log::kafka
