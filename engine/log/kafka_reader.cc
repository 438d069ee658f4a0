#include "engine/log/kafka_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "commander/internal/status_macros.h"

namespace commander::log::kafka {
namespace {

// Whoever reads a record may ask again.
constexpr absl::Duration kReadPatience = absl::Seconds(2);
// How long a transaction may keep readers waiting before that is said, and until it is said again.
constexpr absl::Duration kHeldLong = absl::Seconds(5);
constexpr absl::Duration kSayAgain = absl::Minutes(1);

std::string HeldUp(const Cluster& cluster, const std::string& topic, std::uint16_t partition,
                   Offset at, Offset end) {
  const std::string tool =
      absl::StrCat("kafka-transactions.sh --bootstrap-server ", cluster.brokers);
  const std::string place = absl::StrCat(" --topic ", topic, " --partition ", partition);
  return absl::StrCat(
      "topic ", topic, "[", partition, "] cannot be read from offset ", at.value,
      " on, it ends before ", end.value,
      ": a transaction is open there; it ends by itself within the transaction.timeout.ms of its "
      "producer; one that does not is hanging: ",
      tool, " find-hanging", place, " lists it once it is 15 minutes old, ", tool, " abort", place,
      " --start-offset ", at.value,
      " ends it (with --command-config where the cluster is secured)");
}

}  // namespace

absl::StatusOr<std::pair<Reader*, rd_kafka_topic_t*>> FetchClients::Get(std::size_t number,
                                                                        const std::string& topic) {
  const std::lock_guard lock(mutex_);
  while (readers_.size() <= number) readers_.push_back(std::make_unique<Reader>());
  Reader& reader = *readers_[number];
  if (reader.client == nullptr) {
    Properties properties = {{"isolation.level", "read_committed"},
                             {"enable.auto.commit", "false"},
                             {"auto.offset.reset", "error"},
                             {"fetch.error.backoff.ms", "50"},
                             // A partition that begins to be read waits as long for the others.
                             {"fetch.wait.max.ms", "50"}};
    properties.insert(properties.end(), properties_.begin(), properties_.end());
    COMMANDER_ASSIGN_OR_RETURN(reader.client, NewClient(RD_KAFKA_CONSUMER, cluster_, properties));
  }
  COMMANDER_ASSIGN_OR_RETURN(rd_kafka_topic_t* const handle, reader.Topic(topic));
  return std::pair(&reader, handle);
}

void FetchClients::Serve() {
  const std::lock_guard lock(mutex_);
  for (const std::unique_ptr<Reader>& reader : readers_) {
    if (reader->client != nullptr) rd_kafka_poll(reader->client.get(), 0);
  }
}

void PartitionReader::SetListener(std::function<void()> listener) {
  const std::lock_guard lock(listener_mutex_);
  listener_ = std::move(listener);
}

absl::StatusOr<PartitionReader::Place*> PartitionReader::Find(FetchClients& clients, Offset from) {
  places_.resize(clients.most());
  std::size_t oldest = 0;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    Place& place = places_[i];
    if (place.stream != nullptr && place.stream->next() == from) return &place;
    const Place& other = places_[oldest];
    if (other.stream == nullptr) continue;
    if (place.stream == nullptr || place.polled < other.polled) oldest = i;
  }
  Place& place = places_[oldest];
  place.stream.reset();
  COMMANDER_ASSIGN_OR_RETURN(const auto client, clients.Get(oldest, topic_));
  COMMANDER_ASSIGN_OR_RETURN(place.stream,
                             Stream::Start(*client.first, client.second, partition_, from, [this] {
                               const std::lock_guard lock(listener_mutex_);
                               if (listener_) listener_();
                             }));
  return &place;
}

absl::StatusOr<Offset> PartitionReader::Poll(FetchClients& clients, Offset from,
                                             std::size_t max_bytes, std::vector<Record>* out) {
  std::vector<Message> messages;
  Offset next;
  {
    const std::lock_guard lock(mutex_);
    COMMANDER_ASSIGN_OR_RETURN(Place* const place, Find(clients, from));
    place->polled = absl::Now();
    const absl::Status status = place->stream->Poll(max_bytes, absl::ZeroDuration(), &messages);
    next = place->stream->next();
    if (!messages.empty()) SawEnd(std::max(next, place->stream->end()));
    if (!status.ok()) {
      place->stream.reset();
      return status;
    }
  }
  if (messages.empty()) return next;
  for (Record& record : CopyRecords(messages)) out->push_back(std::move(record));
  return next;
}

