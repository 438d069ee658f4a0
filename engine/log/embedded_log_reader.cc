// The embedded log as other processes see it: no lock, nothing written.
#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "engine/log/catalog.h"
#include "engine/log/chain.h"
#include "engine/log/dense.h"
#include "engine/log/durable_mark.h"
#include "engine/log/embedded_log.h"
#include "engine/log/frame_scanner.h"
#include "engine/log/segment_set.h"

namespace commander::log {
namespace {

// Between two looks at `durable`.
constexpr absl::Duration kLookEvery = absl::Milliseconds(20);

class ReadOnlyLog final : public EmbeddedLogReader {
 public:
  explicit ReadOnlyLog(EmbeddedLogReaderOptions options)
      : options_(std::move(options)),
        files_(*options_.files),
        segments_(files_, options_.directory, options_.read_cache_bytes) {}

  absl::Status Open();

  LogId id() const override { return id_; }
  absl::StatusOr<std::vector<TopicInfo>> Topics() override;
  absl::StatusOr<std::vector<Schema>> Schemas() override {
    return ReadSchemas(files_, options_.directory);
  }
  absl::StatusOr<Offset> Begin(TopicPartition partition) override;
  absl::StatusOr<Offset> End(TopicPartition partition) override;
  absl::StatusOr<Offset> Poll(TopicPartition partition, Offset from, std::size_t max_bytes,
                              std::vector<Record>* out) override {
    const std::size_t before = out->size();
    COMMANDER_RETURN_IF_ERROR(
        Collect(partition, from.value, std::numeric_limits<std::uint64_t>::max(), max_bytes, out));
    return BehindPolled(from, *out, before);
  }
  absl::StatusOr<Record> Read(TopicPartition partition, Offset offset) override;
  absl::StatusOr<std::optional<Record>> ReadLast(TopicPartition partition) override {
    return ReadLastOfDense(*this, partition);
  }
  absl::StatusOr<bool> WaitForMore(absl::Duration timeout) override;

 private:
  absl::Status Collect(TopicPartition partition, std::uint64_t from, std::uint64_t limit,
                       std::size_t max_bytes, std::vector<Record>* out);
  absl::StatusOr<std::uint64_t> EndNow(TopicPartition partition);

  // With `mutex_` held.
  absl::Status ReadCatalog();
  absl::Status CheckPartition(TopicPartition partition);
  // Takes up the frames that were synced since the last call.
  absl::Status Refresh();
  // Goes on with the segment behind the active one, if there is one.
  absl::StatusOr<bool> NextSegment();
  absl::Status NoFrame(std::uint64_t durable);
  std::string ActivePath() const { return SegmentPath(options_.directory, active_.first_sequence); }

  const EmbeddedLogReaderOptions options_;
  FileSystem& files_;
  LogId id_ = {};  // set by Open()
  SegmentSet segments_;

