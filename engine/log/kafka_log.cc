#include "engine/log/kafka_log.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "commander/internal/status_macros.h"
#include "engine/log/catalog.h"
#include "engine/log/kafka_client.h"
#include "engine/log/kafka_committer.h"
#include "engine/log/kafka_producer.h"
#include "engine/log/kafka_reader.h"
#include "engine/log/kafka_topic_watch.h"
#include "engine/log/kafka_topics.h"

namespace commander::log {
namespace {

using namespace kafka;  // NOLINT: this file is where its parts come together

// Readers of one partition at different places: the worker that restores, and projections.
constexpr std::size_t kEventReaders = 8;
// Beside the value: key, batch and record headers.
constexpr std::size_t kRecordOverheadBytes = std::size_t{64} << 10;
constexpr absl::Duration kHousekeeping = absl::Seconds(1);
constexpr absl::Duration kAbandoned = absl::Seconds(10);

absl::Status Closed() { return absl::UnavailableError("the log is closed"); }

struct Partition {
  Partition(const std::string& topic, std::uint16_t number) : reader(topic, number) {}
  PartitionReader reader;
  Tickets tickets;
};

struct Topic {
  TopicInfo info;
  std::string name;  // on the cluster
  const WatchedTopic* watched = nullptr;
  std::vector<std::unique_ptr<Partition>> partitions;
  std::atomic<bool> acquired{false};  // its commands are decided here
};

// Waits for one record to be durable.
class Stored final : public Ticket {
 public:
  void OnDurable(Offset /*offset*/) override { result = absl::OkStatus(); }
  void OnFailed(const absl::Status& status) override { result = status; }
  std::optional<absl::Status> result;
};

class KafkaLogImpl final : public KafkaLog {
 public:
  explicit KafkaLogImpl(KafkaLogOptions options);
  ~KafkaLogImpl() override { Close().IgnoreError(); }
  absl::Status Open();

  LogId id() const override { return id_; }
  absl::StatusOr<std::vector<TopicInfo>> Topics() override;
  absl::StatusOr<std::vector<Schema>> Schemas() override;
  absl::StatusOr<Offset> Begin(TopicPartition place) override;
  absl::StatusOr<Offset> End(TopicPartition place) override;
  Offset EndSeen(TopicPartition place) override;
  absl::StatusOr<Offset> Poll(TopicPartition place, Offset from, std::size_t max_bytes,
                              std::vector<Record>* out) override;
  absl::StatusOr<Record> Read(TopicPartition place, Offset offset) override;
  absl::StatusOr<std::optional<Record>> ReadLast(TopicPartition place) override;

  absl::StatusOr<std::uint16_t> OpenTopic(const TopicSettings& settings) override;
  absl::Status StoreSchema(const Schema& schema) override;
  absl::Status Acquire(std::string_view group, std::uint16_t commands,
                       std::uint16_t events) override;
  absl::Status Append(TopicPartition place, std::span<const Word> message,
                      std::shared_ptr<Ticket> ticket, bool wake) override;
  std::vector<std::shared_ptr<Ticket>> TakeTickets(TopicPartition commands) override;
  bool remote() const override { return true; }
  void Commit(CommitBatch batch) override;
  bool Step(bool try_only) override;
  void WaitForWork() override;
  void Wake() override;
  void SetBarrier(std::function<absl::Status()> barrier) override;
  void SetListener(TopicPartition place, std::function<void()> listener) override;
  absl::Status health() const override;
  std::string Warning(TopicPartition place) override;
  absl::Status Close() override;
  bool idle() override;

 private:
  std::string SchemaTopic() const { return absl::StrCat(options_.application, "-schemas"); }
  // Null where there is no such partition.
  Topic* Find(TopicPartition place) const;
  absl::StatusOr<Topic*> Get(TopicPartition place) const;
  absl::Status CheckBatch(const CommitBatch& batch) const;
  // What has been appended and committed since, in its order.
  struct Pending {
    std::vector<kafka::Append> appends;
    std::vector<CommitBatch> batches;
    bool empty() const { return appends.empty() && batches.empty(); }
  };
  void Produce(Pending pending);
  static void Refuse(Pending pending, const absl::Status& why);
  void KeepHouse();
  void Stop(const absl::Status& why);

  const KafkaLogOptions options_;
  const Cluster cluster_;
  LogId id_{};
  std::unique_ptr<PointReader> points_;
  std::unique_ptr<TopicWatch> watch_;
  std::unique_ptr<FetchClients> command_clients_;
  std::unique_ptr<FetchClients> event_clients_;

