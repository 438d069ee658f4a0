#include "engine/log/segment_set.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "engine/log/frame_scanner.h"
#include "engine/log/small_file.h"

namespace commander::log {
namespace {

// Files with their indexes, held open for readers of old records.
constexpr std::size_t kOpenSegments = 16;

}  // namespace

SegmentSet::SegmentSet(FileSystem& files, std::string directory, std::size_t cache_bytes)
    : files_(files), directory_(std::move(directory)), cache_bytes_(cache_bytes) {}

void SegmentSet::AddSealed(const SegmentHeader& header, IndexHead head) {
  const std::lock_guard lock(mutex_);
  sealed_.push_back(std::make_shared<const Sealed>(Sealed{header, std::move(head)}));
}

void SegmentSet::SetActive(const SegmentHeader& header, std::shared_ptr<File> file,
                           SegmentIndex index) {
  const std::lock_guard lock(mutex_);
  active_header_ = header;
  active_file_ = std::move(file);
  active_index_ = std::move(index);
}

absl::Status SegmentSet::AddFrame(const FrameHeader& header, std::span<const RunHeader> runs) {
  const std::lock_guard lock(mutex_);
  return active_index_.AddFrame(header, runs);
}

std::string SegmentSet::Seal() {
  const std::lock_guard lock(mutex_);
  std::string index = active_index_.Encode(active_header_);
  sealed_.push_back(std::make_shared<const Sealed>(Sealed{active_header_, active_index_.head()}));
  return index;
}

IndexHead SegmentSet::ActiveHead() const {
  const std::lock_guard lock(mutex_);
  return active_index_.head();
}

SegmentSet::End SegmentSet::ActiveEnd() const {
  const std::lock_guard lock(mutex_);
  return {active_index_.head().last_sequence, active_index_.head().end};
}

std::uint64_t SegmentSet::NextOffset(TopicPartition partition) const {
  const std::lock_guard lock(mutex_);
  const auto extent = active_index_.head().partitions.find(partition);
  return extent == active_index_.head().partitions.end() ? 0 : extent->second.next;
}

absl::StatusOr<std::uint64_t> SegmentSet::Read(TopicPartition partition, std::uint64_t from,
                                               std::uint64_t until, std::size_t max_bytes,
                                               std::size_t* used, std::vector<Record>* out) {
  while (from < until && (*used == 0 || *used < max_bytes)) {
    COMMANDER_ASSIGN_OR_RETURN(const Place place, Find(partition, from));
    COMMANDER_ASSIGN_OR_RETURN(const auto frame, Load(place));
    const std::uint64_t stopped = frame->Take(partition, from, until, max_bytes, used, out);
    if (stopped == from) {
      if (*used > 0) break;  // the next record does not fit any more
      return absl::DataLossError(absl::StrCat(
          SegmentPath(directory_, place.first_sequence), ": the frame at byte ", place.at,
          " does not hold topic ", partition.topic, " partition ", partition.partition, " offset ",
          from, ", where the index has it; delete the .idx file, it is made again"));
    }
    from = stopped;
  }
  return from;
}

absl::StatusOr<SegmentSet::Place> SegmentSet::Find(TopicPartition partition, std::uint64_t offset) {
  std::size_t number;
  {
    const std::lock_guard lock(mutex_);
    const auto behind = [&](const std::shared_ptr<const Sealed>& sealed) {
      const auto extent = sealed->head.partitions.find(partition);
      return extent == sealed->head.partitions.end() || extent->second.next <= offset;
    };
    const auto found = std::partition_point(sealed_.begin(), sealed_.end(), behind);
    if (found == sealed_.end()) {
      if (const auto at = active_index_.FindFrame(partition, offset)) {
        return Place{active_file_, active_header_.first_sequence, active_header_.salt, *at};
      }
      return absl::InternalError(absl::StrCat("log ", directory_, " lists no frame for topic ",
                                              partition.topic, " partition ", partition.partition,
                                              " offset ", offset));
    }
    number = static_cast<std::size_t>(found - sealed_.begin());
  }
  COMMANDER_ASSIGN_OR_RETURN(const auto segment, OpenSealed(number));
  std::shared_ptr<const Sealed> sealed;
  {
    const std::lock_guard lock(mutex_);
    sealed = sealed_[number];
  }
  const auto at = segment->index.FindFrame(partition, offset);
  if (!at.has_value()) {
    return absl::DataLossError(absl::StrCat(
        IndexPath(directory_, sealed->header.first_sequence), " has no place for topic ",
        partition.topic, " partition ", partition.partition, " offset ", offset,
        ", which its head lists; delete the file, it is made again"));
  }
  return Place{std::shared_ptr<File>(segment, segment->file.get()), sealed->header.first_sequence,
               sealed->header.salt, *at};
}

absl::StatusOr<std::shared_ptr<SegmentSet::OpenSegment>> SegmentSet::OpenSealed(
    std::size_t number) {
  std::shared_ptr<const Sealed> sealed;
  std::shared_ptr<const Sealed> before;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = open_.begin(); it != open_.end(); ++it) {
      if (it->first != number) continue;
      open_.splice(open_.begin(), open_, it);
      return it->second;
    }
    sealed = sealed_[number];
    if (number > 0) before = sealed_[number - 1];
  }
  const std::uint64_t first = sealed->header.first_sequence;
  const std::string path = SegmentPath(directory_, first);
  auto segment = std::make_shared<OpenSegment>();
  COMMANDER_ASSIGN_OR_RETURN(SegmentFile opened, OpenSegmentForReading(files_, path));
  if (opened.header.checksum != sealed->header.checksum) {
    return absl::DataLossError(absl::StrCat(path,
                                            " is not the file any more that it was when "
                                            "the log was opened; open the log again"));
  }
  segment->file = std::move(opened.file);
  COMMANDER_ASSIGN_OR_RETURN(std::optional<SegmentIndex> index,
                             ReadIndex(files_, IndexPath(directory_, first), sealed->header));
  if (!index.has_value()) {
    COMMANDER_ASSIGN_OR_RETURN(index,
                               IndexSealedSegment(*segment->file, path, sealed->header,
                                                  before == nullptr ? IndexHead() : before->head,
                                                  sealed->head.last_sequence));
  }
  segment->index = *std::move(index);
  const std::lock_guard lock(mutex_);
  open_.emplace_front(number, segment);
  if (open_.size() > kOpenSegments) open_.pop_back();
  return segment;
}