  std::mutex mutex_;  // guards what follows
  std::map<std::uint16_t, TopicInfo> topics_;
  SegmentHeader active_;
  std::shared_ptr<File> active_file_;
  std::uint64_t waited_for_ = 0;
};

absl::Status ReadOnlyLog::Open() {
  const std::string& directory = options_.directory;
  const auto numbers = ListSegments(files_, directory);
  if (absl::IsNotFound(numbers.status()) || (numbers.ok() && numbers->empty())) {
    return absl::NotFoundError(absl::StrCat("there is no log in ", directory));
  }
  COMMANDER_RETURN_IF_ERROR(numbers.status());

  const std::lock_guard lock(mutex_);
  std::optional<IndexHead> before;
  for (std::size_t i = 0; i + 1 < numbers->size(); ++i) {
    COMMANDER_ASSIGN_OR_RETURN(
        SealedSegment segment,
        ReadSealedSegment(files_, directory, (*numbers)[i], (*numbers)[i + 1],
                          before.has_value() ? &*before : nullptr,
                          before.has_value() ? &id_ : nullptr));
    id_ = segment.header.log;
    segments_.AddSealed(segment.header, segment.head);
    before = std::move(segment.head);
  }
  const std::string path = SegmentPath(directory, numbers->back());
  COMMANDER_ASSIGN_OR_RETURN(SegmentFile opened, OpenSegmentForReading(files_, path));
  COMMANDER_RETURN_IF_ERROR(CheckFollows(opened.header, directory, numbers->back(),
                                         before.has_value() ? &*before : nullptr,
                                         before.has_value() ? &id_ : nullptr));
  id_ = opened.header.log;
  active_ = opened.header;
  active_file_ = std::move(opened.file);
  SegmentIndex index(IndexHead::Following(before.value_or(IndexHead())));
  COMMANDER_ASSIGN_OR_RETURN(const auto durable, ReadDurableMark(files_, directory));
  if (!durable.has_value()) {
    // Nothing says where to stop, so damage must be told from the end.
    COMMANDER_ASSIGN_OR_RETURN(
        ActiveContents contents,
        ReadActiveSegment(*active_file_, path, active_, before.value_or(IndexHead())));
    index = std::move(contents.index);
  }
  segments_.SetActive(active_, active_file_, std::move(index));
  COMMANDER_RETURN_IF_ERROR(Refresh());
  waited_for_ = segments_.ActiveEnd().last_sequence;
  return ReadCatalog();
}

absl::Status ReadOnlyLog::Refresh() {
  COMMANDER_ASSIGN_OR_RETURN(const auto durable, ReadDurableMark(files_, options_.directory));
  std::optional<FrameScanner> scanner;
  while (true) {
    const SegmentSet::End end = segments_.ActiveEnd();
    const std::uint64_t n = end.last_sequence + 1;
    if (durable.has_value() && n > *durable) return absl::OkStatus();
    if (!scanner.has_value()) {
      COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t size, active_file_->Size());
      scanner.emplace(*active_file_, active_, size);
    }
    COMMANDER_ASSIGN_OR_RETURN(const auto frame, scanner->FrameAt(end.place));
    const bool valid = frame.has_value() && HeaderOf(*frame).sequence == n;
    const auto runs = valid ? RunsOf(*frame) : std::nullopt;
    if (runs.has_value()) {
      COMMANDER_RETURN_IF_ERROR(segments_.AddFrame(HeaderOf(*frame), RunHeaders(*runs)));
      continue;
    }
    COMMANDER_ASSIGN_OR_RETURN(const bool next, NextSegment());
    if (!next) return durable.has_value() ? NoFrame(*durable) : absl::OkStatus();
    scanner.reset();
  }
}

absl::StatusOr<bool> ReadOnlyLog::NextSegment() {
  const IndexHead head = segments_.ActiveHead();
  const std::uint64_t number = head.last_sequence + 1;
  if (number == active_.first_sequence) return false;
  absl::StatusOr<SegmentFile> opened =
      OpenSegmentForReading(files_, SegmentPath(options_.directory, number));
  if (absl::IsNotFound(opened.status())) return false;
  COMMANDER_RETURN_IF_ERROR(opened.status());
  COMMANDER_RETURN_IF_ERROR(CheckFollows(opened->header, options_.directory, number, &head, &id_));
  segments_.Seal();
  active_ = opened->header;
  active_file_ = std::move(opened->file);
  segments_.SetActive(active_, active_file_, SegmentIndex(IndexHead::Following(head)));
  return true;
}

absl::Status ReadOnlyLog::NoFrame(std::uint64_t durable) {
  const SegmentSet::End end = segments_.ActiveEnd();
  COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t size, active_file_->Size());
  FrameScanner scanner(*active_file_, active_, size);
  COMMANDER_ASSIGN_OR_RETURN(const auto behind, scanner.Search(end.place, end.last_sequence + 1));
  if (!behind.has_value()) {
    return FramesMissing(options_.directory, end.last_sequence, durable);
  }
  return absl::DataLossError(absl::StrCat(ActivePath(), " is damaged at byte ", end.place,
                                          ": no valid frame ", end.last_sequence + 1,
                                          " there, but frame ", behind->sequence, " at byte ",
                                          behind->at, "; bring the segment back from a backup"));
}

