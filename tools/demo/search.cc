#include "tools/demo/search.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "store/names.h"
#include "store/rocks_reader.h"
#include "tools/demo/text_scanner.h"

namespace commander::demo {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

void Add(const Needles::Count& found, Needles::Count* sum) {
  sum->email += found.email;
  sum->name += found.name;
}

absl::Status SearchFile(const fs::path& path, const Needles& needles, Hits* hits) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::InternalError(absl::StrCat("cannot open ", path.string()));
  // The end of a piece is looked at again with the next one: a needle may begin there.
  std::string piece;
  for (;;) {
    const std::size_t kept = piece.size();
    piece.resize(kept + kPieceBytes);
    file.read(piece.data() + kept, kPieceBytes);
    if (file.bad()) return absl::InternalError(absl::StrCat("cannot read ", path.string()));
    const auto got = static_cast<std::size_t>(file.gcount());
    piece.resize(kept + got);
    hits->bytes_read += got;
    const bool last = got < kPieceBytes;
    Add(needles.CountIn(piece, kept), &hits->files);
    if (last) return absl::OkStatus();
    const std::size_t keep = std::min(piece.size(), needles.longest());
    piece.erase(0, piece.size() - keep);
  }
}

absl::Status SearchFiles(const fs::path& data, const Needles& needles, Hits* hits) {
  std::error_code error;
  for (fs::recursive_directory_iterator at(data, error), end; !error && at != end;
       at.increment(error)) {
    Add(needles.CountIn(at->path().lexically_relative(data).string()), &hits->files);
    if (!at->is_regular_file(error) || error) continue;
    ++hits->files_read;
    COMMANDER_RETURN_IF_ERROR(SearchFile(at->path(), needles, hits));
  }
  if (!error) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("cannot search ", data.string(), ": ", error.message()));
}

absl::Status SearchStore(const fs::path& directory, const Needles& needles, Hits* hits) {
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<store::StoreReader> reader,
                             store::OpenRocksStoreReader({.directory = directory}));
  for (const std::string& name : reader->FamilyNames()) {
    COMMANDER_ASSIGN_OR_RETURN(const store::FamilyId family, reader->FindFamily(name));
    const std::unique_ptr<store::Cursor> cursor = reader->Scan(family, "", "");
    for (; cursor->Valid(); cursor->Next()) {
      ++hits->rows_read;
      Add(needles.CountIn(cursor->key()), &hits->rows);
      Add(needles.CountIn(cursor->value()), &hits->rows);
    }
    COMMANDER_RETURN_IF_ERROR(cursor->status());
  }
  return absl::OkStatus();
}

}  // namespace

void Needles::Add(std::string_view needle, std::vector<std::string>* needles) {
  if (needle.size() < kLeastBytes) return;
  needles->push_back(FoldCase(needle));
  longest_ = std::max(longest_, needle.size());
}

Needles::Count Needles::CountIn(std::string_view text, std::size_t seen) const {
  const std::string folded = FoldCase(text);
  // Counted by where they end: what ends in the first `seen` bytes was counted with those.
  const auto count = [&](const std::vector<std::string>& needles) {
    std::uint64_t found = 0;
    for (const std::string& needle : needles) {
      std::size_t at = seen < needle.size() ? 0 : seen - needle.size() + 1;
      for (; (at = folded.find(needle, at)) != std::string::npos; ++at) ++found;
    }
    return found;
  };
  return {count(emails_), count(names_)};
}

absl::StatusOr<Hits> Search(const std::string& data, const Needles& needles) {
  Hits hits;
  COMMANDER_RETURN_IF_ERROR(SearchFiles(data, needles, &hits));
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> stores, store::RocksStoreNames(data));
  for (const std::string& name : stores) {
    COMMANDER_RETURN_IF_ERROR(SearchStore(fs::path(data) / name, needles, &hits));
  }
  // The keys of people are rows, too.
  const fs::path keys = fs::path(data) / "keys" / "rows";
  std::error_code error;
  if (fs::exists(keys, error)) COMMANDER_RETURN_IF_ERROR(SearchStore(keys, needles, &hits));
  return hits;
}

absl::Status SearchRecords(const KafkaRecords& records, const Needles& needles, Hits* hits) {
  return ForEachRecord(records, [&](const std::string&, Offset, std::span<const log::Word> words) {
    ++hits->records_read;
    Add(needles.CountIn({reinterpret_cast<const char*>(words.data()), words.size_bytes()}),
        &hits->records);
  });
}

}  // namespace commander::demo
