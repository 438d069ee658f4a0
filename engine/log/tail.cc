#include "engine/log/tail.h"

#include <algorithm>

#include "engine/log/format.h"

namespace commander::log {

Tail::Tail(Limits limits, std::int64_t last_time_ns)
    : limits_(limits), last_time_ns_(last_time_ns) {}

void Tail::AddTopic(const TopicInfo& topic, const IndexHead& stored) {
  if (topics_.size() <= topic.number) topics_.resize(topic.number + std::size_t{1});
  std::vector<Partition>& partitions = topics_[topic.number];
  partitions.resize(topic.settings.partitions);
  for (std::uint16_t i = 0; i < topic.settings.partitions; ++i) {
    partitions[i].kind = topic.settings.kind;
    const auto extent = stored.partitions.find({topic.number, i});
    if (extent == stored.partitions.end()) continue;
    partitions[i].next = partitions[i].synced_end = extent->second.next;
  }
}

bool Tail::Has(TopicPartition partition) const {
  return partition.topic < topics_.size() && partition.partition < topics_[partition.topic].size();
}

TopicKind Tail::KindOf(TopicPartition partition) const { return At(partition).kind; }

Tail::Partition& Tail::At(TopicPartition partition) {
  return topics_[partition.topic][partition.partition];
}
const Tail::Partition& Tail::At(TopicPartition partition) const {
  return topics_[partition.topic][partition.partition];
}

void Tail::Close(PendingFrame& frame, std::int64_t now_ns) {
  frame.time_ns = last_time_ns_ = std::max(last_time_ns_, now_ns);
  for (const auto& run : frame.commands) run->set_frame_time_ns(frame.time_ns);
  for (const auto& run : frame.events) run->set_frame_time_ns(frame.time_ns);
}

PendingFrame& Tail::OpenFrame(bool full, std::int64_t now_ns) {
  if (frames_.empty() || full) {
    if (!frames_.empty()) Close(*frames_.back(), now_ns);
    frames_.push_back(std::make_shared<PendingFrame>());
    frames_.back()->number = ++frames_begun_;
    frames_.back()->bytes = sizeof(FrameHeader);
  }
  return *frames_.back();
}

MemoryRun& Tail::RunFor(Partition& partition, TopicPartition place, PendingFrame& frame) {
  if (partition.runs.empty() || partition.runs.back()->frame() != frame.number) {
    auto run = std::make_shared<MemoryRun>(frame.number, place, partition.next);
    (partition.kind == TopicKind::kEvents ? frame.events : frame.commands).push_back(run);
    frame.bytes += sizeof(RunHeader);
    partition.runs.push_back(std::move(run));
  }
  return *partition.runs.back();
}

Offset Tail::Append(TopicPartition commands, std::span<const Word> message, std::int64_t now_ns,
                    std::shared_ptr<Ticket> ticket) {
  const std::size_t bytes = message.size_bytes() + kEntryHeaderWords * sizeof(Word);
  const bool full = !frames_.empty() && !frames_.back()->empty() &&
                    frames_.back()->bytes + bytes > limits_.frame_bytes;
  PendingFrame& frame = OpenFrame(full, now_ns);
  Partition& partition = At(commands);
  last_time_ns_ = std::max(last_time_ns_, now_ns);
  RunFor(partition, commands, frame).Append(message, last_time_ns_);
  const Offset offset = {partition.next++};
  frame.bytes += bytes;
  pending_bytes_ += bytes;
  if (ticket != nullptr) {
    // Nobody consumes a ledger.
    if (partition.kind == TopicKind::kCommands) {
      partition.tickets.push_back({offset.value, ticket});
    }
    frame.tickets.emplace_back(std::move(ticket), offset);
  }
  return offset;
}

void Tail::Commit(CommitBatch batch, Chunk entries, std::int64_t now_ns) {
  const bool full = !frames_.empty() && frames_.back()->bytes >= limits_.frame_bytes;
  PendingFrame& frame = OpenFrame(full, now_ns);
  Partition& partition = At(batch.events);
  const std::size_t bytes = entries.used_words * sizeof(Word);
  const std::size_t count = entries.starts.size();
  MemoryRun& run = RunFor(partition, batch.events, frame);
  frame.batches.push_back(
      {std::move(batch.done), batch.commands, batch.consumed, {partition.next}});
  run.Append(std::move(entries));
  partition.next += count;
  frame.bytes += bytes;
  pending_bytes_ += bytes;
}

std::shared_ptr<PendingFrame> Tail::TakeFrame(std::int64_t now_ns) {
  if (!HasPending()) return nullptr;
  if (frames_.size() == 1) Close(*frames_.front(), now_ns);
  std::shared_ptr<PendingFrame> frame = std::move(frames_.front());
  frames_.pop_front();
  return frame;
}

std::vector<std::shared_ptr<Ticket>> Tail::TakeTickets(TopicPartition partition) {
  std::vector<std::shared_ptr<Ticket>> all;
  for (Waiting& waiting : std::exchange(At(partition).tickets, {})) {
    all.push_back(std::move(waiting.ticket));
  }
  return all;
}

void Tail::FrameSynced(const std::shared_ptr<PendingFrame>& frame,
                       std::vector<std::shared_ptr<PendingFrame>>* forgotten) {
  for (const auto* runs : {&frame->commands, &frame->events}) {
    for (const auto& run : *runs) {
      At(run->partition()).synced_end = run->end_offset();
      pending_bytes_ -= run->bytes();
      synced_bytes_ += run->memory_bytes();
    }
  }
  for (const PendingFrame::Batch& batch : frame->batches) {
    std::deque<Waiting>& tickets = At(batch.commands).tickets;
    while (!tickets.empty() && tickets.front().offset < batch.consumed.value) tickets.pop_front();
  }
  synced_.push_back(frame);
  while (synced_bytes_ > limits_.cache_bytes && !synced_.empty()) {
    Forget(*synced_.front());
    forgotten->push_back(std::move(synced_.front()));
    synced_.pop_front();
  }
}

void Tail::Forget(const PendingFrame& frame) {
  for (const auto* runs : {&frame.commands, &frame.events}) {
    for (const auto& run : *runs) {
      At(run->partition()).runs.pop_front();
      synced_bytes_ -= run->memory_bytes();
    }
  }
}

std::vector<std::shared_ptr<PendingFrame>> Tail::DropUnsynced() {
  for (std::vector<Partition>& topic : topics_) {
    for (Partition& partition : topic) {
      while (!partition.runs.empty() &&
             partition.runs.back()->end_offset() > partition.synced_end) {
        partition.runs.pop_back();
      }
      partition.next = partition.synced_end;
      // Those of synced commands stay: their senders have not been told yet.
      while (!partition.tickets.empty() &&
             partition.tickets.back().offset >= partition.synced_end) {
        partition.tickets.pop_back();
      }
    }
  }
  pending_bytes_ = 0;
  std::vector<std::shared_ptr<PendingFrame>> dropped(frames_.begin(), frames_.end());
  frames_.clear();
  return dropped;
}

std::uint64_t Tail::MemoryBegin(TopicPartition partition) const {
  const Partition& p = At(partition);
  return p.runs.empty() ? p.next : p.runs.front()->first_offset();
}

std::uint64_t Tail::Take(TopicPartition partition, std::uint64_t from, std::uint64_t until,
                         std::size_t max_bytes, std::size_t* used, std::vector<Record>* out) const {
  const std::deque<std::shared_ptr<MemoryRun>>& runs = At(partition).runs;
  auto run = std::partition_point(runs.begin(), runs.end(),
                                  [&](const auto& r) { return r->end_offset() <= from; });
  for (; run != runs.end() && from < until; ++run) {
    const std::uint64_t wanted = std::min(until, (*run)->end_offset());
    from = (*run)->Take(from, until, max_bytes, used, out);
    if (from < wanted) break;
  }
  return from;
}

void Tail::AttachTickets(TopicPartition partition, std::span<Record> records) const {
  const std::deque<Waiting>& tickets = At(partition).tickets;
  if (tickets.empty() || records.empty()) return;
  auto ticket = std::partition_point(tickets.begin(), tickets.end(), [&](const Waiting& w) {
    return w.offset < records.front().offset.value;
  });
  for (Record& record : records) {
    while (ticket != tickets.end() && ticket->offset < record.offset.value) ++ticket;
    if (ticket == tickets.end()) return;
    if (ticket->offset == record.offset.value) record.ticket = ticket->ticket;
  }
}

}  // namespace commander::log
