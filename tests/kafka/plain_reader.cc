#include "tests/kafka/plain_reader.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "engine/log/catalog.h"
#include "tests/kafka/plain_consumer.h"

namespace commander::test {
namespace {

// The framing of Cap'n Proto's streams, for one segment: number of segments less one, words.
constexpr std::size_t kFrameBytes = 8;

absl::StatusOr<log::Record> Decode(const rd_kafka_message_t& message) {
  std::uint32_t frame[2] = {};
  if (message.len >= kFrameBytes) std::memcpy(frame, message.payload, kFrameBytes);
  const std::size_t words = frame[1];
  if (frame[0] != 0 || message.len != kFrameBytes + words * sizeof(log::Word)) {
    return absl::DataLossError(
        absl::StrCat("the record at ", message.offset, " is not a stream message of one segment"));
  }
  const auto copy = std::make_shared<std::vector<log::Word>>(words);
  std::memcpy(copy->data(), static_cast<const char*>(message.payload) + kFrameBytes,
              words * sizeof(log::Word));
  log::Record record;
  record.offset = {static_cast<std::uint64_t>(message.offset)};
  record.time_ns = rd_kafka_message_timestamp(&message, nullptr) * 1'000'000;
  record.message = *copy;
  record.owner = copy;
  return record;
}

bool Before(const log::Record& record, Offset offset) { return record.offset < offset; }

}  // namespace

absl::StatusOr<std::unique_ptr<PlainReader>> PlainReader::Read(const std::string& brokers,
                                                               const std::string& application,
                                                               const std::string& group) {
  std::unique_ptr<PlainReader> reader(new PlainReader);
  // The events first: their commands are there before them.
  const std::string events = absl::StrCat(group, "-events");
  const std::string commands = absl::StrCat(group, "-commands");
  COMMANDER_RETURN_IF_ERROR(reader->AddTopic(brokers, events, log::TopicKind::kEvents));
  COMMANDER_RETURN_IF_ERROR(reader->AddTopic(brokers, commands, log::TopicKind::kCommands));
  COMMANDER_RETURN_IF_ERROR(reader->AddSchemas(brokers, absl::StrCat(application, "-schemas")));
  return reader;
}

absl::Status PlainReader::AddTopic(const std::string& brokers, const std::string& name,
                                   log::TopicKind kind) {
  std::map<std::int32_t, Records> read;
  COMMANDER_ASSIGN_OR_RETURN(
      const int partitions,
      ReadTopic(brokers, name, [&](const rd_kafka_message_t& message) -> absl::Status {
        COMMANDER_ASSIGN_OR_RETURN(log::Record record, Decode(message));
        read[message.partition].push_back(std::move(record));
        return absl::OkStatus();
      }));
  std::vector<Records>& records = records_[topics_.size()];
  for (int p = 0; p < partitions; ++p) records.push_back(std::move(read[p]));
  const auto number = static_cast<std::uint16_t>(topics_.size() + 1);
  topics_.push_back({number, {name, kind, static_cast<std::uint16_t>(partitions)}});
  return absl::OkStatus();
}

absl::Status PlainReader::AddSchemas(const std::string& brokers, const std::string& topic) {
  const auto add = [&](const rd_kafka_message_t& message) -> absl::Status {
    const std::string_view bytes(static_cast<const char*>(message.payload), message.len);
    const std::string key(static_cast<const char*>(message.key), message.key_len);
    COMMANDER_ASSIGN_OR_RETURN(log::Schema schema, log::DecodeSchema(bytes, topic, key));
    schemas_.push_back(std::move(schema));
    return absl::OkStatus();
  };
  return ReadTopic(brokers, topic, add).status();
}

const PlainReader::Records& PlainReader::At(log::TopicPartition partition) const {
  return records_.at(partition.topic - 1u).at(partition.partition);
}

absl::StatusOr<Offset> PlainReader::End(log::TopicPartition partition) {
  const Records& records = At(partition);
  return records.empty() ? Offset{0} : records.back().offset + 1;
}

absl::StatusOr<Offset> PlainReader::Poll(log::TopicPartition partition, Offset from, std::size_t,
                                         std::vector<log::Record>* out) {
  const Records& records = At(partition);
  const auto begin = std::lower_bound(records.begin(), records.end(), from, Before);
  if (begin == records.end()) return from;
  out->insert(out->end(), begin, records.end());
  return records.back().offset + 1;
}

absl::StatusOr<log::Record> PlainReader::Read(log::TopicPartition partition, Offset offset) {
  const Records& records = At(partition);
  const auto at = std::lower_bound(records.begin(), records.end(), offset, Before);
  if (at == records.end() || at->offset != offset) {
    return absl::OutOfRangeError(absl::StrCat("no record at ", offset.value));
  }
  return *at;
}

absl::StatusOr<std::optional<log::Record>> PlainReader::ReadLast(log::TopicPartition partition) {
  const Records& records = At(partition);
  if (records.empty()) return std::optional<log::Record>();
  return std::optional<log::Record>(records.back());
}

}  // namespace commander::test
