#include "engine/log/kafka_stream.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"

namespace commander::log::kafka {
namespace {

constexpr std::size_t kAtOnce = 512;
// Taken without a pause it means that the queue was full (KafkaLogOptions::prefetch_bytes).
constexpr std::size_t kFull = std::size_t{3} << 20;
// What the first records of a stream take to come, where they are there.
constexpr absl::Duration kFirst = absl::Milliseconds(3);

std::size_t WordsFor(std::size_t bytes) { return (bytes + sizeof(Word) - 1) / sizeof(Word); }

std::int64_t TimeOf(const rd_kafka_message_t& message) {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const std::int64_t milliseconds = rd_kafka_message_timestamp(&message, &type);
  return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? 0 : milliseconds * 1'000'000;
}

}  // namespace

std::vector<Record> CopyRecords(const std::vector<Message>& messages) {
  std::size_t words = 0;
  for (const Message& message : messages) {
    words += message->len / sizeof(Word) + WordsFor(message->key_len);
  }
  const auto arena = std::make_shared<std::vector<Word>>(words);
  std::vector<Record> records;
  records.reserve(messages.size());
  std::size_t at = 0;
  for (const Message& message : messages) {
    Record& record = records.emplace_back();
    record.offset = Offset{static_cast<std::uint64_t>(message->offset)};
    record.time_ns = TimeOf(*message);
    record.owner = arena;
    const std::span<Word> key = std::span(*arena).subspan(at, WordsFor(message->key_len));
    at += key.size();
    if (!key.empty()) std::memcpy(key.data(), message->key, message->key_len);
    record.key.emplace(reinterpret_cast<const char*>(key.data()), message->key_len);
    if (message->payload == nullptr || message->len % sizeof(Word) != 0) continue;
    const std::span<Word> copy = std::span(*arena).subspan(at, message->len / sizeof(Word));
    at += copy.size();
    std::memcpy(copy.data(), message->payload, message->len);
    EntryWalk walk(copy);
    const std::span<const Word> words_of_it = walk.Next();
    if (words_of_it.size() + kEntryHeaderWords == copy.size()) record.message = words_of_it;
  }
  return records;
}

Stream::Stream(Reader& reader, rd_kafka_topic_t* topic, std::uint16_t partition, Offset from,
               std::function<void()> more)
    : reader_(reader),
      topic_(topic),
      partition_(partition),
      next_(from),
      fetched_(from),
      queue_(rd_kafka_queue_new(reader.client.get())),
      more_(std::move(more)) {
  ++reader_.streams;
}

absl::StatusOr<std::unique_ptr<Stream>> Stream::Start(Reader& reader, rd_kafka_topic_t* topic,
                                                      std::uint16_t partition, Offset from,
                                                      std::function<void()> more) {
  std::unique_ptr<Stream> stream(new Stream(reader, topic, partition, from, std::move(more)));
  if (stream->more_) {
    rd_kafka_queue_cb_event_enable(
        stream->queue_.get(),
        [](rd_kafka_t* /*client*/, void* self) { static_cast<Stream*>(self)->more_(); },
        stream.get());
  }
  if (rd_kafka_consume_start_queue(topic, partition, static_cast<std::int64_t>(from.value),
                                   stream->queue_.get()) != 0) {
    return StatusOf(rd_kafka_last_error(), absl::StrCat("reading ", stream->Place()));
  }
  // Where others read, too, their requests come back soon.
  if (reader.streams > 1) return stream;
  COMMANDER_ASSIGN_OR_RETURN(const bool came, stream->Fetch(kFirst));
  if (!came) stream->Nudge();
  return stream;
}

void Stream::Nudge() {
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(reader_.client.get(), 0, topic_, &metadata, Milliseconds(kPatience)) ==
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_metadata_destroy(metadata);
  }
}

Stream::~Stream() {
  rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
  rd_kafka_consume_stop(topic_, partition_);
  --reader_.streams;
}

Offset Stream::end() const {
  std::int64_t low = 0;
  std::int64_t high = 0;
  // Of memory.  At read_committed, too, the high one is the high watermark.
  if (rd_kafka_get_watermark_offsets(reader_.client.get(), rd_kafka_topic_name(topic_), partition_,
                                     &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Offset{};
  }
  return Offset{static_cast<std::uint64_t>(std::max<std::int64_t>(high, 0))};
}

std::optional<Offset> Stream::held_up() const {
  if (!at_end_ || fetched()) return std::nullopt;
  const Offset last = end();
  return last > next_ ? std::optional(last) : std::nullopt;
}

std::string Stream::Place() const {
  return absl::StrCat("topic ", rd_kafka_topic_name(topic_), "[", partition_, "] from offset ",
                      next_.value);
}

absl::StatusOr<bool> Stream::Fetch(absl::Duration patience) {
  std::array<rd_kafka_message_t*, kAtOnce> some{};
  std::size_t first = 0;
  if (patience > absl::ZeroDuration()) {
    // A batch would be waited for until it is full.
    some[0] = rd_kafka_consume_queue(queue_.get(), Milliseconds(patience));
    if (some[0] == nullptr) return false;
    first = 1;
  }
  const ssize_t more =
      rd_kafka_consume_batch_queue(queue_.get(), 0, some.data() + first, some.size() - first);
  const ssize_t got = more < 0 ? more : more + static_cast<ssize_t>(first);
  if (got < 0) return StatusOf(rd_kafka_last_error(), absl::StrCat("reading ", Place()));
  absl::Status failed;
  for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
    Message message(some[i]);
    const Offset offset{static_cast<std::uint64_t>(std::max<std::int64_t>(message->offset, 0))};
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      fetched_ = std::max(fetched_, offset);
      at_end_ = true;
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      // Whatever may pass, librdkafka tries again by itself.
      if (!IsTransient(message->err)) {
        failed.Update(StatusOf(message->err, absl::StrCat("reading ", Place()),
                               rd_kafka_message_errstr(message.get())));
      }
    } else if (offset >= fetched_) {  // else of a batch that began before
      fetched_ = offset + 1;
      at_end_ = false;
      held_.push_back(std::move(message));
    }
  }
  if (!failed.ok()) return failed;
  return got > 0;
}

absl::Status Stream::Poll(std::size_t max_bytes, absl::Duration patience,
                          std::vector<Message>* out) {
  std::size_t bytes = 0;
  while (true) {
    if (held_.empty()) {
      // All that was fetched has been handed out, and gaps that follow are passed.
      next_ = std::max(next_, fetched_);
      const bool wait = out->empty() && !at_end_;
      COMMANDER_ASSIGN_OR_RETURN(const bool came, Fetch(wait ? patience : absl::ZeroDuration()));
      if (!came) {
        if (std::exchange(taken_, 0) >= kFull) Nudge();
        return absl::OkStatus();
      }
      if (held_.empty()) continue;
    }
    Message& message = held_.front();
    const std::size_t size = message->len - std::min(message->len, sizeof(Word));
    if (!out->empty() && bytes + size > max_bytes) return absl::OkStatus();
    bytes += size;
    taken_ += size;
    next_ = Offset{static_cast<std::uint64_t>(message->offset) + 1};
    out->push_back(std::move(message));
    held_.pop_front();
  }
}

}  // namespace commander::log::kafka