absl::StatusOr<std::shared_ptr<const StoredFrame>> SegmentSet::Load(const Place& place) {
  const FrameKey key = {place.first_sequence, place.at};
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = cached_by_place_.find(key); it != cached_by_place_.end()) {
      cached_.splice(cached_.begin(), cached_, it->second);
      return it->second->second;
    }
  }
  COMMANDER_ASSIGN_OR_RETURN(
      auto frame, StoredFrame::Read(*place.file, SegmentPath(directory_, place.first_sequence),
                                    place.salt, place.at));
  const std::lock_guard lock(mutex_);
  if (cached_by_place_.contains(key)) return frame;  // another reader was faster
  cached_.emplace_front(key, frame);
  cached_by_place_[key] = cached_.begin();
  cached_bytes_ += frame->bytes();
  while (cached_bytes_ > cache_bytes_ && !cached_.empty()) {
    cached_bytes_ -= cached_.back().second->bytes();
    cached_by_place_.erase(cached_.back().first);
    cached_.pop_back();
  }
  return frame;
}

absl::StatusOr<SegmentIndex> IndexSealedSegment(File& file, const std::string& path,
                                                const SegmentHeader& header,
                                                const IndexHead& before,
                                                std::uint64_t last_sequence) {
  COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t size, file.Size());
  FrameScanner scanner(file, header, size);
  SegmentIndex index(IndexHead::Following(before));
  for (std::uint64_t n = header.first_sequence; n <= last_sequence; ++n) {
    const std::uint64_t at = index.head().end;
    COMMANDER_ASSIGN_OR_RETURN(const auto frame, scanner.FrameAt(at));
    const bool valid = frame.has_value() && HeaderOf(*frame).sequence == n;
    const auto runs = valid ? RunsOf(*frame) : std::nullopt;
    if (!runs.has_value()) {
      COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t contents_end, scanner.EndOfContents(at));
      if (n > header.first_sequence && contents_end == at) {
        return absl::DataLossError(absl::StrCat(
            "a segment is missing: ", SegmentPath(ParentDirectory(path), n), " with the frames ", n,
            " to ", last_sequence, "; bring the file back from a backup"));
      }
      return absl::DataLossError(absl::StrCat(
          path, " is damaged at byte ", at, ": no valid frame ", n, ", frames ", n, " to ",
          last_sequence, " are expected from there; bring the segment back from a backup"));
    }
    COMMANDER_RETURN_IF_ERROR(index.AddFrame(HeaderOf(*frame), RunHeaders(*runs)));
  }
  return index;
}

absl::StatusOr<SegmentFile> OpenSegmentForReading(FileSystem& files, const std::string& path) {
  SegmentFile segment;
  COMMANDER_ASSIGN_OR_RETURN(segment.file, files.OpenForReading(path));
  std::array<std::byte, sizeof(SegmentHeader)> bytes;
  COMMANDER_ASSIGN_OR_RETURN(const std::size_t have, segment.file->Read(0, bytes));
  COMMANDER_ASSIGN_OR_RETURN(segment.header,
                             DecodeSegmentHeader(std::span(bytes).first(have), path));
  return segment;
}

std::vector<RunHeader> RunHeaders(const std::vector<RunView>& runs) {
  std::vector<RunHeader> headers;
  headers.reserve(runs.size());
  for (const RunView& run : runs) headers.push_back(run.header);
  return headers;
}

}  // namespace commander::log
