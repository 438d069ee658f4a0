#include "engine/log/stored_frame.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"

namespace commander::log {
namespace {

absl::Status Damaged(const std::string& path, std::uint64_t at, const char* what) {
  return absl::DataLossError(absl::StrCat(path, " is damaged: the frame at byte ", at, " ", what,
                                          "; bring the segment back from a backup"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const StoredFrame>> StoredFrame::Read(File& file,
                                                                     const std::string& path,
                                                                     std::uint64_t salt,
                                                                     std::uint64_t at) {
  // Small frames come with the first read.
  constexpr std::size_t kFirstWords = 8192 / sizeof(Word);
  auto frame = std::make_shared<StoredFrame>();
  frame->words_.resize(kFirstWords);
  COMMANDER_ASSIGN_OR_RETURN(std::size_t have,
                             file.Read(at, std::as_writable_bytes(std::span(frame->words_))));
  if (have < sizeof(FrameHeader)) return Damaged(path, at, "is missing, the file ends before");
  const FrameHeader header = HeaderOf(frame->words_);
  if (!PlausibleFrame(header, salt, kMaxFrameBytes)) {
    return Damaged(path, at, "has a header that does not match its check");
  }
  frame->words_.resize(header.length / sizeof(Word));
  if (header.length > have) {
    const std::size_t had = have / sizeof(Word);
    COMMANDER_ASSIGN_OR_RETURN(
        const std::size_t more,
        file.Read(at + had * sizeof(Word),
                  std::as_writable_bytes(std::span(frame->words_).subspan(had))));
    have = had * sizeof(Word) + more;
  }
  if (have < header.length) return Damaged(path, at, "is cut off, the file ends in it");
  if (!ValidFrame(frame->words_, salt)) return Damaged(path, at, "does not match its checksum");
  COMMANDER_RETURN_IF_ERROR(frame->Decode(path, at));
  return frame;
}

absl::Status StoredFrame::Decode(const std::string& path, std::uint64_t at) {
  const auto views = RunsOf(words_);
  if (!views.has_value()) return Damaged(path, at, "holds runs that do not add up");
  for (const RunView& view : *views) {
    Run run = {view, {}};
    run.starts.reserve(view.header.count);
    EntryWalk walk(view.entries);
    for (auto message = walk.Next(); !message.empty(); message = walk.Next()) {
      run.starts.push_back(static_cast<std::uint32_t>(message.data() - view.entries.data()));
    }
    if (walk.damaged() || run.starts.size() != view.header.count) {
      return Damaged(path, at, "holds entries that do not add up");
    }
    runs_.push_back(std::move(run));
  }
  return absl::OkStatus();
}

std::uint64_t StoredFrame::Take(TopicPartition partition, std::uint64_t from, std::uint64_t until,
                                std::size_t max_bytes, std::size_t* used,
                                std::vector<Record>* out) const {
  for (const Run& run : runs_) {
    if (run.view.header.place() != partition) continue;
    const std::uint64_t first = run.view.header.first_offset;
    const std::uint64_t end = std::min(until, first + run.view.header.count);
    for (; from >= first && from < end; ++from) {
      const std::uint32_t start = run.starts[from - first];
      const std::size_t words = run.view.entries[start - kEntryHeaderWords] >> 32;
      if (!FitsInPoll(words * sizeof(Word), *used, max_bytes)) return from;
      Record record;
      record.offset = {from};
      record.time_ns = HeaderOf(words_).time_ns;
      record.message = run.view.entries.subspan(start, words);
      record.owner = shared_from_this();
      out->push_back(std::move(record));
      *used += words * sizeof(Word);
    }
  }
  return from;
}

}  // namespace commander::log