  std::mutex opening_mutex_;  // one OpenTopic() at a time; taken before the others
  mutable std::shared_mutex topics_mutex_;
  std::vector<std::unique_ptr<Topic>> topics_;                      // by number; never taken away
  std::map<std::uint16_t, std::unique_ptr<Committer>> committers_;  // by topic of commands

  std::mutex schemas_mutex_;  // guards schema_producer_
  std::unique_ptr<Producer> schema_producer_;

  std::mutex step_mutex_;  // held by whoever is in Step(); guards what follows
  std::unique_ptr<Producer> producer_;
  std::function<absl::Status()> barrier_;
  absl::Time housekeeping_ = absl::InfinitePast();

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable work_;
  Pending pending_;
  std::vector<std::pair<CommitBatch, absl::Status>> refused_;  // told by Step()
  std::size_t pending_bytes_ = 0;
  bool woken_ = false;
  bool closed_ = false;
  absl::Status health_;
};

KafkaLogImpl::KafkaLogImpl(KafkaLogOptions options)
    : options_(std::move(options)),
      cluster_{options_.brokers, options_.properties,
               options_.max_record_bytes + kRecordOverheadBytes, options_.sink} {}

absl::Status KafkaLogImpl::Open() {
  if (options_.brokers.empty()) return absl::InvalidArgumentError("Kafka: no brokers are given");
  if (options_.application.empty() || options_.instance.empty()) {
    return absl::InvalidArgumentError("Kafka: application and instance need a name");
  }
  COMMANDER_RETURN_IF_ERROR(CheckProperties(options_.properties));
  COMMANDER_ASSIGN_OR_RETURN(points_, PointReader::Open(cluster_));
  watch_ = std::make_unique<TopicWatch>(points_->client(), cluster_);
  COMMANDER_ASSIGN_OR_RETURN(const std::string cluster_id, ClusterId(points_->client()));
  id_ = IdOfCluster(cluster_id);
  const std::string prefetch =
      absl::StrCat(std::max<std::size_t>(options_.prefetch_bytes >> 10, 1));
  command_clients_ = std::make_unique<FetchClients>(
      cluster_, Properties{{"queued.max.messages.kbytes", prefetch}}, 1);
  // Markers of transactions take offsets: only the end of the partition tells that they are passed.
  event_clients_ = std::make_unique<FetchClients>(
      cluster_,
      Properties{{"queued.max.messages.kbytes", prefetch}, {"enable.partition.eof", "true"}},
      kEventReaders);
  COMMANDER_ASSIGN_OR_RETURN(producer_, Producer::Open(cluster_, [this] { Wake(); }));
  COMMANDER_ASSIGN_OR_RETURN(schema_producer_, Producer::Open(cluster_, [] {}));
  return EnsureTopic(points_->client(), cluster_, SchemaTopic(), Use::kSchemas, 1);
}

Topic* KafkaLogImpl::Find(TopicPartition place) const {
  const std::shared_lock lock(topics_mutex_);
  if (place.topic >= topics_.size()) return nullptr;
  Topic* const topic = topics_[place.topic].get();
  return place.partition < topic->info.settings.partitions ? topic : nullptr;
}

absl::StatusOr<Topic*> KafkaLogImpl::Get(TopicPartition place) const {
  Topic* const topic = Find(place);
  if (topic == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("no topic ", place.topic, " with a partition ", place.partition, " is open"));
  }
  COMMANDER_RETURN_IF_ERROR(topic->watched->health());
  const std::lock_guard lock(mutex_);
  if (closed_) return Closed();
  return topic;
}

absl::StatusOr<std::vector<TopicInfo>> KafkaLogImpl::Topics() {
  const std::shared_lock lock(topics_mutex_);
  std::vector<TopicInfo> topics;
  for (const std::unique_ptr<Topic>& topic : topics_) topics.push_back(topic->info);
  return topics;
}

absl::StatusOr<std::vector<Schema>> KafkaLogImpl::Schemas() {
  std::map<std::uint64_t, Schema> schemas;
  COMMANDER_RETURN_IF_ERROR(
      points_->ReadAll(SchemaTopic(), 0, [&](const rd_kafka_message_t& message) -> absl::Status {
        if (message.payload == nullptr) return absl::OkStatus();
        COMMANDER_ASSIGN_OR_RETURN(
            Schema schema,
            DecodeSchema({static_cast<const char*>(message.payload), message.len},
                         absl::StrCat("topic ", SchemaTopic(), " offset ", message.offset),
                         std::string(static_cast<const char*>(message.key), message.key_len)));
        schemas[schema.fingerprint] = std::move(schema);
        return absl::OkStatus();
      }));
  std::vector<Schema> all;
  for (auto& [fingerprint, schema] : schemas) all.push_back(std::move(schema));
  return all;
}

absl::Status KafkaLogImpl::StoreSchema(const Schema& schema) {
  const std::lock_guard lock(schemas_mutex_);
  if (schema_producer_ == nullptr) return Closed();
  const auto stored = std::make_shared<Stored>();
  const absl::Time deadline = absl::Now() + kPatience;
  while (true) {
    absl::Status taken = schema_producer_->ProduceBytes(
        SchemaTopic(), 0, SchemaFileName(schema.fingerprint), EncodeSchema(schema), stored);
    if (taken.ok()) break;
    if (!absl::IsUnavailable(taken) || absl::Now() > deadline) return taken;
    // It may have to be made anew.
    absl::SleepFor(absl::Milliseconds(100));
    schema_producer_->Serve();
  }
  COMMANDER_RETURN_IF_ERROR(schema_producer_->Flush(kPatience));
  schema_producer_->Serve();
  if (stored->result.has_value()) return *stored->result;
  return absl::UnavailableError(absl::StrCat("Kafka: a schema was not stored in topic ",
                                             SchemaTopic(), " within ",
                                             absl::FormatDuration(kPatience)));
}

absl::StatusOr<Offset> KafkaLogImpl::Begin(TopicPartition place) {
  COMMANDER_ASSIGN_OR_RETURN(const Topic* const topic, Get(place));
  COMMANDER_ASSIGN_OR_RETURN(const auto bounds, points_->Bounds(topic->name, place.partition));
  return bounds.first;
}

absl::StatusOr<Offset> KafkaLogImpl::End(TopicPartition place) {
  COMMANDER_ASSIGN_OR_RETURN(const Topic* const topic, Get(place));
  COMMANDER_ASSIGN_OR_RETURN(const auto bounds, points_->Bounds(topic->name, place.partition));
  topic->partitions[place.partition]->reader.SawEnd(bounds.second);
  return bounds.second;
}

Offset KafkaLogImpl::EndSeen(TopicPartition place) {
  const Topic* const topic = Find(place);
  return topic == nullptr ? Offset{} : topic->partitions[place.partition]->reader.end_seen();
}

absl::StatusOr<Offset> KafkaLogImpl::Poll(TopicPartition place, Offset from, std::size_t max_bytes,
                                          std::vector<Record>* out) {
  COMMANDER_ASSIGN_OR_RETURN(Topic* const topic, Get(place));
  Partition& partition = *topic->partitions[place.partition];
  const bool commands = topic->info.settings.kind == TopicKind::kCommands;
  const std::size_t before = out->size();
  absl::StatusOr<Offset> next =
      partition.reader.Poll(commands ? *command_clients_ : *event_clients_, from, max_bytes, out);
  if (absl::IsOutOfRange(next.status())) {
    COMMANDER_ASSIGN_OR_RETURN(const auto bounds, points_->Bounds(topic->name, place.partition));
    return absl::OutOfRangeError(absl::StrCat(next.status().message(), "; it begins at offset ",
                                              bounds.first.value, " and ends before ",
                                              bounds.second.value));
  }
  if (!next.ok()) return next.status();
  for (std::size_t i = before; i < out->size() && !partition.tickets.empty(); ++i) {
    (*out)[i].ticket = partition.tickets.Find((*out)[i].message, (*out)[i].offset);
  }
  return next;
}

absl::StatusOr<Record> KafkaLogImpl::Read(TopicPartition place, Offset offset) {
  COMMANDER_ASSIGN_OR_RETURN(const Topic* const topic, Get(place));
  return points_->Read(topic->name, place.partition, offset);
}

absl::StatusOr<std::optional<Record>> KafkaLogImpl::ReadLast(TopicPartition place) {
  COMMANDER_ASSIGN_OR_RETURN(const Topic* const topic, Get(place));
  return points_->ReadLast(topic->name, place.partition);
}

absl::StatusOr<std::uint16_t> KafkaLogImpl::OpenTopic(const TopicSettings& settings) {
  COMMANDER_RETURN_IF_ERROR(CheckTopicSettings(settings));
  {
    const std::lock_guard state(mutex_);
    if (closed_) return Closed();
  }
  const std::lock_guard opening(opening_mutex_);
  auto topic = std::make_unique<Topic>();
  {
    const std::shared_lock lock(topics_mutex_);
    for (const std::unique_ptr<Topic>& other : topics_) {
      const TopicSettings& there = other->info.settings;
      if (there.name != settings.name) continue;
      if (there.kind == settings.kind && there.partitions == settings.partitions) {
        return other->info.number;
      }
      return absl::FailedPreconditionError(absl::StrCat(
          "topic ", there.name, " is open with ", there.partitions, " partitions, asked for are ",
          settings.partitions, there.kind == settings.kind ? "" : " and another kind"));
    }
    topic->info = {static_cast<std::uint16_t>(topics_.size()), settings};
  }
  // Applications share a cluster, and each has a ledger.
  topic->name = settings.kind == TopicKind::kLedger ? absl::StrCat(options_.application, "-ledger")
                                                    : settings.name;
  COMMANDER_RETURN_IF_ERROR(EnsureTopic(
      points_->client(), cluster_, topic->name,
      settings.kind == TopicKind::kCommands ? Use::kCommands : Use::kEvents, settings.partitions));
  if (settings.kind != TopicKind::kEvents) {
    const std::lock_guard step(step_mutex_);
    if (producer_ == nullptr) return Closed();
    COMMANDER_RETURN_IF_ERROR(producer_->Prepare(topic->name));
  }
  for (std::uint16_t p = 0; p < settings.partitions; ++p) {
    topic->partitions.push_back(std::make_unique<Partition>(topic->name, p));
  }
  topic->watched = watch_->Add(topic->name, settings.partitions);
  const std::unique_lock lock(topics_mutex_);
  topics_.push_back(std::move(topic));
  return topics_.back()->info.number;
}

absl::Status KafkaLogImpl::Acquire(std::string_view group, std::uint16_t commands,
                                   std::uint16_t events) {
  COMMANDER_ASSIGN_OR_RETURN(Topic* const from, Get({commands, 0}));
  COMMANDER_ASSIGN_OR_RETURN(const Topic* const to, Get({events, 0}));
  if (from->acquired) return absl::OkStatus();
  Committer::Options options;
  options.application = options_.application;
  options.group = std::string(group);
  options.commands = from->name;
  options.events = to->name;
  options.partitions = from->info.settings.partitions;
  options.instance = options_.instance;
  options.key_of = options_.key_of;
  options.told = [this] { Wake(); };
  COMMANDER_ASSIGN_OR_RETURN(std::unique_ptr<Committer> committer,
                             Committer::Open(cluster_, std::move(options)));
  const std::unique_lock lock(topics_mutex_);
  committers_[commands] = std::move(committer);
  from->acquired = true;
  return absl::OkStatus();
}

absl::Status KafkaLogImpl::Append(TopicPartition place, std::span<const Word> message,
                                  std::shared_ptr<Ticket> ticket, bool /*wake*/) {
  Topic* const topic = Find(place);
  if (topic == nullptr || topic->info.settings.kind == TopicKind::kEvents) {
    return absl::InvalidArgumentError(absl::StrCat("no topic ", place.topic, " with a partition ",
                                                   place.partition, " takes records of senders"));
  }
  COMMANDER_RETURN_IF_ERROR(topic->watched->health());
  const std::size_t bytes = message.size_bytes();
  if (message.empty() || bytes > options_.max_record_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a record has 1 word to ", options_.max_record_bytes, " bytes; this one has ", bytes));
  }
  kafka::Append append;
  append.topic = topic->name;
  append.partition = place.partition;
  if (options_.key_of) append.key = options_.key_of(message);
  append.value.reserve(message.size() + kEntryHeaderWords);
  append.value.push_back(static_cast<Word>(message.size()) << 32);
  append.value.insert(append.value.end(), message.begin(), message.end());
  if (ticket != nullptr && topic->acquired) {
    append.tickets = &topic->partitions[place.partition]->tickets;
  }
  append.ticket = std::move(ticket);
  const std::lock_guard lock(mutex_);
  if (closed_) return Closed();
  if (!health_.ok()) return health_;
  if (pending_bytes_ + bytes > options_.max_pending_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", options_.max_pending_bytes,
                     " bytes wait to be appended; is the Kafka cluster reachable?"));
  }
  pending_bytes_ += bytes;
  if (append.tickets != nullptr) append.tickets->Add(Tickets::HashOf(message), append.ticket);
  pending_.appends.push_back(std::move(append));
  woken_ = true;
  work_.notify_all();
  return absl::OkStatus();
}

