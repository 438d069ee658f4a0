#include "engine/log/chain.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "engine/log/catalog.h"
#include "engine/log/durable_mark.h"
#include "engine/log/frame_scanner.h"
#include "engine/log/segment_set.h"

namespace commander::log {

absl::StatusOr<std::vector<std::uint64_t>> ListSegments(FileSystem& files,
                                                        const std::string& directory) {
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : names) {
    if (const auto number = SegmentNumber(name)) numbers.push_back(*number);
  }
  return numbers;  // in order, because the names are and have leading zeros
}

absl::Status CheckFollows(const SegmentHeader& header, const std::string& directory,
                          std::uint64_t number, const IndexHead* before, const LogId* log) {
  const std::string path = SegmentPath(directory, number);
  if (header.first_sequence != number) {
    return absl::DataLossError(absl::StrCat(path, " begins with frame ", header.first_sequence,
                                            ", not with the one that it is named after"));
  }
  if (log != nullptr && header.log != *log) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " belongs to log ", LogIdText(header.log), ", the directory holds log ",
        LogIdText(*log), "; move the file away and bring the right one back from a backup"));
  }
  const std::uint64_t expected = before == nullptr ? 1 : before->last_sequence + 1;
  if (number > expected) {
    return absl::DataLossError(absl::StrCat(
        "a segment is missing: ", SegmentPath(directory, expected), " with the frames ", expected,
        " to ", number - 1, "; bring the file back from a backup"));
  }
  if (number < expected) {
    return absl::DataLossError(
        absl::StrCat(path, " begins with frame ", number, ", which the segment before holds too"));
  }
  const std::uint64_t checksum = before == nullptr ? 0 : before->last_checksum;
  if (header.previous_checksum != checksum) {
    return absl::DataLossError(absl::StrCat(
        path, " does not follow the segment before: frame ", number - 1,
        " there is another one than when the file was made; bring both back from one backup"));
  }
  return absl::OkStatus();
}

absl::StatusOr<SealedSegment> ReadSealedSegment(FileSystem& files, const std::string& directory,
                                                std::uint64_t first, std::uint64_t next,
                                                const IndexHead* before, const LogId* log) {
  const std::string path = SegmentPath(directory, first);
  SealedSegment segment;
  COMMANDER_ASSIGN_OR_RETURN(const SegmentFile opened, OpenSegmentForReading(files, path));
  segment.header = opened.header;
  COMMANDER_RETURN_IF_ERROR(CheckFollows(segment.header, directory, first, before, log));
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<IndexHead> head,
                             ReadIndexHead(files, IndexPath(directory, first), segment.header));
  // One from when the file ended elsewhere, before it was brought back from a backup, is made
  // again.
  if (head.has_value() && head->last_sequence + 1 == next) {
    segment.head = *head;
  } else {
    COMMANDER_ASSIGN_OR_RETURN(
        segment.made_again,
        IndexSealedSegment(*opened.file, path, segment.header,
                           before == nullptr ? IndexHead() : *before, next - 1));
    segment.head = segment.made_again->head();
  }
  COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t size, opened.file->Size());
  if (size < segment.head.end) {
    return absl::DataLossError(absl::StrCat(path, " was cut: it has ", size,
                                            " bytes, its frames end at byte ", segment.head.end,
                                            "; bring the file back from a backup"));
  }
  return segment;
}

absl::StatusOr<ActiveContents> ReadActiveSegment(File& file, const std::string& path,
                                                 const SegmentHeader& header,
                                                 const IndexHead& before) {
  COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t size, file.Size());
  FrameScanner scanner(file, header, size);
  ActiveContents contents;
  contents.index = SegmentIndex(IndexHead::Following(before));
  std::uint64_t n = header.first_sequence;
  for (;; ++n) {
    const std::uint64_t at = contents.index.head().end;
    COMMANDER_ASSIGN_OR_RETURN(const auto frame, scanner.FrameAt(at));
    if (!frame.has_value() || HeaderOf(*frame).sequence != n) break;
    const auto runs = RunsOf(*frame);
    if (!runs.has_value()) {
      return absl::DataLossError(
          absl::StrCat(path, " holds at byte ", at, " a frame ", n, " whose runs do not add up"));
    }
    COMMANDER_RETURN_IF_ERROR(contents.index.AddFrame(HeaderOf(*frame), RunHeaders(*runs)));
    contents.last_frame = at;
  }
  const std::uint64_t end = contents.index.head().end;
  COMMANDER_ASSIGN_OR_RETURN(contents.contents_end, scanner.EndOfContents(end));
  if (contents.contents_end == end) return contents;
  COMMANDER_ASSIGN_OR_RETURN(const auto behind, scanner.Search(end, n));
  if (behind.has_value()) {
    return absl::DataLossError(
        absl::StrCat(path, " is damaged at byte ", end, ": no valid frame ", n,
                     " there, but frame ", behind->sequence, " at byte ", behind->at,
                     "; nothing was changed, bring the segment back from a backup"));
  }
  return contents;
}

absl::Status CheckTopicsThere(const std::map<std::uint16_t, TopicInfo>& topics,
                              const IndexHead& head, const std::string& directory) {
  for (const auto& [place, extent] : head.partitions) {
    const auto topic = topics.find(place.topic);
    if (topic == topics.end()) {
      return absl::DataLossError(absl::StrCat("log ", directory, " holds records of topic ",
                                              place.topic, ", but the file ",
                                              TopicsDirectory(directory), "/", place.topic,
                                              " is missing; bring it back from a backup"));
    }
    if (place.partition >= topic->second.settings.partitions) {
      return absl::DataLossError(absl::StrCat(
          "log ", directory, " holds records of partition ", place.partition, " of topic ",
          topic->second.settings.name, ", which has ", topic->second.settings.partitions,
          " partitions by ", TopicsDirectory(directory), "/", place.topic,
          "; bring that file back from a backup"));
    }
  }
  return absl::OkStatus();
}

absl::Status FramesMissing(const std::string& directory, std::uint64_t last,
                           std::uint64_t durable) {
  return absl::DataLossError(absl::StrCat(
      "acknowledged frames are missing: log ", directory, " ends with frame ", last, ", but ",
      DurableMarkPath(directory), " says that frame ", durable,
      " was synced; bring the log back from a backup, or accept the loss by deleting that file"));
}

}  // namespace commander::log
