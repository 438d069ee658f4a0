#include "benchmarks/kafka_bare_loop.h"

#include <array>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "benchmarks/kafka_client.h"
#include "benchmarks/kafka_topics.h"
#include "benchmarks/round_trips.h"

namespace commander::benchmarks {
namespace {

constexpr int kPatienceMs = 30'000;

std::string UniqueName() {
  std::random_device random;
  return "bare-loop-" + std::to_string(random()) + "-" + std::to_string(random());
}
std::string CommandsOf(const std::string& name) { return name + "-commands"; }
std::string EventsOf(const std::string& name) { return name + "-events"; }

// With the topic known: else the first record to it waits for a timer of a second.
KafkaTopic OpenTopic(rd_kafka_t* client, const std::string& name) {
  KafkaTopic topic(rd_kafka_topic_new(client, name.c_str(), nullptr));
  const struct rd_kafka_metadata* metadata = nullptr;
  KafkaCheck("topic " + name, rd_kafka_metadata(client, 0, topic.get(), &metadata, kPatienceMs));
  rd_kafka_metadata_destroy(metadata);
  return topic;
}

void Produce(rd_kafka_t* producer, rd_kafka_topic_t* topic, int partition, void* data,
             std::size_t bytes) {
  while (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, data, bytes, nullptr, 0,
                          nullptr) != 0) {
    if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      KafkaCheck("produce", rd_kafka_last_error());
    }
    rd_kafka_poll(producer, 10);
  }
}

// A producer of transactions.
struct Slot {
  KafkaHandle producer;
  KafkaTopic events;
};

Slot OpenSlot(const std::string& brokers, const std::string& name, int number) {
  Slot slot;
  // The time between retries is what a transaction waits for the one before.
  slot.producer = ConnectKafka(RD_KAFKA_PRODUCER, brokers,
                               {{"transactional.id", name + "." + std::to_string(number)},
                                {"retry.backoff.ms", "1"},
                                {"linger.ms", "0"},
                                {"transaction.timeout.ms", "10000"}});
  KafkaCheck("init", rd_kafka_init_transactions(slot.producer.get(), kPatienceMs));
  slot.events = OpenTopic(slot.producer.get(), EventsOf(name));
  return slot;
}

}  // namespace

// Consumes, copies, commits.
class KafkaBareLoop::Copier {
 public:
  Copier(const BareLoopOptions& options, const std::string& name)
      : name_(CommandsOf(name)),
        consumer_(ConnectKafka(RD_KAFKA_CONSUMER, options.brokers,
                               {{"group.id", name},
                                {"isolation.level", "read_committed"},
                                {"enable.auto.commit", "false"},
                                {"enable.auto.offset.store", "false"},
                                {"auto.offset.reset", "error"},
                                {"fetch.wait.max.ms", "500"}})),
        slots_({OpenSlot(options.brokers, name, 0), OpenSlot(options.brokers, name, 1)}),
        messages_(options.batch) {
    rd_kafka_poll_set_consumer(consumer_.get());
    queue_.reset(rd_kafka_queue_get_consumer(consumer_.get()));
    const KafkaPartitions all(rd_kafka_topic_partition_list_new(options.partitions));
    for (int p = 0; p < options.partitions; ++p) {
      rd_kafka_topic_partition_list_add(all.get(), name_.c_str(), p)->offset = 0;
    }
    KafkaCheck("assign", rd_kafka_assign(consumer_.get(), all.get()));
    group_.reset(rd_kafka_consumer_group_metadata(consumer_.get()));
  }

  // Until so many are copied; tells of each transaction, which commands it held.
  void Run(std::size_t count, const std::function<void(std::span<const std::uint64_t>)>& done) {
    for (std::size_t copied = 0; copied < count;) {
      Gather();
      if (batch_.empty()) continue;
      std::vector<std::uint64_t> numbers;
      numbers.reserve(batch_.size());
      for (const KafkaMessage& message : batch_) {
        std::memcpy(&numbers.emplace_back(), message->payload, sizeof(std::uint64_t));
      }
      Transact(slots_[transactions_++ % slots_.size()]);
      copied += batch_.size();
      batch_.clear();
      done(numbers);
    }
  }
  std::size_t transactions() const { return transactions_; }

 private:
  // Waits for a first message only.
  void Gather() {
    rd_kafka_message_t* const first = rd_kafka_consumer_poll(consumer_.get(), 100);
    if (first == nullptr) return;
    batch_.emplace_back(first);
    const ssize_t more =
        rd_kafka_consume_batch_queue(queue_.get(), 0, messages_.data(), messages_.size() - 1);
    for (ssize_t i = 0; i < more; ++i) batch_.emplace_back(messages_[static_cast<std::size_t>(i)]);
    for (const KafkaMessage& message : batch_) KafkaCheck("consume", message->err);
  }

