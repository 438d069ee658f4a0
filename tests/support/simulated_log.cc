#include "tests/support/simulated_log.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"

namespace commander::test {

using log::CommitOutcome;
using log::CommitResult;
using log::Record;
using log::TopicInfo;
using log::TopicKind;
using log::TopicPartition;
using log::Word;

SimulatedDisk::SimulatedDisk(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (std::uint8_t& byte : id_) byte = static_cast<std::uint8_t>(random());
}

absl::StatusOr<std::unique_ptr<SimulatedLog>> SimulatedLog::Open(
    std::shared_ptr<SimulatedDisk> disk, SimulatedLogOptions options) {
  if (disk->open_) return absl::UnavailableError("the simulated log is open already");
  disk->open_ = true;
  return std::unique_ptr<SimulatedLog>(new SimulatedLog(std::move(disk), std::move(options)));
}

SimulatedLog::SimulatedLog(std::shared_ptr<SimulatedDisk> disk, SimulatedLogOptions options)
    : disk_(std::move(disk)), options_(std::move(options)), random_(options_.seed) {
  for (const auto& [partition, records] : disk_->records_) next_[partition] = records.size();
}

SimulatedLog::~SimulatedLog() { Close().IgnoreError(); }

bool SimulatedLog::Coin(double probability) {
  return std::uniform_real_distribution<double>(0, 1)(random_) < probability;
}

// ---------------------------------------------------------------- what a test does to it

void SimulatedLog::Crash() {
  const std::lock_guard lock(mutex_);
  if (crashed_ || closed_) return;
  // What was being written when the process ended may be whole; a write begins behind the barrier.
  if (stopped_.ok() && !full_ && !pending_.empty() && Coin(.5) && (!barrier_ || barrier_().ok())) {
    const std::size_t n = random_() % (pending_.size() + 1);
    for (std::size_t i = 0; i < n; ++i) MakeDurable(pending_[i], disk_->last_time_ns_);
  }
  crashed_ = true;
  stopped_ = absl::UnavailableError("the process of this simulated log has ended");
  pending_.clear();
  commands_.clear();
  refused_.clear();
  fetching_.clear();
  disk_->open_ = false;
  signalled_ = true;
  work_.notify_all();
}

void SimulatedLog::AbortNext(CommitOutcome as) {
  const std::lock_guard lock(mutex_);
  abort_next_ = as;
}

void SimulatedLog::EndNextUnknown(bool durable) {
  const std::lock_guard lock(mutex_);
  unknown_next_ = durable ? 2 : 1;
}

void SimulatedLog::SetFull(bool full) {
  const std::lock_guard lock(mutex_);
  full_ = full;
}

void SimulatedLog::FailReads(TopicPartition partition, absl::Status status) {
  const std::lock_guard lock(mutex_);
  read_errors_[partition] = std::move(status);
}

std::vector<std::shared_ptr<log::Ticket>> SimulatedLog::TakeTickets(TopicPartition commands) {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<log::Ticket>> all;
  for (Command& command : commands_[commands]) {
    if (command.ticket != nullptr) all.push_back(std::exchange(command.ticket, nullptr));
  }
  return all;
}

// ---------------------------------------------------------------- catalog

absl::StatusOr<std::vector<TopicInfo>> SimulatedLog::Topics() {
  const std::lock_guard lock(mutex_);
  return disk_->topics_;
}

absl::StatusOr<std::vector<log::Schema>> SimulatedLog::Schemas() {
  const std::lock_guard lock(mutex_);
  std::vector<log::Schema> schemas;
  for (const auto& [fingerprint, schema] : disk_->schemas_) schemas.push_back(schema);
  return schemas;
}

absl::StatusOr<std::uint16_t> SimulatedLog::OpenTopic(const log::TopicSettings& settings) {
  const std::lock_guard lock(mutex_);
  if (!stopped_.ok()) return absl::UnavailableError(stopped_.message());
  if (settings.name.empty() || settings.partitions == 0) {
    return absl::InvalidArgumentError("a topic needs a name and a partition");
  }
  for (const TopicInfo& topic : disk_->topics_) {
    if (topic.settings.name != settings.name) continue;
    if (topic.settings.kind == settings.kind && topic.settings.partitions == settings.partitions) {
      return topic.number;
    }
    return absl::FailedPreconditionError(
        absl::StrCat("topic ", settings.name, " has ", topic.settings.partitions,
                     " partitions or another kind, asked for ", settings.partitions));
  }
  const auto number = static_cast<std::uint16_t>(disk_->topics_.size() + 1);
  disk_->topics_.push_back({number, settings});
  return number;
}

absl::Status SimulatedLog::StoreSchema(const log::Schema& schema) {
  const std::lock_guard lock(mutex_);
  if (!stopped_.ok()) return absl::UnavailableError(stopped_.message());
  disk_->schemas_[schema.fingerprint] = schema;
  return absl::OkStatus();
}

const TopicInfo& SimulatedLog::Topic(TopicPartition partition) const {
  return disk_->topics_[partition.topic - std::size_t{1}];
}

absl::Status SimulatedLog::CheckPartition(TopicPartition partition) const {
  if (partition.topic >= 1 && partition.topic <= disk_->topics_.size() &&
      partition.partition < Topic(partition).settings.partitions) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no topic ", partition.topic,
                                                 " with a partition ", partition.partition));
}

