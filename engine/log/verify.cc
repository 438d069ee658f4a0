#include "engine/log/verify.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "engine/log/catalog.h"
#include "engine/log/chain.h"
#include "engine/log/durable_mark.h"
#include "engine/log/frame_scanner.h"
#include "engine/log/segment_set.h"
#include "engine/log/small_file.h"

namespace commander::log {
namespace {

class Verifier {
 public:
  explicit Verifier(const EmbeddedLogReaderOptions& options)
      : files_(*options.files), directory_(options.directory) {}

  absl::StatusOr<VerifyReport> Run();

 private:
  void Report(FindingKind kind, const std::string& path, std::uint64_t at, std::string what) {
    report_.findings.push_back({kind, path, at, std::move(what)});
  }
  void Report(const std::string& path, std::uint64_t at, const absl::Status& status) {
    Report(FindingKind::kDamaged, path, at, std::string(status.message()));
  }

  // `next`: where the segment behind begins; nothing for the active one.
  void VerifySegment(std::uint64_t number, std::optional<std::uint64_t> next);
  absl::Status VerifyFrames(File& file, const std::string& path, std::optional<std::uint64_t> next);
  // No valid frame `n_` at `at`.  Where reading goes on, or nothing: at the end.
  absl::StatusOr<std::optional<std::uint64_t>> Behind(File& file, const std::string& path,
                                                      std::uint64_t at,
                                                      std::optional<std::uint64_t> next);
  void CheckHeader(const std::string& path, std::uint64_t number);
  void TakeFrame(const std::string& path, std::uint64_t at, std::span<const Word> frame);
  void VerifyIndex(const std::string& path);
  void VerifyDurableMark();
  void VerifyTopics();
  void VerifySchemas();
  template <typename Decode>
  std::uint64_t VerifySmallFiles(const std::string& directory, Decode decode);

  FileSystem& files_;
  const std::string& directory_;
  VerifyReport report_;
  std::optional<std::uint64_t> durable_;

