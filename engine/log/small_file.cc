#include "engine/log/small_file.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"

namespace commander::log {
namespace {

absl::Status WriteAndSync(FileSystem& files, const std::string& path, std::string_view bytes) {
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Create(path));
  COMMANDER_RETURN_IF_ERROR(WriteAll(*file, 0, bytes));
  return file->Sync();
}

}  // namespace

absl::Status WriteAll(File& file, std::uint64_t at, std::span<const iovec> pieces,
                      std::uint64_t* written) {
  std::vector<iovec> rest(pieces.begin(), pieces.end());
  std::size_t i = 0;
  std::uint64_t total = 0;
  if (written != nullptr) *written = 0;
  while (true) {
    while (i < rest.size() && rest[i].iov_len == 0) ++i;
    if (i == rest.size()) return absl::OkStatus();
    COMMANDER_ASSIGN_OR_RETURN(std::size_t n, file.Write(at + total, std::span(rest).subspan(i)));
    total += n;
    if (written != nullptr) *written = total;
    while (i < rest.size() && n >= rest[i].iov_len) n -= rest[i++].iov_len;
    if (n > 0) {
      rest[i].iov_base = static_cast<std::byte*>(rest[i].iov_base) + n;
      rest[i].iov_len -= n;
    }
  }
}

absl::Status WriteAll(File& file, std::uint64_t at, std::string_view bytes) {
  const iovec piece = {const_cast<char*>(bytes.data()), bytes.size()};
  return WriteAll(file, at, std::span(&piece, 1));
}

PutResult PutFile(FileSystem& files, const std::string& directory, const std::string& name,
                  std::string_view bytes, Durability durability) {
  const std::string path = absl::StrCat(directory, "/", name);
  const std::string temporary = absl::StrCat(path, internal::ToAbsl(kTemporarySuffix));
  absl::Status status = WriteAndSync(files, temporary, bytes);
  if (status.ok()) status = files.Rename(temporary, path);
  if (!status.ok()) {
    files.Remove(temporary).IgnoreError();  // the next opening does it otherwise
    return {status, false};
  }
  if (durability == Durability::kSynced) status = files.SyncDirectory(directory);
  return {status, true};
}

absl::StatusOr<std::string> ReadWholeFile(FileSystem& files, const std::string& path) {
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.OpenForReading(path));
  COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t size, file->Size());
  std::string bytes(size, '\0');
  COMMANDER_ASSIGN_OR_RETURN(const std::size_t have,
                             file->Read(0, std::as_writable_bytes(std::span(bytes))));
  bytes.resize(have);
  return bytes;
}

std::string ParentDirectory(const std::string& directory) {
  std::string_view path = directory;
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, std::max<std::size_t>(slash, 1)));
}

absl::Status RemoveTemporaryFiles(FileSystem& files, const std::string& directory) {
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  for (const std::string& name : names) {
    if (!name.ends_with(kTemporarySuffix)) continue;
    COMMANDER_RETURN_IF_ERROR(files.Remove(absl::StrCat(directory, "/", name)));
  }
  return absl::OkStatus();
}

}  // namespace commander::log