std::vector<std::shared_ptr<Ticket>> KafkaLogImpl::TakeTickets(TopicPartition commands) {
  Topic* const topic = Find(commands);
  if (topic == nullptr) return {};
  return topic->partitions[commands.partition]->tickets.TakeAll();
}

absl::Status KafkaLogImpl::CheckBatch(const CommitBatch& batch) const {
  const Topic* const commands = Find(batch.commands);
  const Topic* const events = Find(batch.events);
  if (commands == nullptr || events == nullptr || batch.entries.empty() ||
      batch.entries.bytes() > kMaxCommitBytes + kEntryHeaderWords * sizeof(Word) ||
      commands->info.settings.kind != TopicKind::kCommands ||
      events->info.settings.kind != TopicKind::kEvents || !commands->acquired) {
    return absl::InvalidArgumentError(
        "a batch without entries, too large, or of topics that are "
        "not a pair that was acquired");
  }
  COMMANDER_RETURN_IF_ERROR(commands->watched->health());
  return events->watched->health();
}

void KafkaLogImpl::Commit(CommitBatch batch) {
  absl::Status refused = CheckBatch(batch);
  if (refused.ok()) {
    Tickets& tickets = Find(batch.commands)->partitions[batch.commands.partition]->tickets;
    PartitionReader& events = Find(batch.events)->partitions[batch.events.partition]->reader;
    batch.done = [&tickets, &events, consumed = batch.consumed, count = batch.entries.count(),
                  done = std::move(batch.done)](const CommitResult& result) {
      if (result.outcome == CommitOutcome::kCommitted) {
        tickets.Consume(consumed);
        events.SawEnd(result.OffsetOf(count - 1) + 1);
      }
      if (done) done(result);
    };
  }
  const std::lock_guard lock(mutex_);
  if (closed_) refused = Closed();
  if (refused.ok()) {
    pending_.batches.push_back(std::move(batch));
  } else {
    refused_.emplace_back(std::move(batch), std::move(refused));
  }
  woken_ = true;
  work_.notify_all();
}

