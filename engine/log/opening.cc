#include "engine/log/opening.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "engine/log/catalog.h"
#include "engine/log/chain.h"
#include "engine/log/durable_mark.h"
#include "engine/log/small_file.h"

namespace commander::log {
namespace {

class Opening {
 public:
  explicit Opening(const EmbeddedLogOptions& options)
      : options_(options), files_(*options.files), directory_(options.directory) {}

  absl::StatusOr<OpenedLog> Run() {
    COMMANDER_RETURN_IF_ERROR(TakeDirectory());
    COMMANDER_RETURN_IF_ERROR(MakeSubdirectories());
    COMMANDER_ASSIGN_OR_RETURN(durable_, ReadDurableMark(files_, directory_));
    COMMANDER_ASSIGN_OR_RETURN(numbers_, ListSegments(files_, directory_));
    if (numbers_.empty()) COMMANDER_RETURN_IF_ERROR(MakeFirstSegment());
    log_.segments = std::make_unique<SegmentSet>(files_, directory_, options_.read_cache_bytes);
    COMMANDER_RETURN_IF_ERROR(ReadSealedSegments());
    COMMANDER_RETURN_IF_ERROR(OpenActiveSegment());
    return std::move(log_);
  }

 private:
  absl::Status TakeDirectory();
  absl::Status LockedElsewhere();
  absl::Status MakeSubdirectories();
  absl::Status MakeFirstSegment();
  absl::Status ReadSealedSegments();
  absl::Status OpenActiveSegment();
  absl::Status MakeContentsDurable(File& file, const std::string& path,
                                   const ActiveContents& contents);

  void Say(LogLevel level, std::string message) {
    if (options_.sink) options_.sink({level, "log", std::move(message), {{"log", directory_}}});
  }

