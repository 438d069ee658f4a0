#include "engine/fixture_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace commander::internal {

void FixtureHistory::Append(log::TopicPartition partition, std::span<const log::Word> words,
                            std::int64_t time_ns) {
  records[partition].push_back(
      {std::make_shared<const std::vector<log::Word>>(words.begin(), words.end()), time_ns});
}

absl::StatusOr<std::vector<log::Schema>> FixtureLog::Schemas() {
  std::vector<log::Schema> all;
  for (const auto& [fingerprint, schema] : history_.schemas) all.push_back(schema);
  return all;
}

absl::StatusOr<Offset> FixtureLog::Poll(log::TopicPartition partition, Offset from,
                                        std::size_t max_bytes, std::vector<log::Record>* out) {
  const std::size_t before = out->size();
  const std::uint64_t end = history_.records[partition].size();
  std::size_t bytes = 0;
  for (Offset at = from; at.value < end; ++at) {
    absl::StatusOr<log::Record> record = Read(partition, at);
    if (!record.ok()) return record.status();
    bytes += record->message.size_bytes();
    if (at != from && bytes > max_bytes) break;
    out->push_back(*std::move(record));
    if (options_.one_record_a_poll) break;
  }
  return log::BehindPolled(from, *out, before);
}

absl::StatusOr<log::Record> FixtureLog::Read(log::TopicPartition partition, Offset offset) {
  const std::vector<FixtureHistory::Stored>& records = history_.records[partition];
  if (offset.value >= records.size()) {
    return absl::OutOfRangeError(absl::StrCat("there is no record ", offset.value));
  }
  const FixtureHistory::Stored& stored = records[offset.value];
  log::Record record;
  record.offset = offset;
  record.time_ns = stored.time_ns;
  record.message = *stored.words;
  record.owner = stored.words;
  if (const auto ticket = tickets_.find({partition, offset.value}); ticket != tickets_.end()) {
    record.ticket = ticket->second;
  }
  return record;
}

absl::StatusOr<std::uint16_t> FixtureLog::OpenTopic(const log::TopicSettings& settings) {
  for (const log::TopicInfo& topic : history_.topics) {
    if (topic.settings.name == settings.name) return topic.number;
  }
  history_.topics.push_back({static_cast<std::uint16_t>(history_.topics.size() + 1), settings});
  return history_.topics.back().number;
}

absl::Status FixtureLog::StoreSchema(const log::Schema& schema) {
  history_.schemas[schema.fingerprint] = schema;
  return absl::OkStatus();
}

absl::Status FixtureLog::Append(log::TopicPartition commands, std::span<const log::Word> message,
                                std::shared_ptr<log::Ticket> ticket, bool) {
  const Offset offset{history_.records[commands].size()};
  history_.Append(commands, message, clock_.NowNanos());
  appended_.emplace_back(commands, offset.value);
  if (ticket != nullptr) tickets_[appended_.back()] = std::move(ticket);
  return absl::OkStatus();
}

bool FixtureLog::Step(bool) {
  const bool worked = !appended_.empty() || !batches_.empty();
  for (const Place& place : std::exchange(appended_, {})) {
    if (const auto at = tickets_.find(place); at != tickets_.end()) {
      at->second->OnDurable(Offset{place.second});
    }
  }
  for (log::CommitBatch& batch : std::exchange(batches_, {})) {
    FixtureHistory::Records records;
    log::EntryWalk walk(batch.entries.words());
    for (auto words = walk.Next(); !words.empty(); words = walk.Next()) {
      records.emplace_back(words.begin(), words.end());
    }
    if (options_.abort_commits > 0) {
      --options_.abort_commits;
      history_.aborted.push_back(std::move(records));
      batch.done({log::CommitOutcome::kAborted, absl::AbortedError("as the test wants it"), {}});
      continue;
    }
    const Offset first{history_.records[batch.events].size()};
    for (const std::vector<log::Word>& words : records) {
      history_.Append(batch.events, words, clock_.NowNanos());
    }
    tickets_.erase(tickets_.lower_bound({batch.commands, 0}),
                   tickets_.lower_bound({batch.commands, batch.consumed.value}));
    batch.done({log::CommitOutcome::kCommitted, absl::OkStatus(), first});
  }
  return worked;
}

absl::Status FixtureLog::Close() {
  while (Step(false)) {
  }
  tickets_.clear();
  return absl::OkStatus();
}

}  // namespace commander::internal