void KafkaLogImpl::Refuse(Pending pending, const absl::Status& why) {
  for (kafka::Append& append : pending.appends) {
    if (append.ticket == nullptr) continue;
    if (append.tickets != nullptr) {
      append.tickets->Remove(Tickets::HashOf(append.message()), append.ticket.get());
    }
    append.ticket->OnFailed(why);
  }
  for (CommitBatch& batch : pending.batches) {
    if (batch.done) batch.done({CommitOutcome::kUnknown, why, {}, {}});
  }
}

void KafkaLogImpl::Produce(Pending pending) {
  for (kafka::Append& append : pending.appends) producer_->Produce(std::move(append));
  for (CommitBatch& batch : pending.batches) {
    Committer* committer = nullptr;
    {
      const std::shared_lock lock(topics_mutex_);
      committer = committers_.at(batch.commands.topic).get();
    }
    committer->Commit(std::move(batch));
  }
}

void KafkaLogImpl::Stop(const absl::Status& why) {
  const std::lock_guard lock(mutex_);
  if (health_.ok()) health_ = why;
}

void KafkaLogImpl::KeepHouse() {
  const absl::Time now = absl::Now();
  if (now < housekeeping_ + kHousekeeping) return;
  housekeeping_ = now;
  command_clients_->Serve();
  event_clients_->Serve();
  if (const std::unique_lock storing(schemas_mutex_, std::try_to_lock);
      storing.owns_lock() && schema_producer_ != nullptr) {
    schema_producer_->Serve();
  }
  const std::shared_lock lock(topics_mutex_);
  for (const std::unique_ptr<Topic>& topic : topics_) {
    for (const std::unique_ptr<Partition>& partition : topic->partitions) {
      partition->reader.EndIdle(now - kAbandoned);
      partition->reader.LookForOpenTransaction(cluster_, now);
    }
  }
}

