// aborted_transactions.h: another program whose transactions write into a topic and are aborted.
//
//     AbortedTransactions aborted(brokers, topic, partitions);
//     …                                   // one after the other, meanwhile
//     ASSERT_THAT(aborted.Stop(), IsOk());
//     EXPECT_GT(aborted.count(), 0u);
//
// Their records and markers take offsets that no reader gets to see, and while one is open, nobody
// sees what was committed behind its records.
#pragma once

#include <librdkafka/rdkafka.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace commander::test {

class AbortedTransactions {
 public:
  // The topic must be there.
  AbortedTransactions(std::string brokers, std::string topic, int partitions);
  ~AbortedTransactions();
  AbortedTransactions(const AbortedTransactions&) = delete;
  AbortedTransactions& operator=(const AbortedTransactions&) = delete;

  // Returns when the last one is aborted; the first error of the program.
  absl::Status Stop();
  std::uint64_t count() const { return count_; }  // after Stop()

 private:
  absl::Status Run();
  absl::Status AbortOne(rd_kafka_t* client, bool slowly);
  // False: it was stopped meanwhile.
  bool Pause(absl::Duration duration);

  const std::string brokers_;
  const std::string topic_;
  const int partitions_;
  std::uint64_t count_ = 0;
  absl::Status status_;
  std::mutex mutex_;  // guards stopping_
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace commander::test