  void Transact(const Slot& slot) {
    rd_kafka_t* const producer = slot.producer.get();
    KafkaCheck("begin", rd_kafka_begin_transaction(producer));
    std::map<std::int32_t, std::int64_t> next;
    for (const KafkaMessage& message : batch_) {
      next[message->partition] = message->offset + 1;
      Produce(producer, slot.events.get(), message->partition, message->payload, message->len);
    }
    const KafkaPartitions offsets(rd_kafka_topic_partition_list_new(static_cast<int>(next.size())));
    for (const auto& [partition, offset] : next) {
      rd_kafka_topic_partition_list_add(offsets.get(), name_.c_str(), partition)->offset = offset;
    }
    KafkaCheck("offsets", rd_kafka_send_offsets_to_transaction(producer, offsets.get(),
                                                               group_.get(), kPatienceMs));
    KafkaCheck("commit", rd_kafka_commit_transaction(producer, -1));
  }

  const std::string name_;
  const KafkaHandle consumer_;
  const std::array<Slot, 2> slots_;
  KafkaQueue queue_;
  KafkaGroup group_;
  std::vector<rd_kafka_message_t*> messages_;
  std::vector<KafkaMessage> batch_;
  std::size_t transactions_ = 0;
};

// The client's producer.
class KafkaBareLoop::Sender {
 public:
  Sender(const BareLoopOptions& options, const std::string& name, int linger_ms)
      : partitions_(options.partitions),
        producer_(ConnectKafka(RD_KAFKA_PRODUCER, options.brokers,
                               {{"enable.idempotence", "true"},
                                {"linger.ms", std::to_string(linger_ms)},
                                {"queue.buffering.max.messages", "1000000"}})),
        topic_(OpenTopic(producer_.get(), CommandsOf(name))),
        record_(options.record_bytes, 'x') {}
  ~Sender() { Flush(); }  // what was consumed may not be acknowledged yet
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void Send(std::uint64_t number) {
    std::memcpy(record_.data(), &number, sizeof number);
    Produce(producer_.get(), topic_.get(), static_cast<int>(number) % partitions_, record_.data(),
            record_.size());
    rd_kafka_poll(producer_.get(), 0);
  }
  void Flush() { KafkaCheck("flush", rd_kafka_flush(producer_.get(), kPatienceMs)); }

 private:
  const int partitions_;
  const KafkaHandle producer_;
  const KafkaTopic topic_;
  std::string record_;
};

KafkaBareLoop::KafkaBareLoop(BareLoopOptions options)
    : options_(std::move(options)), name_(UniqueName()) {
  CreateKafkaTopic(options_.brokers, CommandsOf(name_), options_.partitions);
  CreateKafkaTopic(options_.brokers, EventsOf(name_), options_.partitions);
  copier_ = std::make_unique<Copier>(options_, name_);
}

KafkaBareLoop::~KafkaBareLoop() {
  copier_.reset();
  DeleteKafkaTopics(options_.brokers, {CommandsOf(name_), EventsOf(name_)});
}

namespace {

// `run` is to copy `count` records; `transactions` counts on.
template <class Run, class Count>
BareLoopResult Measure(std::size_t count, Run run, Count transactions) {
  const std::size_t before = transactions();
  const double cpu = CpuSeconds();
  const double start = Now();
  run();
  const double seconds = Now() - start;
  const auto records = static_cast<double>(count);
  return {records / seconds, (CpuSeconds() - cpu) * 1e6 / records,
          records / static_cast<double>(transactions() - before)};
}

}  // namespace

BareLoopResult KafkaBareLoop::Drain(std::size_t count) {
  Sender sender(options_, name_, 1);
  for (std::size_t i = 0; i < count; ++i) sender.Send(i);
  sender.Flush();
  return Measure(
      count, [&] { copier_->Run(count, [](auto) {}); }, [&] { return copier_->transactions(); });
}

BareLoopResult KafkaBareLoop::Saturate(std::size_t count, std::size_t window) {
  Sender sender(options_, name_, 1);
  std::mutex mutex;
  std::condition_variable room;
  std::size_t done = 0;
  const auto run = [&] {
    std::thread client([&] {
      for (std::size_t i = 0; i < count; ++i) {
        {
          std::unique_lock lock(mutex);
          room.wait(lock, [&] { return i - done < window; });
        }
        sender.Send(i);
      }
    });
    copier_->Run(count, [&](std::span<const std::uint64_t> numbers) {
      const std::lock_guard lock(mutex);
      done += numbers.size();
      room.notify_one();
    });
    client.join();
  };
  return Measure(count, run, [&] { return copier_->transactions(); });
}

LatencyUs KafkaBareLoop::RoundTrips(std::size_t count, double per_second) {
  Sender sender(options_, name_, per_second > 1000 ? 1 : 0);
  std::mutex mutex;
  std::vector<std::function<void()>> waiting(count);
  std::thread copying([&] {
    copier_->Run(count, [&](std::span<const std::uint64_t> numbers) {
      for (const std::uint64_t number : numbers) {
        std::function<void()> answer;
        {
          const std::lock_guard lock(mutex);
          answer = std::move(waiting[number]);
        }
        answer();
      }
    });
  });
  const LatencyUs latency =
      MeasureRoundTrips(count, per_second, [&](std::size_t i, std::function<void()> done) {
        {
          const std::lock_guard lock(mutex);
          waiting[i] = std::move(done);
        }
        sender.Send(i);
      });
  copying.join();
  return latency;
}

}  // namespace commander::benchmarks