bool KafkaLogImpl::Step(bool try_only) {
  const std::unique_lock step =
      try_only ? std::unique_lock(step_mutex_, std::try_to_lock) : std::unique_lock(step_mutex_);
  if (!step.owns_lock()) return false;
  Pending pending;
  std::vector<std::pair<CommitBatch, absl::Status>> refused;
  {
    const std::lock_guard lock(mutex_);
    pending.appends.swap(pending_.appends);
    pending.batches.swap(pending_.batches);
    refused.swap(refused_);
    woken_ = false;
  }
  bool worked = !pending.empty() || !refused.empty();
  for (auto& [batch, why] : refused) {
    const bool never = absl::IsInvalidArgument(why);
    if (batch.done) {
      batch.done({never ? CommitOutcome::kRefused : CommitOutcome::kUnknown, why, {}, {}});
    }
  }
  if (producer_ == nullptr) return worked;  // closed: there is nothing but refusals
  if (!pending.empty()) {
    const absl::Status passed = barrier_ ? barrier_() : absl::OkStatus();
    if (passed.ok()) {
      Produce(std::move(pending));
    } else {
      Stop(absl::Status(passed.code(), absl::StrCat("the log has stopped: ", passed.message())));
      Refuse(std::move(pending), health());
    }
  }
  worked |= producer_->Serve();
  if (const std::size_t bytes = producer_->TakeBytesHandedOver(); bytes > 0) {
    const std::lock_guard lock(mutex_);
    pending_bytes_ -= bytes;
  }
  std::vector<Committer*> committers;
  {
    const std::shared_lock lock(topics_mutex_);
    for (const auto& [commands, committer] : committers_) committers.push_back(committer.get());
  }
  for (Committer* committer : committers) worked |= committer->Tell();
  KeepHouse();
  return worked;
}