// ---------------------------------------------------------------- reading

std::uint64_t SimulatedLog::DurableEnd(TopicPartition partition) const {
  const auto records = disk_->records_.find(partition);
  return records == disk_->records_.end() ? 0 : records->second.size();
}

absl::StatusOr<Offset> SimulatedLog::Begin(TopicPartition partition) {
  const std::lock_guard lock(mutex_);
  COMMANDER_RETURN_IF_ERROR(CheckPartition(partition));
  return Offset{0};
}

absl::StatusOr<Offset> SimulatedLog::End(TopicPartition partition) {
  const std::lock_guard lock(mutex_);
  COMMANDER_RETURN_IF_ERROR(CheckPartition(partition));
  if (crashed_) return stopped_;
  if (const auto it = read_errors_.find(partition); it != read_errors_.end()) {
    COMMANDER_RETURN_IF_ERROR(it->second);
  }
  if (const auto early = options_.early_ends.find(partition);
      early != options_.early_ends.end() && !polled_.contains(partition)) {
    return early->second;
  }
  return Offset{DurableEnd(partition)};
}

absl::StatusOr<Offset> SimulatedLog::Poll(TopicPartition partition, Offset from,
                                          std::size_t max_bytes, std::vector<Record>* out) {
  {
    const std::lock_guard lock(mutex_);
    polled_.insert(partition);
    if (options_.late_polls > 0 && !crashed_ && from.value < DurableEnd(partition) &&
        Coin(options_.late_polls)) {
      fetching_.insert(partition);
      signalled_ = true;
      work_.notify_all();
      return from;
    }
  }
  return Collect(partition, from.value, std::numeric_limits<std::uint64_t>::max(), max_bytes, out);
}

absl::StatusOr<Record> SimulatedLog::Read(TopicPartition partition, Offset offset) {
  std::vector<Record> records;
  COMMANDER_RETURN_IF_ERROR(
      Collect(partition, offset.value, offset.value + 1, 0, &records).status());
  if (records.empty()) {
    return absl::OutOfRangeError(absl::StrCat("no record at offset ", offset.value, " yet"));
  }
  return records.front();
}

absl::StatusOr<std::optional<Record>> SimulatedLog::ReadLast(TopicPartition partition) {
  COMMANDER_ASSIGN_OR_RETURN(Offset at, End(partition));
  while (at.value > 0) {
    --at.value;
    absl::StatusOr<Record> record = Read(partition, at);
    if (record.ok()) return std::optional<Record>(*std::move(record));
    if (!absl::IsOutOfRange(record.status())) return record.status();
  }
  return std::optional<Record>();
}

