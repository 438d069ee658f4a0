#include "engine/log/durable_mark.h"

#include <array>
#include <string_view>
#include <utility>

#include "commander/internal/status_macros.h"
#include "engine/log/checksum.h"
#include "engine/log/small_file.h"

namespace commander::log {
namespace {

struct StoredMark {
  std::uint64_t sequence = 0;
  std::uint64_t checksum = 0;
};
static_assert(sizeof(StoredMark) == 16);

}  // namespace

std::string DurableMarkPath(const std::string& log_directory) { return log_directory + "/durable"; }

absl::StatusOr<std::optional<std::uint64_t>> ReadDurableMark(FileSystem& files,
                                                             const std::string& log_directory) {
  absl::StatusOr<std::unique_ptr<File>> file = files.OpenForReading(DurableMarkPath(log_directory));
  if (absl::IsNotFound(file.status())) return std::nullopt;
  COMMANDER_RETURN_IF_ERROR(file.status());
  // The first read may have met the writer half way.
  for (int attempt = 0; attempt < 2; ++attempt) {
    StoredMark mark;
    COMMANDER_ASSIGN_OR_RETURN(
        const std::size_t have,
        (*file)->Read(0, std::as_writable_bytes(std::span<StoredMark, 1>(&mark, 1))));
    if (have == sizeof mark && mark.checksum == ChecksumOf(&mark.sequence, 8)) {
      return mark.sequence;
    }
  }
  return std::nullopt;
}

absl::StatusOr<DurableMark> DurableMark::Open(FileSystem& files, const std::string& log_directory) {
  const std::string path = DurableMarkPath(log_directory);
  absl::StatusOr<std::unique_ptr<File>> file = files.OpenForWriting(path);
  if (absl::IsNotFound(file.status())) file = files.Create(path);
  COMMANDER_RETURN_IF_ERROR(file.status());
  return DurableMark(*std::move(file));
}

absl::Status DurableMark::Store(std::uint64_t sequence) {
  const StoredMark mark = {sequence, ChecksumOf(&sequence, sizeof sequence)};
  return WriteAll(*file_, 0, std::string_view(reinterpret_cast<const char*>(&mark), sizeof mark));
}

}  // namespace commander::log
