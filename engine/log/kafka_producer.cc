#include "engine/log/kafka_producer.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "commander/internal/status_macros.h"

namespace commander::log::kafka {
namespace {

constexpr absl::Duration kRestartPause = absl::Seconds(1);

}  // namespace

std::uint64_t Tickets::HashOf(std::span<const Word> message) {
  return XXH3_64bits(message.data(), message.size_bytes());
}

void Tickets::Add(std::uint64_t hash, std::shared_ptr<Ticket> ticket) {
  const std::lock_guard lock(mutex_);
  unplaced_.emplace(hash, std::move(ticket));
  count_ = unplaced_.size() + placed_.size();
}

// `ticket` null: any, the same command having been sent twice.
std::shared_ptr<Ticket> Tickets::TakeUnplaced(std::uint64_t hash, const Ticket* ticket) {
  auto [at, end] = unplaced_.equal_range(hash);
  while (at != end && ticket != nullptr && at->second.get() != ticket) ++at;
  if (at == end) return nullptr;
  std::shared_ptr<Ticket> found = std::move(at->second);
  unplaced_.erase(at);
  return found;
}

void Tickets::Place(std::uint64_t hash, const Ticket* ticket, Offset offset) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Ticket> found = TakeUnplaced(hash, ticket);
  if (found != nullptr && offset.value >= consumed_) placed_[offset.value] = std::move(found);
  count_ = unplaced_.size() + placed_.size();
}

void Tickets::Remove(std::uint64_t hash, const Ticket* ticket) {
  const std::lock_guard lock(mutex_);
  TakeUnplaced(hash, ticket);
  count_ = unplaced_.size() + placed_.size();
}

std::shared_ptr<Ticket> Tickets::Find(std::span<const Word> message, Offset offset) {
  if (empty()) return nullptr;
  const std::uint64_t hash = HashOf(message);
  const std::lock_guard lock(mutex_);
  if (const auto at = placed_.find(offset.value); at != placed_.end()) return at->second;
  std::shared_ptr<Ticket> found = TakeUnplaced(hash, nullptr);
  if (found != nullptr) placed_[offset.value] = found;
  return found;
}

std::vector<std::shared_ptr<Ticket>> Tickets::TakeAll() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Ticket>> all;
  for (auto& [hash, ticket] : unplaced_) all.push_back(std::move(ticket));
  for (auto& [offset, ticket] : placed_) all.push_back(std::move(ticket));
  unplaced_.clear();
  placed_.clear();
  count_ = 0;
  return all;
}

void Tickets::Consume(Offset end) {
  const std::lock_guard lock(mutex_);
  if (end.value <= consumed_) return;
  if (end.value - consumed_ > placed_.size()) {
    absl::erase_if(placed_, [&](const auto& each) { return each.first < end.value; });
  } else {
    for (std::uint64_t offset = consumed_; offset < end.value; ++offset) placed_.erase(offset);
  }
  consumed_ = end.value;
  count_ = unplaced_.size() + placed_.size();
}

Producer::Producer(const Cluster& cluster) : cluster_(cluster) {
  double milliseconds = 0;
  if (absl::SimpleAtod(PropertyOr(cluster.properties, "linger.ms", kLingerMilliseconds),
                       &milliseconds)) {
    linger_ = absl::Milliseconds(milliseconds);
  }
}

absl::StatusOr<std::unique_ptr<Producer>> Producer::Open(const Cluster& cluster,
                                                         std::function<void()> delivered) {
  std::unique_ptr<Producer> producer(new Producer(cluster));
  producer->delivered_ = std::move(delivered);
  COMMANDER_RETURN_IF_ERROR(producer->Start());
  return producer;
}

absl::Status Producer::Start() {
  Callbacks callbacks;
  callbacks.delivered = [this](const rd_kafka_message_t& message) { OnDelivered(message); };
  COMMANDER_ASSIGN_OR_RETURN(
      Client client, NewClient(RD_KAFKA_PRODUCER, cluster_, {{"enable.idempotence", "true"}},
                               std::move(callbacks)));
  topics_.clear();
  queue_.reset();
  client_ = std::move(client);
  queue_.reset(rd_kafka_queue_get_main(client_.get()));
  rd_kafka_queue_cb_event_enable(
      queue_.get(),
      [](rd_kafka_t* /*client*/, void* self) { static_cast<Producer*>(self)->delivered_(); }, this);
  return absl::OkStatus();
}

Producer::~Producer() {
  rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
  // What is not delivered is reported so, which frees it.
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_.get(), Milliseconds(kPatience));
  for (const auto& [place, lane] : lanes_) {
    for (const Append& append : lane->waiting) {
      Fail(SentOf(append, nullptr), absl::CancelledError("the log is closed"));
    }
  }
}

absl::StatusOr<rd_kafka_topic_t*> Producer::Topic(const std::string& name) {
  TopicHandle& topic = topics_[name];
  if (topic == nullptr) {
    COMMANDER_ASSIGN_OR_RETURN(topic, NewTopic(client_.get(), name));
  }
  return topic.get();
}

