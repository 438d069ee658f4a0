// kafka_reader.h: everything that a log reads of a cluster's partitions.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/log/kafka_client.h"
#include "engine/log/kafka_stream.h"
#include "engine/log/log.h"

namespace commander::log::kafka {

// Clients that fetch ahead of their readers, made when they are needed: one reads a partition at
// one place.  Thread-safe.
class FetchClients {
 public:
  // `properties` besides those that every fetching client has; at most `most` of them.
  FetchClients(const Cluster& cluster, Properties properties, std::size_t most)
      : cluster_(cluster), properties_(std::move(properties)), most_(most) {}
  std::size_t most() const { return most_; }
  absl::StatusOr<std::pair<Reader*, rd_kafka_topic_t*>> Get(std::size_t number,
                                                            const std::string& topic);
  // Serves their statistics.
  void Serve();

 private:
  const Cluster& cluster_;
  const Properties properties_;
  const std::size_t most_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Reader>> readers_;
};

// One partition of a topic, and those who read it onward: each has a stream of its own, found again
// by where it stands.  Thread-safe.
class PartitionReader {
 public:
  PartitionReader(std::string topic, std::uint16_t partition)
      : topic_(std::move(topic)), partition_(partition) {}

  // As Log::SetListener.
  void SetListener(std::function<void()> listener);
  // Appends what has been fetched; returns where to go on.
  absl::StatusOr<Offset> Poll(FetchClients& clients, Offset from, std::size_t max_bytes,
                              std::vector<Record>* out);
  // Ends streams with records that nobody has polled since `before`: whoever read there has gone.
  void EndIdle(absl::Time before);
  void EndAll();
  // To be called every second or so: where an open transaction keeps readers from what follows it,
  // says so.
  void LookForOpenTransaction(const Cluster& cluster, absl::Time now);
  // What it has to say; empty: nothing.  Never waits for whoever reads.
  std::string warning() const;
  // An end that was learned otherwise, and the last one learned at all.
  void SawEnd(Offset end);
  Offset end_seen() const { return Offset{end_seen_.load()}; }

  const std::string& topic() const { return topic_; }
  std::uint16_t partition() const { return partition_; }

 private:
  struct Place {
    std::unique_ptr<Stream> stream;
    absl::Time polled;
  };
  // The stream that stands at `from`, started where there is none.
  absl::StatusOr<Place*> Find(FetchClients& clients, Offset from);
  void Warn(std::string warning);

  const std::string topic_;
  const std::uint16_t partition_;
  std::mutex listener_mutex_;
  std::function<void()> listener_;
  std::atomic<std::uint64_t> end_seen_{0};
  std::mutex mutex_;               // guards what follows; its owner may wait for brokers
  std::vector<Place> places_;      // one a client
  std::optional<Offset> held_at_;  // where readers cannot go on, and since when
  absl::Time held_since_;
  absl::Time said_;
  mutable std::mutex warning_mutex_;  // guards warning_
  std::string warning_;
};

// Reads single records, and where partitions begin and end.  Blocks on the cluster.  Thread-safe.
class PointReader {
 public:
  static absl::StatusOr<std::unique_ptr<PointReader>> Open(const Cluster& cluster);

  // The first offset and the one behind the last, transactions that are open included.
  absl::StatusOr<std::pair<Offset, Offset>> Bounds(const std::string& topic,
                                                   std::uint16_t partition);
  // A record of a transaction that is decided, but not yet marked so in its partition, is waited
  // for, as is a broker that is away; kAborted: not long enough.
  absl::StatusOr<Record> Read(const std::string& topic, std::uint16_t partition, Offset offset);
  absl::StatusOr<std::optional<Record>> ReadLast(const std::string& topic, std::uint16_t partition);
  // All records that are there now.
  absl::Status ReadAll(const std::string& topic, std::uint16_t partition,
                       const std::function<absl::Status(const rd_kafka_message_t&)>& message);
  rd_kafka_t* client() { return uncommitted_.get(); }

 private:
  PointReader(Client committed, Client uncommitted) : uncommitted_(std::move(uncommitted)) {
    committed_.client = std::move(committed);
  }
  absl::StatusOr<std::pair<Offset, Offset>> BoundsOf(rd_kafka_t* client, const std::string& topic,
                                                     std::uint16_t partition);
  // Hands over what is there from `from` on, until `done` says so or the end is reached; returns
  // where that was.
  absl::StatusOr<Offset> Walk(const std::string& topic, std::uint16_t partition, Offset from,
                              absl::Duration patience,
                              const std::function<bool(std::vector<Message>)>& done);

  std::mutex mutex_;          // one stream a partition of committed_
  Reader committed_;          // guarded by mutex_, but for its client
  const Client uncommitted_;  // a read_committed client knows only the last stable offset
};

}  // namespace commander::log::kafka
