#include "tests/log/crash_harness.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "engine/log/format.h"
#include "engine/log/verify.h"

namespace commander::test {

using log::Record;
using log::TopicPartition;
using log::Word;

namespace {

constexpr std::size_t kEntryWords = 6;

}  // namespace

class CrashHarness::AckTicket : public log::Ticket {
 public:
  AckTicket(CrashHarness& harness, TopicPartition partition, std::uint64_t tag)
      : harness_(harness), partition_(partition), tag_(tag) {}
  void OnDurable(Offset offset) override {
    harness_.acknowledged_[partition_][offset.value] = tag_;
    ++harness_.tally_.acknowledged;
  }
  void OnFailed(const absl::Status&) override {}

 private:
  CrashHarness& harness_;
  const TopicPartition partition_;
  const std::uint64_t tag_;
};

CrashHarness::CrashHarness(std::uint64_t seed, FaultyFileSystem::Options options)
    : files_(seed * 3 + 1, options), log_random_(seed * 5 + 2), random_(seed * 7 + 3) {
  clock_.TickBy(1000);
}

void CrashHarness::Violate(const std::string& what) {
  if (violation_.empty() && !what.empty()) violation_ = what;
}

log::EmbeddedLogOptions CrashHarness::Options() {
  log::EmbeddedLogOptions options;
  options.directory = kDirectory;
  options.segment_bytes = 600;
  options.max_record_bytes = 4096;
  options.read_cache_bytes = 700;
  options.zero_ahead_bytes = 192;
  options.clock = &clock_;
  options.random = &log_random_;
  options.files = &files_;
  options.sink = [this](const LogLine& line) {
    if (line.message.find("torn tail") != std::string::npos) torn_tail_ = true;
  };
  return options;
}

bool CrashHarness::Open() {
  torn_tail_ = false;
  auto opened = OpenEmbeddedLog(Options());
  if (!opened.ok()) {
    const bool injected = files_.crashed() || absl::IsResourceExhausted(opened.status()) ||
                          opened.status().message().find("cannot sync") != absl::string_view::npos;
    if (!injected) Violate("refused after a legitimate crash: " + opened.status().ToString());
    return false;
  }
  log_ = *std::move(opened);
  ++tally_.openings;
  if (torn_tail_) ++tally_.torn_tails;
  const auto contents = ReadAll(*log_);
  if (!contents.ok()) {
    Violate("cannot be read after a legitimate crash: " + contents.status().ToString());
    return false;
  }
  Violate(CheckContents(*contents));
  const auto topics = log_->Topics();
  const auto schemas = log_->Schemas();
  if (!topics.ok() || !schemas.ok()) {
    Violate("topics or schemas cannot be read");
    return false;
  }
  for (const auto& [name, number] : topics_) {
    const bool there = std::any_of(topics->begin(), topics->end(), [&](const auto& topic) {
      return topic.settings.name == name && topic.number == number;
    });
    if (!there) Violate("a topic has vanished: " + name);
  }
  for (const std::uint64_t fingerprint : schemas_) {
    const bool there = std::any_of(schemas->begin(), schemas->end(),
                                   [&](const auto& s) { return s.fingerprint == fingerprint; });
    if (!there) Violate(absl::StrCat("a schema has vanished: ", fingerprint));
  }
  Act(*contents);
  RememberUndecided(*contents);
  groups_.clear();
  for (std::size_t i = 0; i < kMaxGroups; ++i) {
    const std::string commands = absl::StrCat("group", i, "-commands");
    const std::string events = absl::StrCat("group", i, "-events");
    if (topics_.contains(commands) && topics_.contains(events)) {
      groups_.push_back({topics_[commands], topics_[events]});
    }
  }
  return violation_.empty();
}

// ---------------------------------------------------------------- contents

std::vector<Word> CrashHarness::Encode(const Entry& entry, std::size_t extra_words,
                                       std::uint64_t image_sequence) {
  std::vector<Word> words = {entry.tag,   entry.source, entry.command_tag,
                             entry.batch, entry.index,  entry.count};
  for (std::size_t i = 0; i < extra_words; ++i) words.push_back(~entry.tag);
  if (image_sequence != 0) {
    // What a client would write that knows the format, but not the salt.
    log::FrameHeader image;
    image.length = sizeof image;
    image.sequence = image_sequence;
    image.check = image.ComputeCheck(0);
    image.checksum = log::ChecksumOf(&image.length, sizeof image - sizeof image.checksum, 0);
    const std::size_t at = words.size();
    words.resize(at + sizeof image / sizeof(Word));
    std::memcpy(words.data() + at, &image, sizeof image);
  }
  return words;
}

absl::StatusOr<CrashHarness::Contents> CrashHarness::ReadAll(log::LogReader& log) {
  Contents contents;
  COMMANDER_ASSIGN_OR_RETURN(const auto topics, log.Topics());
  for (const log::TopicInfo& topic : topics) {
    for (std::uint16_t p = 0; p < topic.settings.partitions; ++p) {
      const TopicPartition partition = {topic.number, p};
      COMMANDER_ASSIGN_OR_RETURN(const Offset end, log.End(partition));
      std::vector<Entry>& entries = contents[partition];
      std::vector<Record> records;
      while (records.size() < end.value) {
        const std::size_t before = records.size();
        COMMANDER_ASSIGN_OR_RETURN(const Offset next, log.Poll(partition, {before}, 300, &records));
        if (records.size() == before || next.value != records.size()) {
          return absl::InternalError(absl::StrCat("a poll of offset ", before, " below the end ",
                                                  end.value, " gave nothing, or says to go on at ",
                                                  next.value));
        }
      }
      for (std::size_t i = 0; i < records.size(); ++i) {
        const auto& words = records[i].message;
        if (records[i].offset.value != i || words.size() < kEntryWords) {
          return absl::InternalError("offsets are not dense");
        }
        entries.push_back({words[0], words[1], words[2], words[3], words[4], words[5]});
      }
    }
  }
  return contents;
}

std::string CrashHarness::CheckContents(const Contents& contents) const {
  static const std::vector<Entry> kNothing;
  const auto in = [&](TopicPartition partition) -> const std::vector<Entry>& {
    const auto it = contents.find(partition);
    return it == contents.end() ? kNothing : it->second;
  };
  for (const auto& [partition, offsets] : acknowledged_) {
    for (const auto& [offset, tag] : offsets) {
      if (offset >= in(partition).size()) {
        return absl::StrCat("acknowledged: topic ", partition.topic, "[", partition.partition,
                            "] offset ", offset, " is missing");
      }
      if (in(partition)[offset].tag != tag) return "acknowledged: another record is there";
    }
  }
  for (const auto& [partition, entries] : acted_) {
    const std::vector<Entry>& there = in(partition);
    if (there.size() < entries.size()) {
      return absl::StrCat("acted on: topic ", partition.topic, "[", partition.partition,
                          "] ends at ", there.size(), ", seen up to ", entries.size());
    }
    if (!std::equal(entries.begin(), entries.end(), there.begin())) {
      return "acted on: another record is there";
    }
  }
  return CheckOutcomes(contents);
}

std::string CrashHarness::CheckOutcomes(const Contents& contents) const {
  for (const auto& [partition, entries] : contents) {
    std::set<std::uint64_t> sources;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const Entry& entry = entries[i];
      if (entry.batch == 0) continue;
      const std::size_t first = i - std::min<std::size_t>(i, entry.index);
      const bool whole = first + entry.count <= entries.size() &&
                         entries[first].batch == entry.batch &&
                         entries[first + entry.count - 1].batch == entry.batch;
      if (!whole) return absl::StrCat("batch ", entry.batch, " is not whole");
      if (!sources.insert(entry.source).second) return "a command has two outcomes";
      const auto commands =
          contents.find({static_cast<std::uint16_t>(partition.topic - 1), partition.partition});
      if (commands == contents.end() || entry.source >= commands->second.size() ||
          commands->second[entry.source].tag != entry.command_tag) {
        return "an outcome is there without its command";
      }
    }
  }
  return "";
}