absl::Status Producer::Send(const std::string& topic, std::uint16_t partition, std::string_view key,
                            std::string_view value, Sent sent) {
  COMMANDER_ASSIGN_OR_RETURN(rd_kafka_topic_t* const handle, Topic(topic));
  auto kept = std::make_unique<Sent>(std::move(sent));
  if (rd_kafka_produce(handle, partition, RD_KAFKA_MSG_F_COPY, const_cast<char*>(value.data()),
                       value.size(), key.data(), key.size(), kept.get()) == 0) {
    (void)kept.release();  // OnDelivered's from now on
    return absl::OkStatus();
  }
  const std::string what = absl::StrCat("appending to topic ", topic, "[", partition, "]");
  const rd_kafka_resp_err_t error = rd_kafka_last_error();
  if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) return absl::ResourceExhaustedError(what);
  return StatusOf(error, what);
}

void Producer::Fail(const Sent& sent, const absl::Status& why) {
  if (sent.ticket == nullptr) return;
  if (sent.tickets != nullptr) sent.tickets->Remove(sent.hash, sent.ticket.get());
  sent.ticket->OnFailed(why);
}

absl::Status Producer::Prepare(const std::string& topic) { return Topic(topic).status(); }

Producer::Sent Producer::SentOf(const Append& append, Lane* lane) {
  Sent sent{append.ticket, append.tickets, 0, lane};
  if (append.tickets != nullptr) sent.hash = Tickets::HashOf(append.message());
  return sent;
}

bool Producer::HandOver(Lane& lane, absl::Time now) {
  if (lane.waiting.empty()) return false;
  if (lane.under_way == 0) lane.since = now;
  if (now > lane.since + linger_) return false;
  auto at = lane.waiting.begin();
  for (; at != lane.waiting.end(); ++at) {
    const Sent sent = SentOf(*at, &lane);
    const absl::Status status = Send(
        at->topic, at->partition, at->key,
        {reinterpret_cast<const char*>(at->value.data()), at->value.size() * sizeof(Word)}, sent);
    if (absl::IsResourceExhausted(status)) break;  // its queue is full
    bytes_handed_over_ += at->message().size_bytes();
    status.ok() ? void(++lane.under_way) : Fail(sent, status);
  }
  const bool worked = at != lane.waiting.begin();
  lane.waiting.erase(lane.waiting.begin(), at);
  return worked;
}

bool Producer::idle() const {
  return rd_kafka_outq_len(client_.get()) == 0 &&
         std::all_of(lanes_.begin(), lanes_.end(),
                     [](const auto& lane) { return lane.second->waiting.empty(); });
}

absl::Status Producer::ProduceBytes(const std::string& topic, std::uint16_t partition,
                                    std::string_view key, std::string_view value,
                                    std::shared_ptr<Ticket> ticket) {
  return Send(topic, partition, key, value, {.ticket = std::move(ticket)});
}

void Producer::OnDelivered(const rd_kafka_message_t& message) {
  const std::unique_ptr<Sent> sent(static_cast<Sent*>(message._private));
  ++told_;
  if (sent->lane != nullptr) --sent->lane->under_way;
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Fail(
        *sent,
        StatusOf(message.err,
                 absl::StrCat("appending to topic ", rd_kafka_topic_name(message.rkt), "[",
                              message.partition, "]; it is unknown whether it was appended")));
  }
  const Offset offset{static_cast<std::uint64_t>(message.offset)};
  if (sent->tickets != nullptr) sent->tickets->Place(sent->hash, sent->ticket.get(), offset);
  if (sent->ticket != nullptr) sent->ticket->OnDurable(offset);
}

bool Producer::Serve() {
  told_ = 0;
  rd_kafka_poll(client_.get(), 0);
  bool worked = told_ > 0;
  const absl::Time now = absl::Now();
  for (const auto& [place, lane] : lanes_) worked |= HandOver(*lane, now);
  char why[512] = {};
  const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(client_.get(), why, sizeof why);
  // What is fatal at once again, a right that is missing, is not tried without a pause.
  if (fatal == RD_KAFKA_RESP_ERR_NO_ERROR || now < next_start_) return worked;
  next_start_ = now + kRestartPause;
  cluster_.Say(LogLevel::kError, absl::StrCat("the producer of commands is made anew: ", why),
               {{"error", rd_kafka_err2name(fatal)}});
  rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_.get(), Milliseconds(kPatience));
  const absl::Status started = Start();
  if (!started.ok()) cluster_.Say(LogLevel::kError, std::string(started.message()));
  return true;
}

absl::Status Producer::Flush(absl::Duration patience) {
  const absl::Time late = absl::Now() + patience;
  while (true) {
    Serve();
    const absl::Duration left = std::max(late - absl::Now(), absl::ZeroDuration());
    absl::Status status = StatusOf(rd_kafka_flush(client_.get(), Milliseconds(left)), "appending");
    if (!status.ok() || idle()) return status;
  }
}

}  // namespace commander::log::kafka