absl::StatusOr<Offset> SimulatedLog::Collect(TopicPartition partition, std::uint64_t from,
                                             std::uint64_t limit, std::size_t max_bytes,
                                             std::vector<Record>* out) {
  const std::lock_guard lock(mutex_);
  COMMANDER_RETURN_IF_ERROR(CheckPartition(partition));
  if (crashed_) return stopped_;
  if (const auto it = read_errors_.find(partition); it != read_errors_.end()) {
    COMMANDER_RETURN_IF_ERROR(it->second);
  }
  const std::uint64_t durable = DurableEnd(partition);
  const bool commands = Topic(partition).settings.kind == TopicKind::kCommands;
  const std::uint64_t end =
      commands && stopped_.ok() ? std::max(durable, next_[partition]) : durable;
  if (from > end) {
    return absl::OutOfRangeError(absl::StrCat("topic ", partition.topic, " partition ",
                                              partition.partition, " ends at offset ", end,
                                              ", asked for ", from));
  }
  std::size_t used = 0;
  const std::deque<Command>& mine = commands_[partition];
  for (; from < std::min(end, limit); ++from) {
    Record record;
    record.offset = {from};
    const auto command = std::partition_point(mine.begin(), mine.end(),
                                              [&](const Command& c) { return c.offset < from; });
    std::shared_ptr<const std::vector<Word>> words;
    if (command != mine.end() && command->offset == from) {
      words = command->words;
      record.time_ns = command->time_ns;
      record.ticket = command->ticket;
    } else {
      const SimulatedDisk::Stored& stored = disk_->records_[partition][from];
      words = stored.words;
      record.time_ns = stored.time_ns;
    }
    if (words == nullptr) continue;
    const std::size_t bytes = words->size() * sizeof(Word);
    if (used > 0 && (used >= max_bytes || bytes > max_bytes - used)) break;
    used += bytes;
    record.message = *words;
    record.owner = words;
    out->push_back(std::move(record));
  }
  return Offset{from};
}

// ---------------------------------------------------------------- writing

absl::Status SimulatedLog::Acquire(std::string_view, std::uint16_t commands, std::uint16_t events) {
  const std::lock_guard lock(mutex_);
  COMMANDER_RETURN_IF_ERROR(CheckPartition({commands, 0}));
  return CheckPartition({events, 0});
}

absl::Status SimulatedLog::Append(TopicPartition commands, std::span<const Word> message,
                                  std::shared_ptr<log::Ticket> ticket, bool wake) {
  Told told;
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_.ok()) return absl::UnavailableError(stopped_.message());
    if (message.empty() || message.size_bytes() > options_.max_record_bytes) {
      return absl::InvalidArgumentError(absl::StrCat("a record has 8 to ",
                                                     options_.max_record_bytes, " bytes, this one ",
                                                     message.size_bytes()));
    }
    COMMANDER_RETURN_IF_ERROR(CheckPartition(commands));
    const TopicKind kind = Topic(commands).settings.kind;
    if (kind == TopicKind::kEvents) {
      return absl::InvalidArgumentError("events come by Commit()");
    }
    if (full_) return absl::ResourceExhaustedError("no space on the simulated device");
    if (pending_bytes_ > 0 && pending_bytes_ + message.size_bytes() > options_.max_pending_bytes) {
      return absl::ResourceExhaustedError("too much waits to be written");
    }
    disk_->last_time_ns_ = std::max(disk_->last_time_ns_, options_.clock->NowNanos());
    Item item;
    item.partition = commands;
    item.messages = {std::make_shared<const std::vector<Word>>(message.begin(), message.end())};
    item.time_ns = disk_->last_time_ns_;
    item.bytes = message.size_bytes();
    item.ticket = ticket;
    const std::uint64_t offset = next_[commands]++;
    if (kind == TopicKind::kCommands) {
      commands_[commands].push_back({offset, item.time_ns, item.messages[0], ticket});
    }
    pending_bytes_ += item.bytes;
    pending_.push_back(std::move(item));
    if (wake) {
      signalled_ = true;
      work_.notify_all();
    }
    AddListener(commands, &told);
  }
  for (const auto& tell : told) tell();
  return absl::OkStatus();
}

absl::Status SimulatedLog::CheckBatch(const log::CommitBatch& batch) const {
  if (batch.entries.empty() || batch.entries.bytes() > log::kMaxCommitBytes) {
    return absl::InvalidArgumentError("a batch has no outcome or is too large");
  }
  COMMANDER_RETURN_IF_ERROR(CheckPartition(batch.commands));
  COMMANDER_RETURN_IF_ERROR(CheckPartition(batch.events));
  const auto next = next_.find(batch.commands);
  if (Topic(batch.commands).settings.kind != TopicKind::kCommands ||
      Topic(batch.events).settings.kind != TopicKind::kEvents ||
      batch.consumed.value > (next == next_.end() ? 0 : next->second)) {
    return absl::InvalidArgumentError("a batch consumes commands that are not there");
  }
  return absl::OkStatus();
}