  const EmbeddedLogOptions& options_;
  FileSystem& files_;
  const std::string& directory_;
  std::optional<std::uint64_t> durable_;
  std::vector<std::uint64_t> numbers_;
  std::optional<IndexHead> before_;  // of the last sealed segment
  OpenedLog log_;
};

absl::Status Opening::TakeDirectory() {
  COMMANDER_RETURN_IF_ERROR(files_.MakeDirectory(directory_));
  COMMANDER_ASSIGN_OR_RETURN(const FileSystemKind kind, files_.KindOf(directory_));
  if (kind == FileSystemKind::kNetwork) {
    return absl::FailedPreconditionError(absl::StrCat(
        "log ", directory_, " is on a network file system (NFS, SMB, FUSE), where neither locks ",
        "nor syncs can be relied on; put it on a local one"));
  }
  if (const absl::Status writable = files_.CheckWritable(directory_); !writable.ok()) {
    return absl::Status(writable.code(),
                        absl::StrCat(writable.message(),
                                     "; give this user the right to write there, or mount it for "
                                     "writing (tools that only read do not need it)"));
  }
  absl::StatusOr<std::unique_ptr<DirectoryLock>> lock = files_.LockDirectory(directory_);
  if (absl::IsUnavailable(lock.status())) return LockedElsewhere();
  COMMANDER_RETURN_IF_ERROR(lock.status());
  log_.lock = *std::move(lock);
  // A hint for the message of whoever comes second; a full device must not keep a log closed.
  const auto hint = files_.Create(directory_ + "/LOCK");
  COMMANDER_RETURN_IF_ERROR(hint.status());
  const absl::Status written = WriteAll(**hint, 0, absl::StrCat(files_.ProcessId(), "\n"));
  if (!absl::IsResourceExhausted(written)) COMMANDER_RETURN_IF_ERROR(written);
  return absl::OkStatus();
}

absl::Status Opening::LockedElsewhere() {
  std::string owner = "another process";
  std::int64_t id = 0;
  if (const auto text = ReadWholeFile(files_, directory_ + "/LOCK");
      text.ok() && absl::SimpleAtoi(*text, &id)) {
    owner = id == files_.ProcessId() ? absl::StrCat("this process (", id, ")")
                                     : absl::StrCat("process ", id);
  }
  return absl::UnavailableError(absl::StrCat("log ", directory_, " is open in ", owner,
                                             "; one process at a time writes a log"));
}

absl::Status Opening::MakeSubdirectories() {
  for (const std::string& directory : {TopicsDirectory(directory_), SchemasDirectory(directory_)}) {
    COMMANDER_RETURN_IF_ERROR(files_.MakeDirectory(directory));
    COMMANDER_RETURN_IF_ERROR(RemoveTemporaryFiles(files_, directory));
  }
  return RemoveTemporaryFiles(files_, directory_);
}

absl::Status Opening::MakeFirstSegment() {
  COMMANDER_ASSIGN_OR_RETURN(log_.topics, ReadTopics(files_, directory_));
  if (durable_.value_or(0) > 0 || !log_.topics.empty()) {
    return absl::DataLossError(
        absl::StrCat("all segments of log ", directory_, " are missing, the first is ",
                     SegmentPath(directory_, 1), "; bring them back from a backup"));
  }
  LogId id;
  options_.random->Fill(id);
  const absl::StatusOr<SegmentHeader> made =
      MakeSegment(files_, directory_, id, 1, 0, *options_.random);
  COMMANDER_RETURN_IF_ERROR(made.status());
  numbers_ = {1};
  return absl::OkStatus();
}

absl::Status Opening::ReadSealedSegments() {
  for (std::size_t i = 0; i + 1 < numbers_.size(); ++i) {
    COMMANDER_ASSIGN_OR_RETURN(const SealedSegment segment,
                               ReadSealedSegment(files_, directory_, numbers_[i], numbers_[i + 1],
                                                 before_.has_value() ? &*before_ : nullptr,
                                                 before_.has_value() ? &log_.id : nullptr));
    log_.id = segment.header.log;
    if (segment.made_again.has_value()) {
      const std::string path = IndexPath(directory_, numbers_[i]);
      const PutResult put =
          PutFile(files_, directory_, path.substr(directory_.size() + 1),
                  segment.made_again->Encode(segment.header), Durability::kSyncedIfThere);
      Say(put.status.ok() ? LogLevel::kInfo : LogLevel::kWarning,
          put.status.ok()
              ? absl::StrCat("made the index ", path, " again")
              : absl::StrCat("could not write the index ", path, ": ", put.status.message()));
    }
    log_.segments->AddSealed(segment.header, segment.head);
    before_ = segment.head;
  }
  return absl::OkStatus();
}

absl::Status Opening::OpenActiveSegment() {
  const std::string path = SegmentPath(directory_, numbers_.back());
  COMMANDER_ASSIGN_OR_RETURN(const SegmentFile opened, OpenSegmentForReading(files_, path));
  COMMANDER_RETURN_IF_ERROR(CheckFollows(opened.header, directory_, numbers_.back(),
                                         before_.has_value() ? &*before_ : nullptr,
                                         before_.has_value() ? &log_.id : nullptr));
  log_.id = opened.header.log;
  COMMANDER_ASSIGN_OR_RETURN(std::shared_ptr<File> file, files_.OpenForWriting(path));
  COMMANDER_ASSIGN_OR_RETURN(
      ActiveContents contents,
      ReadActiveSegment(*file, path, opened.header, before_.value_or(IndexHead())));
  const std::uint64_t last = contents.index.head().last_sequence;
  if (durable_.has_value() && *durable_ > last) return FramesMissing(directory_, last, *durable_);
  COMMANDER_RETURN_IF_ERROR(MakeContentsDurable(*file, path, contents));
  COMMANDER_ASSIGN_OR_RETURN(log_.topics, ReadTopics(files_, directory_));
  // Whether they can be read: nobody else opens them before the log is used.
  COMMANDER_RETURN_IF_ERROR(ReadSchemas(files_, directory_).status());
  COMMANDER_RETURN_IF_ERROR(CheckTopicsThere(log_.topics, contents.index.head(), directory_));

  COMMANDER_ASSIGN_OR_RETURN(DurableMark mark, DurableMark::Open(files_, directory_));
  COMMANDER_RETURN_IF_ERROR(mark.Store(last));
  COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t size, file->Size());
  COMMANDER_ASSIGN_OR_RETURN(const FileSystemKind kind, files_.KindOf(directory_));
  log_.segments->SetActive(opened.header, file, std::move(contents.index));
  log_.writer = std::make_unique<SegmentWriter>(
      files_, *options_.random, *log_.segments, std::move(mark),
      SegmentWriter::Options{directory_, options_.segment_bytes,
                             kind == FileSystemKind::kCopyOnWrite ? 0 : options_.zero_ahead_bytes},
      SegmentWriter::Active{opened.header, std::move(file), size});
  return absl::OkStatus();
}

absl::Status Opening::MakeContentsDurable(File& file, const std::string& path,
                                          const ActiveContents& contents) {
  const std::uint64_t end = contents.index.head().end;
  if (contents.contents_end > end) {
    Say(LogLevel::kWarning,
        absl::StrCat("cut a torn tail of ", contents.contents_end - end, " bytes off ", path,
                     " at byte ", end, ", behind frame ", contents.index.head().last_sequence,
                     ": a crash interrupted a write that nobody was told of"));
    COMMANDER_RETURN_IF_ERROR(file.Truncate(end));
  }
  if (contents.last_frame != 0) {
    std::string frame(end - contents.last_frame, '\0');
    COMMANDER_ASSIGN_OR_RETURN(
        const std::size_t have,
        file.Read(contents.last_frame, std::as_writable_bytes(std::span(frame))));
    if (have != frame.size()) {
      return absl::DataLossError(absl::StrCat(path, " became shorter while it was being opened"));
    }
    COMMANDER_RETURN_IF_ERROR(WriteAll(file, contents.last_frame, frame));
  }
  COMMANDER_RETURN_IF_ERROR(file.Sync());
  for (const std::string& directory :
       {directory_, TopicsDirectory(directory_), SchemasDirectory(directory_)}) {
    COMMANDER_RETURN_IF_ERROR(files_.SyncDirectory(directory));
  }
  return files_.SyncDirectory(ParentDirectory(directory_));
}

}  // namespace

absl::StatusOr<OpenedLog> OpenForWriting(const EmbeddedLogOptions& options) {
  return Opening(options).Run();
}

}  // namespace commander::log
