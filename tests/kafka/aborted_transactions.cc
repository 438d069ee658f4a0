#include "tests/kafka/aborted_transactions.h"

#include <utility>

#include "commander/internal/status_macros.h"
#include "tests/kafka/plain_client.h"

namespace commander::test {
namespace {

constexpr absl::Duration kBetween = absl::Milliseconds(40);
// Every tenth stays open for so long.
constexpr absl::Duration kOpen = absl::Milliseconds(300);
constexpr std::uint64_t kSlowEvery = 10;

}  // namespace

AbortedTransactions::AbortedTransactions(std::string brokers, std::string topic, int partitions)
    : brokers_(std::move(brokers)),
      topic_(std::move(topic)),
      partitions_(partitions),
      thread_([this] { status_ = Run(); }) {}

AbortedTransactions::~AbortedTransactions() { Stop().IgnoreError(); }

absl::Status AbortedTransactions::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  return status_;
}

bool AbortedTransactions::Pause(absl::Duration duration) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, absl::ToChronoMilliseconds(duration), [&] { return stopping_; });
}

absl::Status AbortedTransactions::Run() {
  COMMANDER_ASSIGN_OR_RETURN(const Handle client,
                             ConnectTransactional(brokers_, topic_ + "-aborted"));
  do {
    COMMANDER_RETURN_IF_ERROR(AbortOne(client.get(), count_ % kSlowEvery == 0));
    ++count_;
  } while (Pause(kBetween));
  return absl::OkStatus();
}

// A record in each partition, which the broker has before they are aborted.
absl::Status AbortedTransactions::AbortOne(rd_kafka_t* client, bool slowly) {
  COMMANDER_RETURN_IF_ERROR(AsStatus("a transaction", rd_kafka_begin_transaction(client)));
  const Topic topic(rd_kafka_topic_new(client, topic_.c_str(), nullptr));
  char value[] = "not an outcome";
  for (int p = 0; p < partitions_; ++p) {
    if (rd_kafka_produce(topic.get(), p, RD_KAFKA_MSG_F_COPY, value, sizeof value, nullptr, 0,
                         nullptr) != 0) {
      return AsStatus("producing to " + topic_, rd_kafka_last_error());
    }
  }
  rd_kafka_flush(client, kPatienceMs);
  if (slowly) Pause(kOpen);
  return AsStatus("aborting", rd_kafka_abort_transaction(client, kPatienceMs));
}

}  // namespace commander::test