void KafkaLogImpl::WaitForWork() {
  std::unique_lock lock(mutex_);
  work_.wait_for(lock, absl::ToChronoNanoseconds(kHousekeeping), [&] { return woken_; });
}

void KafkaLogImpl::Wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  work_.notify_all();
}

void KafkaLogImpl::SetBarrier(std::function<absl::Status()> barrier) {
  const std::lock_guard lock(step_mutex_);
  barrier_ = std::move(barrier);
}

void KafkaLogImpl::SetListener(TopicPartition place, std::function<void()> listener) {
  Topic* const topic = Find(place);
  if (topic == nullptr) return;
  topic->partitions[place.partition]->reader.SetListener(std::move(listener));
}

absl::Status KafkaLogImpl::health() const {
  {
    const std::lock_guard lock(mutex_);
    if (!health_.ok()) return health_;
  }
  const std::shared_lock lock(topics_mutex_);
  for (const auto& [commands, committer] : committers_) {
    COMMANDER_RETURN_IF_ERROR(committer->health());
  }
  return absl::OkStatus();
}

std::string KafkaLogImpl::Warning(TopicPartition place) {
  const Topic* const topic = Find(place);
  if (topic == nullptr) return {};
  std::string warning = topic->watched->warning();
  return warning.empty() ? topic->partitions[place.partition]->reader.warning() : warning;
}

bool KafkaLogImpl::idle() {
  const std::lock_guard step(step_mutex_);
  {
    const std::lock_guard lock(mutex_);
    if (!pending_.empty() || !refused_.empty()) return false;
  }
  if (producer_ != nullptr && !producer_->idle()) return false;
  const std::shared_lock lock(topics_mutex_);
  return std::all_of(committers_.begin(), committers_.end(),
                     [](const auto& committer) { return committer.second->idle(); });
}

absl::Status KafkaLogImpl::Close() {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return absl::OkStatus();
    closed_ = true;
  }
  if (producer_ == nullptr) return absl::OkStatus();  // Open failed
  watch_->Stop();
  Step(false);
  {
    const std::shared_lock lock(topics_mutex_);
    for (const auto& [commands, committer] : committers_) committer->Close();
  }
  absl::Status status;
  {
    const std::lock_guard step(step_mutex_);
    status = producer_->Flush(kPatience);
  }
  Step(false);
  {
    const std::lock_guard step(step_mutex_);
    producer_.reset();  // tells tickets that are left
  }
  {
    const std::shared_lock lock(topics_mutex_);
    for (const std::unique_ptr<Topic>& topic : topics_) {
      for (const std::unique_ptr<Partition>& partition : topic->partitions) {
        partition->reader.EndAll();
      }
    }
    // The group sees the owner leave.
    for (auto& [commands, committer] : committers_) committer->Leave();
  }
  const std::lock_guard lock(schemas_mutex_);
  schema_producer_.reset();
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<KafkaLog>> OpenKafkaLog(KafkaLogOptions options) {
  auto log = std::make_unique<KafkaLogImpl>(std::move(options));
  COMMANDER_RETURN_IF_ERROR(log->Open());
  return std::unique_ptr<KafkaLog>(std::move(log));
}

}  // namespace commander::log