void PartitionReader::EndIdle(absl::Time before) {
  const std::lock_guard lock(mutex_);
  for (Place& place : places_) {
    if (place.stream != nullptr && place.polled < before && place.stream->fetched()) {
      place.stream.reset();
    }
  }
}

void PartitionReader::EndAll() {
  const std::lock_guard lock(mutex_);
  places_.clear();
}

void PartitionReader::SawEnd(Offset end) {
  std::uint64_t before = end_seen_.load();
  while (before < end.value && !end_seen_.compare_exchange_weak(before, end.value)) {
  }
}

void PartitionReader::LookForOpenTransaction(const Cluster& cluster, absl::Time now) {
  const std::lock_guard lock(mutex_);
  std::optional<Offset> at;
  std::optional<Offset> end;
  for (std::size_t i = 0; i < places_.size() && !end.has_value(); ++i) {
    if (places_[i].stream == nullptr) continue;
    at = places_[i].stream->next();
    end = places_[i].stream->held_up();
  }
  if (end.has_value()) {
    SawEnd(*end);
  } else {
    at.reset();
  }
  if (at != held_at_) {
    held_at_ = at;
    held_since_ = now;
    said_ = absl::InfinitePast();
    Warn({});
  }
  if (!at.has_value() || now < held_since_ + kHeldLong) return;
  const std::string warning = HeldUp(cluster, topic_, partition_, *at, *end);
  Warn(warning);
  if (now < said_ + kSayAgain) return;
  said_ = now;
  cluster.Say(LogLevel::kWarning, warning,
              {{"topic", topic_}, {"partition", absl::StrCat(partition_)}});
}

void PartitionReader::Warn(std::string warning) {
  const std::lock_guard lock(warning_mutex_);
  warning_ = std::move(warning);
}

std::string PartitionReader::warning() const {
  const std::lock_guard lock(warning_mutex_);
  return warning_;
}

absl::StatusOr<std::unique_ptr<PointReader>> PointReader::Open(const Cluster& cluster) {
  const Properties common = {kUnserved.front(),
                             {"enable.auto.commit", "false"},
                             {"auto.offset.reset", "error"},
                             {"enable.partition.eof", "true"},
                             // What waits for records holds up the next one's request.
                             {"fetch.wait.max.ms", "2"},
                             // A record or two are wanted, not what follows.
                             {"fetch.message.max.bytes", "65536"}};
  Properties committed = common;
  committed.emplace_back("isolation.level", "read_committed");
  COMMANDER_ASSIGN_OR_RETURN(Client first, NewClient(RD_KAFKA_CONSUMER, cluster, committed));
  Properties uncommitted = common;
  uncommitted.emplace_back("isolation.level", "read_uncommitted");
  COMMANDER_ASSIGN_OR_RETURN(Client second, NewClient(RD_KAFKA_CONSUMER, cluster, uncommitted));
  return std::unique_ptr<PointReader>(new PointReader(std::move(first), std::move(second)));
}

absl::StatusOr<std::pair<Offset, Offset>> PointReader::Bounds(const std::string& topic,
                                                              std::uint16_t partition) {
  return BoundsOf(uncommitted_.get(), topic, partition);
}

absl::StatusOr<std::pair<Offset, Offset>> PointReader::BoundsOf(rd_kafka_t* client,
                                                                const std::string& topic,
                                                                std::uint16_t partition) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (true) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    const rd_kafka_resp_err_t error =
        rd_kafka_query_watermark_offsets(client, topic.c_str(), partition, &low, &high,
                                         std::max(Milliseconds(deadline - absl::Now()), 1));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      return std::pair(Offset{static_cast<std::uint64_t>(low)},
                       Offset{static_cast<std::uint64_t>(high)});
    }
    if (!IsTransient(error) || absl::Now() >= deadline) {
      absl::Status status =
          StatusOf(error, absl::StrCat("asking where topic ", topic, "[", partition, "] ends"));
      return IsTransient(error) ? absl::AbortedError(status.message()) : status;
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
}

