#include "engine/log/segment_writer.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "engine/log/small_file.h"

namespace commander::log {
namespace {

// Frames below this are written over zeros that the file has already: their sync
// needs no metadata.  Larger ones grow the file.
constexpr std::uint64_t kSmallFrameBytes = 64 << 10;

std::string_view NameOf(const std::string& path) {
  return std::string_view(path).substr(path.rfind('/') + 1);
}

// An error after which a repeated call proves nothing must not look like a full device.
absl::Status Fatal(const absl::Status& status) {
  if (!absl::IsResourceExhausted(status)) return status;
  return absl::DataLossError(status.message());
}

}  // namespace

absl::StatusOr<SegmentHeader> MakeSegment(FileSystem& files, const std::string& directory,
                                          const LogId& log, std::uint64_t first_sequence,
                                          std::uint64_t previous_checksum, RandomSource& random) {
  SegmentHeader header;
  header.log = log;
  header.first_sequence = first_sequence;
  header.previous_checksum = previous_checksum;
  random.Fill({reinterpret_cast<std::uint8_t*>(&header.salt), sizeof header.salt});
  header.checksum = header.ComputeChecksum();
  const std::string path = SegmentPath(directory, first_sequence);
  const PutResult put = PutFile(
      files, directory, std::string(NameOf(path)),
      std::string_view(reinterpret_cast<const char*>(&header), sizeof header), Durability::kSynced);
  if (!put.status.ok()) return put.renamed ? Fatal(put.status) : put.status;
  return header;
}

SegmentWriter::SegmentWriter(FileSystem& files, RandomSource& random, SegmentSet& segments,
                             DurableMark mark, Options options, Active active)
    : files_(files),
      random_(random),
      segments_(segments),
      mark_(std::move(mark)),
      options_(std::move(options)),
      active_(std::move(active)),
      zeros_(options_.zero_ahead_bytes) {
  const IndexHead head = segments_.ActiveHead();
  end_ = head.end;
  last_sequence_ = head.last_sequence;
  last_checksum_ = head.last_checksum;
}

absl::Status SegmentWriter::Write(const PendingFrame& frame) {
  if (!laid_out_) {
    if (end_ >= options_.segment_bytes) COMMANDER_RETURN_IF_ERROR(Rotate());
    LayOut(frame);
  }
  std::vector<iovec> pieces = pieces_;
  if (header_.length < kSmallFrameBytes && end_ + header_.length > active_.size &&
      !zeros_.empty()) {
    pieces.push_back({const_cast<std::byte*>(zeros_.data()), zeros_.size()});
  }
  std::uint64_t written = 0;
  const absl::Status status = WriteAll(*active_.file, end_, pieces, &written);
  active_.size = std::max(active_.size, end_ + written);
  // Zeros that do not fit any more are no reason to wait.
  if (!status.ok() && !(absl::IsResourceExhausted(status) && written >= header_.length)) {
    return status;
  }
  if (const absl::Status synced = active_.file->Sync(); !synced.ok()) return Fatal(synced);
  if (const absl::Status added = segments_.AddFrame(header_, runs_); !added.ok()) {
    return Fatal(added);
  }
  end_ += header_.length;
  last_sequence_ = header_.sequence;
  last_checksum_ = header_.checksum;
  laid_out_ = false;
  return absl::OkStatus();
}

void SegmentWriter::LayOut(const PendingFrame& frame) {
  runs_.clear();
  pieces_.clear();
  std::size_t count = frame.commands.size() + frame.events.size();
  runs_.reserve(count);  // pieces point into it
  header_ = FrameHeader();
  header_.sequence = last_sequence_ + 1;
  header_.time_ns = frame.time_ns;
  header_.length = sizeof(FrameHeader);
  pieces_.push_back({&header_, sizeof header_});
  for (const auto* runs : {&frame.commands, &frame.events}) {
    for (const auto& run : *runs) {
      runs_.push_back({run->partition().topic, run->partition().partition, run->count(),
                       run->first_offset(), static_cast<std::uint32_t>(run->bytes()), 0});
      pieces_.push_back({&runs_.back(), sizeof(RunHeader)});
      for (const Chunk& chunk : run->chunks()) {
        pieces_.push_back({chunk.data, chunk.used_words * sizeof(Word)});
      }
      header_.length += static_cast<std::uint32_t>(sizeof(RunHeader) + run->bytes());
    }
  }
  const std::uint64_t salt = active_.header.salt;
  header_.check = header_.ComputeCheck(salt);
  Checksum checksum(salt);
  checksum.Add(&header_.length, sizeof header_ - sizeof header_.checksum);
  for (std::size_t i = 1; i < pieces_.size(); ++i) {
    checksum.Add(pieces_[i].iov_base, pieces_[i].iov_len);
  }
  header_.checksum = checksum.Get();
  laid_out_ = true;
}

absl::Status SegmentWriter::Rotate() {
  COMMANDER_ASSIGN_OR_RETURN(const SegmentHeader header,
                             MakeSegment(files_, options_.directory, active_.header.log,
                                         last_sequence_ + 1, last_checksum_, random_));
  absl::StatusOr<std::unique_ptr<File>> file =
      files_.OpenForWriting(SegmentPath(options_.directory, header.first_sequence));
  if (!file.ok()) return Fatal(file.status());
  const std::string index_path = IndexPath(options_.directory, active_.header.first_sequence);
  const IndexHead before = segments_.ActiveHead();
  sealed_.push_back({std::string(NameOf(index_path)), segments_.Seal()});
  active_ = {header, *std::move(file), sizeof(SegmentHeader)};
  segments_.SetActive(header, active_.file, SegmentIndex(IndexHead::Following(before)));
  end_ = sizeof(SegmentHeader);
  return absl::OkStatus();
}

absl::Status SegmentWriter::CutUnfinished() {
  laid_out_ = false;
  if (active_.size <= end_) return absl::OkStatus();
  COMMANDER_RETURN_IF_ERROR(active_.file->Truncate(end_));
  active_.size = end_;
  return active_.file->Sync();
}

absl::Status SegmentWriter::Close() {
  COMMANDER_RETURN_IF_ERROR(StoreMark());
  COMMANDER_RETURN_IF_ERROR(mark_.Sync());
  return files_.SyncDirectory(options_.directory);
}

}  // namespace commander::log
