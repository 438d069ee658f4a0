#include "tools/demo/log_prefix.h"

#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"

namespace commander::demo {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

class Hash {
 public:
  Hash() { XXH3_64bits_reset(state_.get()); }
  void Add(const void* data, std::size_t bytes) { XXH3_64bits_update(state_.get(), data, bytes); }
  std::uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_{XXH3_createState(),
                                                                         &XXH3_freeState};
};

// Hash of the first `bytes` of the file; nothing where it has fewer.
absl::StatusOr<std::optional<std::uint64_t>> HashOf(const fs::path& path, std::uint64_t bytes) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::InternalError(absl::StrCat("cannot open ", path.string()));
  Hash hash;
  std::vector<char> piece(kPieceBytes);
  while (bytes > 0) {
    const std::uint64_t wanted = std::min<std::uint64_t>(bytes, piece.size());
    file.read(piece.data(), static_cast<std::streamsize>(wanted));
    if (file.bad()) return absl::InternalError(absl::StrCat("cannot read ", path.string()));
    if (static_cast<std::uint64_t>(file.gcount()) < wanted) return std::nullopt;
    hash.Add(piece.data(), wanted);
    bytes -= wanted;
  }
  return hash.value();
}

// Where its last byte ends that is not zero: behind the last frame zeros are laid down for more.
absl::StatusOr<std::uint64_t> UsedBytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::InternalError(absl::StrCat("cannot open ", path.string()));
  std::string piece;
  std::uint64_t used = 0;
  for (std::uint64_t begin = 0; file; begin += piece.size()) {
    piece.resize(kPieceBytes);
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    if (file.bad()) return absl::InternalError(absl::StrCat("cannot read ", path.string()));
    piece.resize(static_cast<std::size_t>(file.gcount()));
    const std::size_t last = piece.find_last_not_of('\0');
    if (last != std::string::npos) used = begin + last + 1;
  }
  return used;
}

// The records of each partition, of those in `within` no more bytes than it has.
absl::StatusOr<LogBytes> HashRecords(const KafkaRecords& records, const LogBytes* within) {
  std::map<std::string, Hash> hashes;
  LogBytes log;
  COMMANDER_RETURN_IF_ERROR(ForEachRecord(
      records, [&](const std::string& partition, Offset offset, std::span<const log::Word> words) {
        if (within != nullptr) {
          const auto before = within->segments.find(partition);
          if (before == within->segments.end() ||
              log.segments[partition].bytes >= before->second.bytes) {
            return;
          }
        }
        Hash& hash = hashes[partition];
        hash.Add(&offset.value, sizeof offset.value);
        hash.Add(words.data(), words.size_bytes());
        log.segments[partition].bytes += words.size_bytes();
        log.bytes += words.size_bytes();
      }));
  for (auto& [partition, hash] : hashes) log.segments[partition].hash = hash.value();
  return log;
}

}  // namespace

absl::StatusOr<LogBytes> ReadLogBytes(const KafkaRecords& records) {
  return HashRecords(records, nullptr);
}

absl::StatusOr<bool> BeginsWith(const KafkaRecords& records, const LogBytes& before) {
  COMMANDER_ASSIGN_OR_RETURN(LogBytes now, HashRecords(records, &before));
  for (const auto& [partition, segment] : before.segments) {
    const LogBytes::Segment& same = now.segments[partition];
    if (same.bytes != segment.bytes || same.hash != segment.hash) return false;
  }
  return true;
}

absl::StatusOr<LogBytes> ReadLogBytes(const std::string& data) {
  LogBytes log;
  std::error_code error;
  for (fs::directory_iterator at(fs::path(data) / "log", error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().extension() != ".log") continue;
    LogBytes::Segment segment;
    COMMANDER_ASSIGN_OR_RETURN(segment.bytes, UsedBytes(at->path()));
    COMMANDER_ASSIGN_OR_RETURN(const auto hash, HashOf(at->path(), segment.bytes));
    if (!hash.has_value()) {
      return absl::AbortedError(absl::StrCat(at->path().string(), " became shorter"));
    }
    segment.hash = *hash;
    log.bytes += segment.bytes;
    log.segments[at->path().filename().string()] = segment;
  }
  if (error) return absl::InternalError(absl::StrCat("cannot read the log: ", error.message()));
  return log;
}

absl::StatusOr<bool> BeginsWith(const std::string& data, const LogBytes& before) {
  for (const auto& [name, segment] : before.segments) {
    const fs::path path = fs::path(data) / "log" / name;
    std::error_code error;
    if (!fs::exists(path, error)) return false;
    COMMANDER_ASSIGN_OR_RETURN(const auto hash, HashOf(path, segment.bytes));
    if (hash != segment.hash) return false;
  }
  return true;
}

}  // namespace commander::demo
