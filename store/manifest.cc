#include "store/manifest.h"

#include <algorithm>
#include <cstddef>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "store/files.h"

namespace commander::store {
namespace {

namespace fs = std::filesystem;

// The format of RocksDB's journals, db/log_format.h there: blocks of 32 KiB; records of a checksum
// u32, a length u16, a type u8, for some types the number of the log u32, then the bytes.
constexpr std::size_t kBlockBytes = 32768;
constexpr std::size_t kHeaderBytes = 7;
constexpr std::size_t kNumberedHeaderBytes = 11;

bool IsNumbered(std::uint8_t type) { return (type >= 5 && type <= 8) || type == 11; }
bool BeginsFragments(std::uint8_t type) { return type == 2 || type == 6; }
bool EndsFragments(std::uint8_t type) { return type == 4 || type == 8; }

absl::StatusOr<std::string> ReadCurrent(const fs::path& directory) {
  absl::StatusOr<std::string> current = ReadFile(directory / "CURRENT");
  if (absl::IsNotFound(current.status())) {
    return absl::NotFoundError(absl::StrCat("there is no store in ", directory.string()));
  }
  COMMANDER_RETURN_IF_ERROR(current.status());
  std::string name = current->substr(0, current->find('\n'));
  if (!name.starts_with("MANIFEST-") || name.find('/') != std::string::npos) {
    return absl::DataLossError(
        absl::StrCat((directory / "CURRENT").string(), " names no manifest"));
  }
  return name;
}

}  // namespace

absl::StatusOr<ManifestState> ReadManifestState(const fs::path& directory) {
  ManifestState state;
  while (true) {
    COMMANDER_ASSIGN_OR_RETURN(std::string name, ReadCurrent(directory));
    std::error_code error;
    const std::uintmax_t size = fs::file_size(directory / name, error);
    if (!error) return ManifestState{.name = std::move(name), .size = size};
    if (error != std::errc::no_such_file_or_directory) {
      return FileError("cannot look at", directory / name, error);
    }
    // A writer may have gone over to another one after we read CURRENT.
    if (name == state.name) {
      return absl::DataLossError(
          absl::StrCat((directory / name).string(), " is missing, and CURRENT names it"));
    }
    state.name = std::move(name);
  }
}

absl::StatusOr<std::optional<std::uint64_t>> FindBrokenManifestEnd(const fs::path& path) {
  COMMANDER_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  std::optional<std::uint64_t> fragments_since;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t in_block = kBlockBytes - at % kBlockBytes;
    if (in_block < kHeaderBytes) {  // too little for a record: filled up
      at += in_block;
      continue;
    }
    const std::size_t room = std::min(in_block, bytes.size() - at);
    if (room < kHeaderBytes) return at;
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[at + i]); };
    const std::size_t length = std::size_t{byte(4)} | std::size_t{byte(5)} << 8;
    const std::uint8_t type = byte(6);
    const std::size_t record = (IsNumbered(type) ? kNumberedHeaderBytes : kHeaderBytes) + length;
    if (type == 0 || record > room) return at;
    if (BeginsFragments(type)) fragments_since = at;
    if (EndsFragments(type)) fragments_since.reset();
    at += record;
  }
  return fragments_since;
}

}  // namespace commander::store