void SimulatedLog::Commit(log::CommitBatch batch) {
  const std::lock_guard lock(mutex_);
  if (crashed_) return;  // nobody is there to be told
  const absl::Status bad = CheckBatch(batch);
  if (!stopped_.ok() || !bad.ok()) {
    const CommitResult result = {stopped_.ok() ? CommitOutcome::kRefused : CommitOutcome::kUnknown,
                                 stopped_.ok() ? bad : stopped_,
                                 {}};
    refused_.push_back([done = std::move(batch.done), result] { done(result); });
  } else {
    Item item;
    item.partition = batch.events;
    item.batch = true;
    item.commands = batch.commands;
    item.consumed = batch.consumed;
    item.done = std::move(batch.done);
    log::EntryWalk walk(batch.entries.words());
    for (auto message = walk.Next(); !message.empty(); message = walk.Next()) {
      item.messages.push_back(
          std::make_shared<const std::vector<Word>>(message.begin(), message.end()));
    }
    item.bytes = batch.entries.bytes();
    pending_bytes_ += item.bytes;
    pending_.push_back(std::move(item));
  }
  signalled_ = true;
  work_.notify_all();
}

std::vector<Offset> SimulatedLog::MakeDurable(const Item& item, std::int64_t frame_time_ns) {
  std::vector<SimulatedDisk::Stored>& records = disk_->records_[item.partition];
  const bool gaps = options_.gaps && item.batch;
  std::vector<Offset> offsets;
  for (const Words& words : item.messages) {
    if (gaps && !offsets.empty() && Coin(.1)) records.emplace_back();
    offsets.push_back({records.size()});
    records.push_back({frame_time_ns, words});
  }
  if (gaps) records.emplace_back();
  return offsets;
}

CommitResult SimulatedLog::Committed(std::vector<Offset> offsets) {
  const Offset first = offsets.front();
  if (offsets.back() - first + 1 == offsets.size()) offsets.clear();
  return {CommitOutcome::kCommitted, absl::OkStatus(), first, std::move(offsets)};
}

bool SimulatedLog::Step(bool try_only) {
  std::unique_lock stepping(step_mutex_, std::defer_lock);
  if (!try_only) {
    stepping.lock();
  } else if (!stepping.try_lock()) {
    return false;
  }
  Told told;
  bool worked;
  {
    const std::lock_guard lock(mutex_);
    worked = StepLocked(/*all=*/false, &told);
  }
  for (const auto& tell : told) tell();
  return worked;
}

bool SimulatedLog::StepLocked(bool all, Told* told) {
  const bool fetched = !fetching_.empty();
  for (const TopicPartition partition : std::exchange(fetching_, {})) AddListener(partition, told);
  const bool refused = !refused_.empty() || fetched;
  std::move(refused_.begin(), refused_.end(), std::back_inserter(*told));
  refused_.clear();
  if (!stopped_.ok() || pending_.empty() || full_) return refused;

  const auto batch =
      std::find_if(pending_.begin(), pending_.end(), [](const Item& item) { return item.batch; });
  if (batch != pending_.end() && (abort_next_.has_value() || Coin(options_.aborts))) {
    const CommitOutcome as = std::exchange(abort_next_, {}).value_or(CommitOutcome::kAborted);
    AbortBatch(static_cast<std::size_t>(batch - pending_.begin()), as, told);
    return true;
  }
  if (batch != pending_.end() && !batch->lost && Coin(options_.lost_results)) {
    if (Coin(.5)) {
      AbortBatch(static_cast<std::size_t>(batch - pending_.begin()), CommitOutcome::kUnknown, told);
      return true;
    }
    batch->lost = true;
  }
  if (const absl::Status status = barrier_ ? barrier_() : absl::OkStatus(); !status.ok()) {
    StopLocked(status, told);
    return true;
  }
  std::size_t n = pending_.size();
  if (!all && Coin(options_.partial_steps)) n = 1 + random_() % n;
  disk_->last_time_ns_ = std::max(disk_->last_time_ns_, options_.clock->NowNanos());
  int unknown = batch == pending_.end() ? 0 : std::exchange(unknown_next_, 0);
  if (unknown == 0 && Coin(options_.unknowns)) unknown = Coin(.5) ? 2 : 1;
  if (unknown != 0) {
    for (std::size_t i = 0; unknown == 2 && i < n; ++i) {
      MakeDurable(pending_[i], disk_->last_time_ns_);
    }
    StopLocked(absl::UnavailableError("a simulated sync failed"), told);
    return true;
  }
  std::set<TopicPartition> changed;
  for (std::size_t i = 0; i < n; ++i) {
    Item item = std::move(pending_.front());
    pending_.pop_front();
    pending_bytes_ -= item.bytes;
    std::vector<Offset> offsets = MakeDurable(item, disk_->last_time_ns_);
    changed.insert(item.partition);
    if (item.batch) {
      std::deque<Command>& mine = commands_[item.commands];
      while (!mine.empty() && mine.front().offset < item.consumed.value) mine.pop_front();
      if (item.done) {
        CommitResult result = Committed(std::move(offsets));
        if (item.lost) result = {CommitOutcome::kUnknown, absl::UnavailableError("lost"), {}};
        told->push_back([done = std::move(item.done), result] { done(result); });
      }
    } else if (item.ticket != nullptr) {
      told->push_back([ticket = item.ticket, at = offsets.front()] { ticket->OnDurable(at); });
    }
  }
  for (const TopicPartition partition : changed) AddListener(partition, told);
  return true;
}

