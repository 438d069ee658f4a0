// kafka_bare_loop.h: what librdkafka allows an engine: commands of a topic are consumed, copied as
// events into another, and committed with their offsets, exactly once.
//
//     KafkaBareLoop loop({.brokers = "127.0.0.1:9092"});
//     const BareLoopResult limit = loop.Saturate(1'000'000, 4096);
//     const LatencyUs latency = loop.RoundTrips(500, 50);
//
// One thread consumes whatever has arrived, commits it as a transaction, by two producers in turn,
// and so on; another one, the client, sends.  No state, no decision, no deduplication.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "benchmarks/measure.h"

namespace commander::benchmarks {

struct BareLoopOptions {
  std::string brokers;
  int partitions = 1;
  std::size_t record_bytes = 320;  // as a command of the workload "bank", or an event
  std::size_t batch = 4096;        // records of a transaction, at most
};

struct BareLoopResult {
  double records_per_second = 0;
  double cpu_seconds_per_million = 0;  // of this process, the client's included
  double records_per_transaction = 0;
};

// Makes two topics, which the destructor deletes.  What fails ends the program.
class KafkaBareLoop {
 public:
  explicit KafkaBareLoop(BareLoopOptions options);
  ~KafkaBareLoop();
  KafkaBareLoop(const KafkaBareLoop&) = delete;
  KafkaBareLoop& operator=(const KafkaBareLoop&) = delete;

  // All records are there before the loop begins, which alone is measured.
  BareLoopResult Drain(std::size_t count);
  // The client has `window` outstanding, until their transaction is committed.
  BareLoopResult Saturate(std::size_t count, std::size_t window);
  // From a command to the end of its transaction; see MeasureRoundTrips().
  LatencyUs RoundTrips(std::size_t count, double per_second);

 private:
  class Copier;
  class Sender;

  const BareLoopOptions options_;
  const std::string name_;
  std::unique_ptr<Copier> copier_;
};

}  // namespace commander::benchmarks
