#include "engine/log/kafka_topic_watch.h"

#include <algorithm>
#include <chrono>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/log/kafka_topics.h"

namespace commander::log::kafka {
namespace {

constexpr absl::Duration kSayAgain = absl::Minutes(1);
// A broker that has just started may not know every topic yet.  This is librdkafka's default, too.
constexpr int kDoubtMilliseconds = 30'000;

absl::Duration DurationOf(const Properties& properties, std::string_view name, int otherwise) {
  std::int64_t milliseconds = 0;
  // librdkafka takes -1 for never; this asks little, and goes on.
  if (!absl::SimpleAtoi(PropertyOr(properties, name, ""), &milliseconds) || milliseconds <= 0) {
    milliseconds = otherwise;
  }
  return absl::Milliseconds(milliseconds);
}

}  // namespace

absl::Status WatchedTopic::health() const {
  return gone_ ? absl::FailedPreconditionError(warning()) : absl::OkStatus();
}

std::string WatchedTopic::warning() const {
  const std::lock_guard lock(mutex_);
  return warning_;
}

void WatchedTopic::Take(int partitions, const Cluster& cluster, absl::Duration doubt,
                        absl::Time now) {
  const std::lock_guard lock(mutex_);
  if (partitions >= partitions_) missing_since_ = absl::InfiniteFuture();
  if (partitions == partitions_ || gone_) return;
  if (partitions < partitions_) {
    missing_since_ = std::min(missing_since_, now);
    if (now < missing_since_ + doubt) return;
  }
  warning_ =
      absl::StrCat("topic ", name_, " had ", partitions_, " partitions and has ", partitions);
  if (partitions < partitions_) {
    absl::StrAppend(&warning_,
                    ": it was deleted while it was in use; nothing is sent to it or read from it "
                    "any more; open the engine again once the topic is back with all its records");
    gone_ = true;
  } else {
    absl::StrAppend(
        &warning_, ": a key's partition depends on their number; the engine goes on with its own ",
        partitions_,
        ", what others send to the new ones is kept and does not run, and the topic "
        "is refused when the engine is opened again; Kafka takes no partition away: stop those who "
        "send by the new number, and let this process run until the group has moved to topics of "
        "another name");
  }
  if (!gone_ && now < said_ + kSayAgain) return;
  said_ = now;
  cluster.Say(gone_ ? LogLevel::kError : LogLevel::kWarning, warning_, {{"topic", name_}});
}

TopicWatch::TopicWatch(rd_kafka_t* client, const Cluster& cluster)
    : client_(client), cluster_(cluster), thread_([this] { Run(); }) {}

const WatchedTopic* TopicWatch::Add(const std::string& topic, std::uint16_t partitions) {
  const std::lock_guard lock(mutex_);
  return topics_.emplace_back(std::make_unique<WatchedTopic>(topic, partitions)).get();
}

void TopicWatch::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool TopicWatch::Wait(absl::Duration duration) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, absl::ToChronoNanoseconds(duration), [&] { return stop_; });
}

void TopicWatch::Run() {
  const absl::Duration interval =
      DurationOf(cluster_.properties, "topic.metadata.refresh.interval.ms", kMetadataMilliseconds);
  while (Wait(interval)) {
    std::vector<WatchedTopic*> topics;
    {
      const std::lock_guard lock(mutex_);
      for (const std::unique_ptr<WatchedTopic>& topic : topics_) topics.push_back(topic.get());
    }
    for (WatchedTopic* topic : topics) {
      if (!Wait(absl::ZeroDuration())) return;
      Look(*topic);
    }
  }
}

void TopicWatch::Look(WatchedTopic& topic) {
  if (topic.gone_) return;
  const absl::StatusOr<int> partitions = CountPartitions(client_, topic.name_);
  // A cluster that does not answer is asked again; everybody else says so.
  if (!partitions.ok()) return;
  const absl::Duration doubt =
      DurationOf(cluster_.properties, "topic.metadata.propagation.max.ms", kDoubtMilliseconds);
  topic.Take(*partitions, cluster_, doubt, absl::Now());
}

}  // namespace commander::log::kafka