void SimulatedLog::AbortBatch(std::size_t index, CommitOutcome outcome, Told* told) {
  const TopicPartition events = pending_[index].partition;
  std::deque<Item> kept;
  for (Item& item : pending_) {
    if (!item.batch || item.partition != events) {
      kept.push_back(std::move(item));
      continue;
    }
    pending_bytes_ -= item.bytes;
    if (options_.gaps) {
      std::vector<SimulatedDisk::Stored>& records = disk_->records_[events];
      records.resize(records.size() + item.messages.size() + 1);
      AddListener(events, told);
    }
    if (!item.done) continue;
    told->push_back([done = std::move(item.done), outcome] {
      done({outcome, absl::AbortedError("a simulated transaction was aborted"), {}});
    });
  }
  pending_ = std::move(kept);
}

void SimulatedLog::StopLocked(absl::Status why, Told* told) {
  stopped_ = std::move(why);
  for (Item& item : pending_) {
    if (item.ticket != nullptr) {
      told->push_back([ticket = item.ticket, s = stopped_] { ticket->OnFailed(s); });
    }
    if (item.batch && item.done) {
      told->push_back([done = std::move(item.done), s = stopped_] {
        done({CommitOutcome::kUnknown, s, {}});
      });
    }
  }
  pending_.clear();
  pending_bytes_ = 0;
  for (auto& [partition, commands] : commands_) {
    while (!commands.empty() && commands.back().offset >= DurableEnd(partition)) {
      commands.pop_back();
    }
  }
  signalled_ = true;
  work_.notify_all();
}

void SimulatedLog::WaitForWork() {
  std::unique_lock lock(mutex_);
  if (full_) {
    work_.wait_for(lock, std::chrono::milliseconds(1), [&] { return signalled_; });
  } else {
    work_.wait(lock, [&] { return signalled_; });
  }
  signalled_ = false;
}

void SimulatedLog::Wake() {
  const std::lock_guard lock(mutex_);
  signalled_ = true;
  work_.notify_all();
}

void SimulatedLog::AddListener(TopicPartition partition, Told* told) {
  told->push_back([this, partition] {
    const std::lock_guard lock(listeners_mutex_);
    const auto listener = listeners_.find(partition);
    if (listener != listeners_.end()) listener->second();
  });
}

void SimulatedLog::SetListener(TopicPartition partition, std::function<void()> listener) {
  const std::lock_guard lock(listeners_mutex_);
  if (listener) {
    listeners_[partition] = std::move(listener);
  } else {
    listeners_.erase(partition);
  }
}

absl::Status SimulatedLog::health() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

absl::Status SimulatedLog::Close() {
  const std::lock_guard stepping(step_mutex_);
  Told told;
  absl::Status result;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || crashed_) return absl::OkStatus();
    closed_ = true;
    while (StepLocked(/*all=*/true, &told)) {
    }
    result = stopped_.ok() && full_
                 ? absl::ResourceExhaustedError("no space on the simulated device")
                 : stopped_;
    if (stopped_.ok()) {
      StopLocked(result.ok() ? absl::UnavailableError("the simulated log is closed") : result,
                 &told);
    }
    disk_->open_ = false;
  }
  for (const auto& tell : told) tell();
  return result;
}

}  // namespace commander::test
