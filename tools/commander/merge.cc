#include "tools/commander/merge.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "commander/internal/status_macros.h"

namespace commander::cli {

absl::Status Merge::Add(const log::TopicInfo& topic, std::uint16_t partition, const Range& range) {
  const log::TopicPartition place{topic.number, partition};
  COMMANDER_ASSIGN_OR_RETURN(const Offset begin, log_.Begin(place));
  COMMANDER_ASSIGN_OR_RETURN(const Offset end, log_.End(place));
  const auto offset_at = [&](std::int64_t time_ns) {
    return FirstAt(place, begin.value, end.value, time_ns);
  };
  COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t from,
                             Resolve(range.from, begin.value, end.value, offset_at));
  COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t to,
                             Resolve(range.to, begin.value, end.value, offset_at));
  topics_.push_back(topic);
  streams_.push_back({.topic = &topics_.back(),
                      .place = place,
                      .next = from,
                      .end = std::max(from, to),
                      .follows = range.to.kind == Place::Kind::kEnd,
                      .records = {}});
  return absl::OkStatus();
}

absl::Status Merge::AddFrom(const log::TopicInfo& topic, std::uint16_t partition, Offset from) {
  return Add(topic, partition, {.from = {.kind = Place::Kind::kOffset, .number = from.value}});
}

// Times never fall within a partition.
absl::StatusOr<std::uint64_t> Merge::FirstAt(log::TopicPartition place, std::uint64_t begin,
                                             std::uint64_t end, std::int64_t time_ns) {
  while (begin < end) {
    const std::uint64_t middle = begin + (end - begin) / 2;
    COMMANDER_ASSIGN_OR_RETURN(const log::Record record, log_.Read(place, Offset{middle}));
    if (record.time_ns < time_ns) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

absl::Status Merge::TakeNewEnds() {
  // Event topics first: whatever caused the outcomes up to their ends is then in the commands'.
  for (const log::TopicKind kind :
       {log::TopicKind::kEvents, log::TopicKind::kCommands, log::TopicKind::kLedger}) {
    for (Stream& stream : streams_) {
      if (!stream.follows || stream.topic->settings.kind != kind) continue;
      COMMANDER_ASSIGN_OR_RETURN(const Offset end, log_.End(stream.place));
      stream.end = std::max(stream.end, end.value);
    }
  }
  return absl::OkStatus();
}

absl::Status Merge::Fill(Stream& stream) {
  std::vector<log::Record> polled;
  COMMANDER_RETURN_IF_ERROR(log_.Poll(stream.place, Offset{stream.next}, kPollBytes, &polled));
  for (log::Record& record : polled) {
    if (record.offset.value >= stream.end) break;
    stream.next = record.offset.value + 1;
    stream.records.push_back(std::move(record));
  }
  if (stream.records.empty()) {
    return absl::DataLossError("the log is shorter than it was; was it replaced?");
  }
  return absl::OkStatus();
}

bool Merge::Before(const Stream& a, const Stream& b) {
  const auto rank = [](const Stream& stream) {
    return std::tuple(stream.records.front().time_ns, stream.topic->settings.kind, stream.place);
  };
  return rank(a) < rank(b);
}

absl::StatusOr<std::optional<MergedRecord>> Merge::Next() {
  Stream* first = nullptr;
  for (Stream& stream : streams_) {
    if (stream.records.empty()) {
      if (stream.next >= stream.end) continue;
      COMMANDER_RETURN_IF_ERROR(Fill(stream));
    }
    if (first == nullptr || Before(stream, *first)) first = &stream;
  }
  if (first == nullptr) return std::optional<MergedRecord>();
  MergedRecord merged{first->topic, first->place.partition, std::move(first->records.front())};
  first->records.pop_front();
  return std::optional<MergedRecord>(std::move(merged));
}

std::vector<Merge::Progress> Merge::progress() const {
  std::vector<Progress> all;
  for (const Stream& stream : streams_) {
    all.push_back(
        {stream.topic, stream.place.partition, Offset{stream.next - stream.records.size()}});
  }
  return all;
}

}  // namespace commander::cli