std::string CrashHarness::Compare(log::LogReader& log) {
  const auto contents = ReadAll(log);
  if (!contents.ok()) return contents.status().ToString();
  return CheckContents(*contents);
}

void CrashHarness::Act(const Contents& contents) {
  for (const auto& [partition, entries] : contents) {
    if (entries.size() > acted_[partition].size()) acted_[partition] = entries;
  }
}

void CrashHarness::RememberUndecided(const Contents& contents) {
  undecided_.clear();
  next_offset_.clear();
  for (const auto& [partition, entries] : contents) {
    const auto events =
        contents.find({static_cast<std::uint16_t>(partition.topic + 1), partition.partition});
    if (partition.topic % 2 == 0) continue;
    next_offset_[partition] = entries.size();
    const std::uint64_t decided = events == contents.end() ? 0 : events->second.size();
    for (std::uint64_t i = decided; i < entries.size(); ++i) {
      undecided_[partition].emplace_back(i, entries[i].tag);
    }
  }
}

// ---------------------------------------------------------------- clients and workers

void CrashHarness::Enqueue(bool with_frame_image) {
  if (log_ == nullptr || groups_.empty()) return;
  const TopicPartition partition = {groups_[random_() % groups_.size()].commands,
                                    static_cast<std::uint16_t>(random_() % kPartitions)};
  const std::uint64_t tag = next_tag_++;
  const auto words =
      Encode({tag, 0, 0, 0, 0, 0}, random_() % 8, with_frame_image ? 1 + random_() % 20 : 0);
  const absl::Status status =
      log_->Append(partition, words, std::make_shared<AckTicket>(*this, partition, tag), true);
  if (status.ok()) {
    undecided_[partition].emplace_back(next_offset_[partition]++, tag);
  } else if (absl::IsResourceExhausted(status)) {
    ++tally_.refusals;
  } else if (!absl::IsUnavailable(status)) {
    Violate("append: " + status.ToString());
  }
}