  // What has been read so far.  After damage the chain is broken: the next valid
  // frame or header says where it goes on.
  std::optional<LogId> id_;
  std::uint64_t n_ = 1;  // the next frame
  std::optional<std::uint64_t> last_checksum_ = 0;
  bool offsets_known_ = true;
  bool segment_whole_ = true;  // nothing wrong in this segment so far
  SegmentHeader header_;
  SegmentIndex index_;  // of this segment, while everything is known
  std::map<TopicPartition, std::uint64_t> next_offsets_;
  std::set<TopicPartition> seen_;
};

absl::StatusOr<VerifyReport> Verifier::Run() {
  const auto numbers = ListSegments(files_, directory_);
  COMMANDER_ASSIGN_OR_RETURN(durable_, ReadDurableMark(files_, directory_));
  if (absl::IsNotFound(numbers.status()) || (numbers.ok() && numbers->empty() && !durable_)) {
    return absl::NotFoundError(absl::StrCat("there is no log in ", directory_));
  }
  COMMANDER_RETURN_IF_ERROR(numbers.status());
  for (std::size_t i = 0; i < numbers->size(); ++i) {
    VerifySegment((*numbers)[i],
                  i + 1 < numbers->size() ? std::optional((*numbers)[i + 1]) : std::nullopt);
  }
  VerifyDurableMark();
  VerifyTopics();
  VerifySchemas();
  return std::move(report_);
}

void Verifier::VerifySegment(std::uint64_t number, std::optional<std::uint64_t> next) {
  const std::string path = SegmentPath(directory_, number);
  ++report_.segments;
  segment_whole_ = true;
  if (number > n_) {
    Report(FindingKind::kMissing, SegmentPath(directory_, n_), 0,
           absl::StrCat("a segment is missing, with the frames ", n_, " to ", number - 1));
    n_ = number;
    last_checksum_.reset();
    offsets_known_ = false;
  }
  auto opened = OpenSegmentForReading(files_, path);
  if (!opened.ok()) {
    Report(path, 0, opened.status());
    // Without its salt no frame of it can be told from other bytes.
    n_ = next.value_or(n_);
    last_checksum_.reset();
    offsets_known_ = false;
    return;
  }
  header_ = opened->header;
  CheckHeader(path, number);
  if (const absl::Status status = VerifyFrames(*opened->file, path, next); !status.ok()) {
    Report(path, index_.head().end, status);
    n_ = next.value_or(n_);
    last_checksum_.reset();
    offsets_known_ = segment_whole_ = false;
  }
  if (next.has_value()) VerifyIndex(IndexPath(directory_, number));
}

void Verifier::CheckHeader(const std::string& path, std::uint64_t number) {
  if (header_.first_sequence != number) {
    Report(FindingKind::kDamaged, path, 32,
           absl::StrCat("begins with frame ", header_.first_sequence, ", named after ", number));
  }
  if (number < n_) {
    Report(FindingKind::kDamaged, path, 32,
           absl::StrCat("begins with frame ", number, ", which the segment before holds too"));
  }
  if (id_.has_value() && *id_ != header_.log) {
    Report(FindingKind::kDamaged, path, 16,
           absl::StrCat("belongs to log ", LogIdText(header_.log), ", the segments before to ",
                        LogIdText(*id_)));
  }
  if (!id_.has_value()) id_ = header_.log;
  if (last_checksum_.has_value() && header_.previous_checksum != *last_checksum_) {
    Report(FindingKind::kDamaged, path, 40,
           absl::StrCat("does not follow the segment before: frame ", number - 1,
                        " there is another one than when this was made"));
  }
  n_ = number;
}

absl::Status Verifier::VerifyFrames(File& file, const std::string& path,
                                    std::optional<std::uint64_t> next) {
  IndexHead head;
  for (const auto& [place, offset] : next_offsets_) head.partitions[place] = {offset, offset};
  index_ = SegmentIndex(std::move(head));
  COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t size, file.Size());
  FrameScanner scanner(file, header_, size);
  std::uint64_t at = sizeof(SegmentHeader);
  while (!next.has_value() || n_ < *next) {
    COMMANDER_ASSIGN_OR_RETURN(const auto frame, scanner.FrameAt(at));
    if (frame.has_value() && HeaderOf(*frame).sequence == n_) {
      TakeFrame(path, at, *frame);
      at += HeaderOf(*frame).length;
      ++n_;
      continue;
    }
    COMMANDER_ASSIGN_OR_RETURN(const auto behind, Behind(file, path, at, next));
    if (!behind.has_value()) break;
    at = *behind;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::uint64_t>> Verifier::Behind(File& file, const std::string& path,
                                                              std::uint64_t at,
                                                              std::optional<std::uint64_t> next) {
  COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t size, file.Size());
  FrameScanner scanner(file, header_, size);
  COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t contents_end, scanner.EndOfContents(at));
  COMMANDER_ASSIGN_OR_RETURN(const auto behind, scanner.Search(at, n_));
  if (behind.has_value() && (!next.has_value() || behind->sequence < *next)) {
    // A writer may have finished the frame since it was looked at; frames are written
    // one after the other, so it is whole if a later one is.
    FrameScanner again(file, header_, size);
    COMMANDER_ASSIGN_OR_RETURN(const auto frame, again.FrameAt(at));
    if (frame.has_value() && HeaderOf(*frame).sequence == n_) {
      // All that had been synced when this began is read; a writer at work is not run after.
      if (durable_.has_value() && n_ > *durable_) return std::nullopt;
      return at;
    }
    Report(FindingKind::kDamaged, path, at,
           behind->sequence == n_
               ? absl::StrCat("bytes that are no frame, up to frame ", n_, " at byte ", behind->at)
               : absl::StrCat("the frames ", n_, " to ", behind->sequence - 1,
                              " are damaged, up to frame ", behind->sequence, " at byte ",
                              behind->at));
    n_ = behind->sequence;
    offsets_known_ = segment_whole_ = false;
    return behind->at;
  }
  if (!next.has_value()) {
    if (contents_end > at) {
      Report(FindingKind::kTornTail, path, at,
             absl::StrCat(contents_end - at, " bytes behind frame ", n_ - 1,
                          ": a torn tail, or a frame that is being written; opening cuts it"));
    }
    return std::nullopt;
  }
  const std::optional<IndexHead> head =
      ReadIndexHead(files_, IndexPath(directory_, header_.first_sequence), header_)
          .value_or(std::nullopt);
  segment_whole_ = false;
  if (n_ > header_.first_sequence && contents_end == at &&
      (!head.has_value() || head->last_sequence + 1 == n_)) {
    // This segment ends here, and the one that follows it is not there; the next call says so.
    return std::nullopt;
  }
  const std::uint64_t last = head.has_value() ? head->last_sequence : *next - 1;
  Report(FindingKind::kDamaged, path, at,
         absl::StrCat("the frames ", n_, " to ", last, " are damaged or cut off"));
  n_ = last + 1;
  last_checksum_.reset();
  offsets_known_ = false;
  return std::nullopt;
}

void Verifier::TakeFrame(const std::string& path, std::uint64_t at, std::span<const Word> frame) {
  const FrameHeader header = HeaderOf(frame);
  ++report_.frames;
  report_.bytes += header.length;
  last_checksum_ = header.checksum;
  const auto runs = RunsOf(frame);
  if (!runs.has_value()) {
    Report(FindingKind::kDamaged, path, at,
           absl::StrCat("frame ", header.sequence, " holds runs that do not add up"));
    offsets_known_ = segment_whole_ = false;
    return;
  }
  for (const RunView& run : *runs) {
    std::uint64_t& expected = next_offsets_[run.header.place()];
    seen_.insert(run.header.place());
    if (run.header.first_offset != expected &&
        (offsets_known_ || run.header.first_offset < expected)) {
      Report(FindingKind::kDamaged, path, at,
             absl::StrCat("frame ", header.sequence, " holds topic ", run.header.topic,
                          " partition ", run.header.partition, " from offset ",
                          run.header.first_offset, " on, expected ", expected));
      segment_whole_ = false;
    }
    expected = run.header.first_offset + run.header.count;
    std::uint64_t entries = 0;
    EntryWalk walk(run.entries);
    while (!walk.Next().empty()) ++entries;
    if (walk.damaged() || entries != run.header.count) {
      Report(FindingKind::kDamaged, path, at,
             absl::StrCat("frame ", header.sequence, " holds entries that do not add up"));
    }
    report_.records += entries;
  }
  if (segment_whole_ && offsets_known_ && !index_.AddFrame(header, RunHeaders(*runs)).ok()) {
    segment_whole_ = false;  // reported above
  }
}

void Verifier::VerifyIndex(const std::string& path) {
  const absl::StatusOr<std::string> bytes = ReadWholeFile(files_, path);
  if (absl::IsNotFound(bytes.status())) return;  // it is made again
  if (!bytes.ok()) {
    Report(path, 0, bytes.status());
    return;
  }
  if (!segment_whole_ || !offsets_known_) {
    // Nothing to compare it with but itself.
    if (SegmentIndex::Decode(std::as_bytes(std::span(*bytes)), header_).has_value()) return;
    Report(FindingKind::kDamaged, path, 0,
           "is damaged or belongs to another segment; delete it, it is made again");
    return;
  }
  const std::string expected = index_.Encode(header_);
  if (*bytes == expected) return;
  const auto differs =
      std::mismatch(bytes->begin(), bytes->end(), expected.begin(), expected.end()).first;
  Report(FindingKind::kDamaged, path, static_cast<std::uint64_t>(differs - bytes->begin()),
         "differs from its segment; the segment is whole, delete the index, it is made again");
}

void Verifier::VerifyDurableMark() {
  const std::string path = DurableMarkPath(directory_);
  const absl::StatusOr<std::string> bytes = ReadWholeFile(files_, path);
  if (absl::IsNotFound(bytes.status())) return;
  if (!bytes.ok()) {
    Report(path, 0, bytes.status());
  } else if (durable_.has_value()) {
    if (*durable_ < n_) return;
    Report(FindingKind::kMissing, SegmentPath(directory_, n_), 0,
           absl::StrCat("acknowledged frames are missing: the log ends with frame ", n_ - 1, ", ",
                        path, " says that frame ", *durable_, " was synced"));
  } else if (bytes->find_first_not_of('\0') != std::string::npos) {
    // A power loss may leave it empty or zero; a writer may be at it now.
    if (ReadDurableMark(files_, directory_).value_or(std::nullopt).has_value()) return;
    Report(FindingKind::kUnusable, path, 0,
           "is not valid: nothing says whether acknowledged frames are missing at the end; it is "
           "written again when the log is opened for writing");
  }
}

template <typename Decode>
std::uint64_t Verifier::VerifySmallFiles(const std::string& directory, Decode decode) {
  const auto names = files_.List(directory);
  if (absl::IsNotFound(names.status())) return 0;  // the log was never finished making
  if (!names.ok()) {
    Report(directory, 0, names.status());
    return 0;
  }
  std::uint64_t good = 0;
  for (const std::string& name : *names) {
    if (name.ends_with(kTemporarySuffix)) continue;
    const std::string path = absl::StrCat(directory, "/", name);
    const absl::StatusOr<std::string> bytes = ReadWholeFile(files_, path);
    const absl::Status status = bytes.ok() ? decode(*bytes, path, name) : bytes.status();
    if (status.ok()) {
      ++good;
    } else {
      Report(path, 0, status);
    }
  }
  return good;
}

void Verifier::VerifyTopics() {
  std::set<TopicPartition> missing = seen_;
  report_.topics = VerifySmallFiles(
      TopicsDirectory(directory_),
      [&](const std::string& bytes, const std::string& path, const std::string& name) {
        const absl::StatusOr<TopicInfo> topic = DecodeTopic(bytes, path, name);
        if (!topic.ok()) return topic.status();
        std::erase_if(missing, [&](TopicPartition p) {
          return p.topic == topic->number && p.partition < topic->settings.partitions;
        });
        return absl::OkStatus();
      });
  std::set<std::uint16_t> numbers;
  for (const TopicPartition& p : missing) numbers.insert(p.topic);
  for (const std::uint16_t number : numbers) {
    const std::string path = absl::StrCat(TopicsDirectory(directory_), "/", number);
    const bool reported = std::any_of(report_.findings.begin(), report_.findings.end(),
                                      [&](const Finding& finding) { return finding.path == path; });
    if (reported) continue;
    Report(FindingKind::kMissing, path, 0,
           absl::StrCat("the log holds records of topic ", number,
                        ", which has no such file or "
                        "fewer partitions"));
  }
}

void Verifier::VerifySchemas() {
  report_.schemas = VerifySmallFiles(
      SchemasDirectory(directory_),
      [](const std::string& bytes, const std::string& path, const std::string& name) {
        return DecodeSchema(bytes, path, name).status();
      });
}

}  // namespace

bool VerifyReport::ok() const {
  return std::all_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.kind == FindingKind::kTornTail || finding.kind == FindingKind::kUnusable;
  });
}

absl::StatusOr<VerifyReport> VerifyEmbeddedLog(const EmbeddedLogReaderOptions& options) {
  EmbeddedLogReaderOptions normal = options;
  while (normal.directory.size() > 1 && normal.directory.ends_with('/')) {
    normal.directory.pop_back();
  }
  return Verifier(normal).Run();
}

}  // namespace commander::log
