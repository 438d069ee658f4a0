#include "tools/commander/merge.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "commander/internal/status_macros.h"

namespace commander::cli {
namespace {

absl::Status Shorter() {
  return absl::DataLossError("the log is shorter than it was; was it replaced?");
}

}  // namespace

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
    std::vector<log::Record> at;  // the first record at or behind it
    COMMANDER_ASSIGN_OR_RETURN(const Offset next, log_.Poll(place, Offset{middle}, 0, &at));
    if (at.empty() && next.value == middle) return Shorter();
    if (!at.empty() && at.front().time_ns < time_ns) {
      begin = std::min(at.front().offset.value + 1, end);
    } else if (at.empty() && next.value < end) {
      begin = next.value;
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
  while (stream.records.empty() && stream.next < stream.end) {
    std::vector<log::Record> polled;
    COMMANDER_ASSIGN_OR_RETURN(const Offset next,
                               log_.Poll(stream.place, Offset{stream.next}, kPollBytes, &polled));
    if (next.value == stream.next) return Shorter();
    stream.next = std::min(next.value, stream.end);
    for (log::Record& record : polled) {
      if (record.offset.value >= stream.end) break;
      stream.records.push_back(std::move(record));
    }
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
      if (stream.records.empty()) continue;  // nothing but a gap
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
    all.push_back({stream.topic, stream.place.partition,
                   stream.records.empty() ? Offset{stream.next} : stream.records.front().offset});
  }
  return all;
}

}  // namespace commander::cli