absl::StatusOr<std::vector<TopicInfo>> ReadOnlyLog::Topics() {
  const std::lock_guard lock(mutex_);
  COMMANDER_RETURN_IF_ERROR(ReadCatalog());
  std::vector<TopicInfo> topics;
  for (const auto& [number, topic] : topics_) topics.push_back(topic);
  return topics;
}

absl::Status ReadOnlyLog::ReadCatalog() {
  // A frame that names a topic is formed after the topic's file is there.
  COMMANDER_ASSIGN_OR_RETURN(topics_, ReadTopics(files_, options_.directory));
  return CheckTopicsThere(topics_, segments_.ActiveHead(), options_.directory);
}

absl::Status ReadOnlyLog::CheckPartition(TopicPartition partition) {
  if (!topics_.contains(partition.topic)) COMMANDER_RETURN_IF_ERROR(ReadCatalog());
  const auto topic = topics_.find(partition.topic);
  if (topic != topics_.end() && partition.partition < topic->second.settings.partitions) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("log ", options_.directory, " has no topic ",
                                                 partition.topic, " with a partition ",
                                                 partition.partition));
}

absl::StatusOr<std::uint64_t> ReadOnlyLog::EndNow(TopicPartition partition) {
  const std::lock_guard lock(mutex_);
  COMMANDER_RETURN_IF_ERROR(CheckPartition(partition));
  COMMANDER_RETURN_IF_ERROR(Refresh());
  return segments_.NextOffset(partition);
}

absl::StatusOr<Offset> ReadOnlyLog::Begin(TopicPartition partition) {
  const std::lock_guard lock(mutex_);
  COMMANDER_RETURN_IF_ERROR(CheckPartition(partition));
  return Offset{0};
}

absl::StatusOr<Offset> ReadOnlyLog::End(TopicPartition partition) {
  COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t end, EndNow(partition));
  return Offset{end};
}

absl::Status ReadOnlyLog::Collect(TopicPartition partition, std::uint64_t from, std::uint64_t limit,
                                  std::size_t max_bytes, std::vector<Record>* out) {
  COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t end, EndNow(partition));
  if (from > end) {
    return absl::OutOfRangeError(absl::StrCat("topic ", partition.topic, " partition ",
                                              partition.partition, " of log ", options_.directory,
                                              " ends at offset ", end, ", asked for ", from));
  }
  std::size_t used = 0;
  return segments_.Read(partition, from, std::min(end, limit), max_bytes, &used, out).status();
}

absl::StatusOr<Record> ReadOnlyLog::Read(TopicPartition partition, Offset offset) {
  std::vector<Record> records;
  COMMANDER_RETURN_IF_ERROR(Collect(partition, offset.value, offset.value + 1, 0, &records));
  if (records.empty()) {
    return absl::OutOfRangeError(absl::StrCat("topic ", partition.topic, " partition ",
                                              partition.partition, " of log ", options_.directory,
                                              " has no record at offset ", offset.value, " yet"));
  }
  return std::move(records.front());
}

absl::StatusOr<bool> ReadOnlyLog::WaitForMore(absl::Duration timeout) {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      COMMANDER_RETURN_IF_ERROR(Refresh());
      const std::uint64_t last = segments_.ActiveEnd().last_sequence;
      if (last > waited_for_) {
        waited_for_ = last;
        return true;
      }
    }
    if (timeout <= absl::ZeroDuration()) return false;
    files_.Pause(std::min(timeout, kLookEvery));
    timeout -= kLookEvery;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<EmbeddedLogReader>> OpenEmbeddedLogReader(
    EmbeddedLogReaderOptions options) {
  while (options.directory.size() > 1 && options.directory.ends_with('/')) {
    options.directory.pop_back();
  }
  if (options.directory.empty() || options.files == nullptr) {
    return absl::InvalidArgumentError("a log needs a directory and a file system");
  }
  auto log = std::make_unique<ReadOnlyLog>(std::move(options));
  COMMANDER_RETURN_IF_ERROR(log->Open());
  return log;
}

}  // namespace commander::log