absl::StatusOr<Offset> PointReader::Walk(const std::string& topic, std::uint16_t partition,
                                         Offset from, absl::Duration patience,
                                         const std::function<bool(std::vector<Message>)>& done) {
  const std::lock_guard lock(mutex_);
  COMMANDER_ASSIGN_OR_RETURN(rd_kafka_topic_t* const handle, committed_.Topic(topic));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Stream> stream,
                             Stream::Start(committed_, handle, partition, from, nullptr));
  absl::Time deadline = absl::Now() + patience;
  while (!stream->at_end()) {
    std::vector<Message> messages;
    const Offset before = stream->next();
    COMMANDER_RETURN_IF_ERROR(
        stream->Poll(std::size_t{1} << 16, absl::Milliseconds(20), &messages));
    if (!messages.empty() && done(std::move(messages))) return stream->next();
    if (stream->next() > before) {
      deadline = absl::Now() + patience;
    } else {
      stream->Nudge();
    }
    if (absl::Now() > deadline) {
      return absl::UnavailableError(
          absl::StrCat("Kafka: topic ", topic, "[", partition, "] offset ", stream->next().value,
                       " was not read within ", absl::FormatDuration(patience)));
    }
  }
  return stream->next();
}

absl::StatusOr<Record> PointReader::Read(const std::string& topic, std::uint16_t partition,
                                         Offset offset) {
  const absl::Time deadline = absl::Now() + kReadPatience;
  absl::Status why;
  while (absl::Now() < deadline) {
    std::optional<Record> found;
    const absl::StatusOr<Offset> end =
        Walk(topic, partition, offset, kReadPatience, [&](std::vector<Message> messages) {
          messages.resize(1);
          std::vector<Record> first = CopyRecords(messages);
          if (first[0].offset == offset) found = std::move(first[0]);
          return true;
        });
    if (found.has_value()) return *std::move(found);
    const auto bounds = Bounds(topic, partition);
    why = end.ok() ? bounds.status() : end.status();
    if (!why.ok() && !absl::IsUnavailable(why) && !absl::IsAborted(why)) return why;
    if (why.ok() && (*end > offset || offset >= bounds->second)) {
      return absl::OutOfRangeError(absl::StrCat("topic ", topic, "[", partition,
                                                "] has no record at offset ", offset.value));
    }
    if (why.ok())
      why = absl::UnavailableError(
          "its transaction is not marked as ended yet, or one before it is still open");
    absl::SleepFor(absl::Milliseconds(2));
  }
  return absl::AbortedError(absl::StrCat("topic ", topic, "[", partition, "] offset ", offset.value,
                                         " could not be read within ",
                                         absl::FormatDuration(kReadPatience), ": ", why.message()));
}

absl::StatusOr<std::optional<Record>> PointReader::ReadLast(const std::string& topic,
                                                            std::uint16_t partition) {
  // What lies behind an open transaction is not committed, and has no end yet.
  COMMANDER_ASSIGN_OR_RETURN(const auto bounds,
                             BoundsOf(committed_.client.get(), topic, partition));
  const auto [begin, end] = bounds;
  // A record and the marker of its transaction are usual; what was aborted may lie behind them.
  for (std::uint64_t back = 2; begin < end; back *= 32) {
    const bool all = back >= end.value - begin.value;
    const Offset from = all ? begin : Offset{end.value - back};
    std::optional<Record> last;
    COMMANDER_RETURN_IF_ERROR(
        Walk(topic, partition, from, kPatience, [&](std::vector<Message> messages) {
          messages.erase(messages.begin(), messages.end() - 1);
          last = CopyRecords(messages)[0];
          return last->offset + 1 >= bounds.second;  // others may go on and on
        }).status());
    if (last.has_value() || all) return last;
  }
  return std::optional<Record>();
}

absl::Status PointReader::ReadAll(
    const std::string& topic, std::uint16_t partition,
    const std::function<absl::Status(const rd_kafka_message_t&)>& message) {
  COMMANDER_ASSIGN_OR_RETURN(const auto bounds, Bounds(topic, partition));
  if (bounds.first == bounds.second) return absl::OkStatus();
  absl::Status failed;
  COMMANDER_RETURN_IF_ERROR(
      Walk(topic, partition, bounds.first, kPatience, [&](const std::vector<Message>& messages) {
        for (const Message& each : messages) {
          if (failed.ok()) failed = message(*each);
        }
        return !failed.ok();
      }).status());
  return failed;
}

}  // namespace commander::log::kafka
