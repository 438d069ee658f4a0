// kafka_stream.h: reads one partition onward from an offset, without a consumer group.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/log/kafka_client.h"
#include "engine/log/log.h"

namespace commander::log::kafka {

// Messages as records: their values, without the header of the stream message, in aligned memory
// that the records share.  What is not a stream message of one segment becomes a record without
// words, which no reader takes for an envelope.
std::vector<Record> CopyRecords(const std::vector<Message>& messages);

// A reader's place in a partition, on a client that fetches ahead of it.  Not thread-safe.
class Stream {
 public:
  // `more` is called, from a thread of librdkafka, when Poll() may find something.
  // `topic` is one of `reader`, which must outlive the stream and stay where it is.
  static absl::StatusOr<std::unique_ptr<Stream>> Start(Reader& reader, rd_kafka_topic_t* topic,
                                                       std::uint16_t partition, Offset from,
                                                       std::function<void()> more);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Where Poll() goes on: behind what it has returned, and behind gaps.
  Offset next() const { return next_; }
  // Takes what has been fetched, `max_bytes` of values at most once there is one, waiting at most
  // `patience` for the first.
  //   kOutOfRange, kFailedPrecondition (the topic is gone): this stream is of no use any more.
  absl::Status Poll(std::size_t max_bytes, absl::Duration patience, std::vector<Message>* out);
  // Poll() would find something.
  bool fetched() const { return !held_.empty() || rd_kafka_queue_length(queue_.get()) > 0; }
  // Nothing came although something should: librdkafka 2.0.2 may notice up to a second late that a
  // partition has begun to be read, or that its queue has room again.  Any request makes it look;
  // this one waits for the fetch that is under way, fetch.wait.max.ms at most.
  void Nudge();
  // It has handed out everything up to the end of what is committed, as of the last fetch.
  bool at_end() const { return at_end_ && held_.empty(); }
  // Where the partition ends, transactions that are open included, as of the last fetch.
  Offset end() const;
  // It has handed out all that is committed, and the partition goes on: the transaction that begins
  // at next() is open.  Then: end().
  std::optional<Offset> held_up() const;

 private:
  Stream(Reader& reader, rd_kafka_topic_t* topic, std::uint16_t partition, Offset from,
         std::function<void()> more);
  std::string Place() const;
  // Fetches into held_, once.  False: nothing came.
  absl::StatusOr<bool> Fetch(absl::Duration patience);

  Reader& reader_;
  rd_kafka_topic_t* const topic_;
  const std::int32_t partition_;
  Offset next_;
  Offset fetched_;            // behind what is held
  bool at_end_ = false;       // it ends behind what is held
  std::size_t taken_ = 0;     // bytes handed out since there was nothing
  std::deque<Message> held_;  // fetched, and too much for the last Poll()
  const Queue queue_;
  const std::function<void()> more_;
};

}  // namespace commander::log::kafka
