// kafka_producer.h: appends records of senders, in order, once each (an idempotent producer,
// KIP-98), and tells their tickets.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/log/kafka_client.h"
#include "engine/log/log.h"

namespace commander::log::kafka {

// Tickets of this process's commands in one partition, until their outcomes are committed.  A
// record's ticket is found by what the record says: the broker may hand it to our own consumer
// before it has acknowledged it to the producer.  Thread-safe.
class Tickets {
 public:
  // The key of a message: XXH3-64 of its words.
  static std::uint64_t HashOf(std::span<const Word> message);

  void Add(std::uint64_t hash, std::shared_ptr<Ticket> ticket);
  // It stands at `offset`; acknowledged or polled, whichever is first.
  void Place(std::uint64_t hash, const Ticket* ticket, Offset offset);
  // It will not be found.
  void Remove(std::uint64_t hash, const Ticket* ticket);
  // Of a polled record; null where it is not ours.
  std::shared_ptr<Ticket> Find(std::span<const Word> message, Offset offset);
  // Commands below have their outcome.
  void Consume(Offset end);
  // Nobody polls them any more.
  std::vector<std::shared_ptr<Ticket>> TakeAll();
  bool empty() const { return count_ == 0; }

 private:
  std::shared_ptr<Ticket> TakeUnplaced(std::uint64_t hash, const Ticket* ticket);

  std::mutex mutex_;
  std::unordered_multimap<std::uint64_t, std::shared_ptr<Ticket>> unplaced_;  // by hash
  absl::flat_hash_map<std::uint64_t, std::shared_ptr<Ticket>> placed_;        // by offset
  std::uint64_t consumed_ = 0;
  std::atomic<std::size_t> count_{0};
};

struct Append {
  std::string topic;
  std::uint16_t partition = 0;
  std::string key;
  std::vector<Word> value;         // a stream message
  std::shared_ptr<Ticket> ticket;  // may be null
  Tickets* tickets = nullptr;      // where whoever polls it finds its ticket; may be null

  std::span<const Word> message() const { return std::span(value).subspan(kEntryHeaderWords); }
};

// Not thread-safe.
class Producer {
 public:
  // `delivered` is called, from a thread of librdkafka, when Serve() has something to do.
  static absl::StatusOr<std::unique_ptr<Producer>> Open(const Cluster& cluster,
                                                        std::function<void()> delivered);
  ~Producer();

  // So that the first record does not wait for what a broker has to say of the topic.
  absl::Status Prepare(const std::string& topic);
  // Takes it, for Serve() to hand over.
  void Produce(Append append) {
    std::unique_ptr<Lane>& lane = lanes_[{append.topic, append.partition}];
    if (lane == nullptr) lane = std::make_unique<Lane>();
    lane->waiting.push_back(std::move(append));
  }
  //   kResourceExhausted: the queue is full.
  absl::Status ProduceBytes(const std::string& topic, std::uint16_t partition, std::string_view key,
                            std::string_view value, std::shared_ptr<Ticket> ticket);
  // Tells tickets what became of their records, and hands records over to librdkafka, which copies
  // them.  False: there was nothing to do.
  bool Serve();
  // Messages that Produce() took and that wait no more, since this was asked last.
  std::size_t TakeBytesHandedOver() { return std::exchange(bytes_handed_over_, 0); }
  // Everything has been told.
  bool idle() const;
  // Waits until all are delivered or have failed.
  absl::Status Flush(absl::Duration patience);

 private:
  // The records of a partition.  An idempotent producer of librdkafka has one request of it under
  // way (rktp_msgs_inflight counts messages, and is bounded as if it counted requests), and until
  // that is answered its thread polls without a pause where more records wait.  So they wait here.
  struct Lane {
    std::vector<Append> waiting;
    std::size_t under_way = 0;
    absl::Time since;  // the first of those was handed over; what comes soon goes with it
  };
  struct Sent {
    std::shared_ptr<Ticket> ticket;
    Tickets* tickets = nullptr;
    std::uint64_t hash = 0;
    Lane* lane = nullptr;
  };
  explicit Producer(const Cluster& cluster);
  absl::Status Start();
  absl::Status Send(const std::string& topic, std::uint16_t partition, std::string_view key,
                    std::string_view value, Sent sent);
  // False: there was nothing, or the partition's turn has not come.
  bool HandOver(Lane& lane, absl::Time now);
  static Sent SentOf(const Append& append, Lane* lane);
  static void Fail(const Sent& sent, const absl::Status& why);
  void OnDelivered(const rd_kafka_message_t& message);
  absl::StatusOr<rd_kafka_topic_t*> Topic(const std::string& name);

  const Cluster& cluster_;
  std::function<void()> delivered_;
  Client client_;
  Queue queue_;
  std::unordered_map<std::string, TopicHandle> topics_;
  std::map<std::pair<std::string, std::uint16_t>, std::unique_ptr<Lane>> lanes_;
  absl::Duration linger_;
  absl::Time next_start_ = absl::InfinitePast();
  std::size_t told_ = 0;
  std::size_t bytes_handed_over_ = 0;
};

}  // namespace commander::log::kafka