void CrashHarness::Decide() {
  if (log_ == nullptr) return;
  std::vector<TopicPartition> ready;
  for (const auto& [partition, commands] : undecided_) {
    if (!commands.empty()) ready.push_back(partition);
  }
  if (ready.empty()) return;
  const TopicPartition partition = ready[random_() % ready.size()];
  auto& commands = undecided_[partition];
  const std::size_t count = 1 + random_() % std::min<std::size_t>(commands.size(), 3);
  log::CommitBatch batch;
  batch.commands = partition;
  batch.events = {static_cast<std::uint16_t>(partition.topic + 1), partition.partition};
  batch.consumed = {commands[count - 1].first + 1};
  std::vector<std::uint64_t> tags;
  const std::uint64_t number = next_batch_++;
  for (std::size_t i = 0; i < count; ++i) {
    tags.push_back(next_tag_++);
    batch.entries.Append(Encode(
        {tags.back(), commands[i].first, commands[i].second, number, i, count}, random_() % 4, 0));
  }
  commands.erase(commands.begin(), commands.begin() + static_cast<std::ptrdiff_t>(count));
  batch.done = [this, events = batch.events, tags](const log::CommitResult& result) {
    if (result.outcome == log::CommitOutcome::kAborted) Violate("a commit was aborted");
    if (result.outcome != log::CommitOutcome::kCommitted) return;
    tally_.acknowledged += tags.size();
    for (std::size_t i = 0; i < tags.size(); ++i) {
      acknowledged_[events][result.first.value + i] = tags[i];
    }
  };
  log_->Commit(std::move(batch));
}

bool CrashHarness::Step() {
  if (log_ == nullptr) return false;
  log_->Step();
  if (!log_->health().ok()) ++tally_.stops;
  return log_->health().ok();
}

void CrashHarness::MakeTopic() {
  if (log_ == nullptr || groups_.size() == kMaxGroups) return;
  const std::size_t i = groups_.size();
  Group group;
  for (const auto kind : {log::TopicKind::kCommands, log::TopicKind::kEvents}) {
    const bool commands = kind == log::TopicKind::kCommands;
    const std::string name = absl::StrCat("group", i, commands ? "-commands" : "-events");
    const auto number = log_->OpenTopic({name, kind, kPartitions});
    if (!number.ok()) return;
    topics_[name] = *number;
    (commands ? group.commands : group.events) = *number;
  }
  groups_.push_back(group);
}

void CrashHarness::StoreSchema() {
  if (log_ == nullptr) return;
  const std::uint64_t fingerprint = 1 + random_() % 5;
  if (log_->StoreSchema({fingerprint, "bank.Deposit", "nodes"}).ok()) schemas_.insert(fingerprint);
}

void CrashHarness::ReadElsewhere() {
  if (reading_ || !violation_.empty()) return;
  reading_ = true;
  auto reader = log::OpenEmbeddedLogReader({kDirectory, 700, &files_});
  if (reader.ok()) {
    const auto contents = ReadAll(**reader);
    if (!contents.ok()) {
      Violate("a reader was refused: " + contents.status().ToString());
    } else {
      // A reader may be behind, but what it sees must be what others saw.
      for (const auto& [partition, entries] : *contents) {
        const std::vector<Entry>& acted = acted_[partition];
        const std::size_t n = std::min(acted.size(), entries.size());
        if (!std::equal(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(n),
                        acted.begin())) {
          Violate("a reader sees another record");
        }
      }
      Violate(CheckOutcomes(*contents));
      Act(*contents);
      ++tally_.readers;
    }
  } else if (!absl::IsNotFound(reader.status()) && !files_.crashed()) {
    Violate("a reader was refused: " + reader.status().ToString());
  }
  const auto report = log::VerifyEmbeddedLog({kDirectory, 700, &files_});
  if (report.ok() && !report->ok()) {
    for (const log::Finding& finding : report->findings) {
      if (finding.kind != log::FindingKind::kDamaged &&
          finding.kind != log::FindingKind::kMissing) {
        continue;
      }
      Violate(absl::StrCat("verify says ", finding.path, ":", finding.at, " ", finding.what));
    }
  }
  reading_ = false;
}

// ---------------------------------------------------------------- ends

bool CrashHarness::Close() {
  if (log_ == nullptr) return false;
  const bool clean = log_->Close().ok();
  log_.reset();
  return clean;
}

void CrashHarness::Abandon(Loss loss) {
  files_.Restart(loss);
  log_.reset();  // nothing of it reaches the files any more
}

void CrashHarness::LoseThePower() { files_.Restart(Loss::kPower); }

}  // namespace commander::test
