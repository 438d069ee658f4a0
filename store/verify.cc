#include "store/verify.h"

#include <fcntl.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "rocksdb/db.h"
#include "rocksdb/file_checksum.h"
#include "rocksdb/sst_file_reader.h"
#include "store/files.h"
#include "store/layout.h"
#include "store/manifest.h"
#include "store/names.h"
#include "store/rocks_logger.h"
#include "store/rocks_open.h"
#include "store/rocks_options.h"
#include "store/status.h"

namespace commander::store {
namespace {

namespace fs = std::filesystem;
using ::commander::internal::ToAbsl;

constexpr std::string_view kChecksumName = "FileChecksumCrc32c";

// A round finds what is damaged now; a table that a writer has removed meanwhile is none.
constexpr int kRounds = 20;

std::string NameOf(const rocksdb::LiveFileMetaData& table) {
  return table.name.substr(table.name.find_first_not_of('/'));
}

// "… offset 4096 size 812 …", as RocksDB says where a block lies.
std::string PlaceIn(const std::string& text) {
  constexpr std::string_view kWord = "offset ";
  const std::size_t at = text.find(kWord);
  if (at == std::string::npos) return "";
  std::size_t end = at + kWord.size();
  while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0) ++end;
  return text.substr(at, end - at);
}

// Checksum of the whole file, by the function with which RocksDB took it.
absl::StatusOr<std::string> ChecksumOf(const fs::path& path) {
  const auto failed = [&] {
    return FileError("cannot read", path, std::error_code(errno, std::generic_category()));
  };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return failed();
  const absl::Cleanup close_file = [file] { close(file); };
  const std::unique_ptr<rocksdb::FileChecksumGenerator> checksum =
      rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator({});
  std::vector<char> buffer(std::size_t{1} << 20);
  while (true) {
    const ssize_t got = read(file, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (got == 0) break;
    checksum->Update(buffer.data(), static_cast<std::size_t>(got));
  }
  checksum->Finalize();
  return checksum->GetChecksum();
}

class Verifier {
 public:
  Verifier(const RocksReaderOptions& options, const std::function<void(const Damage&)>& on_damage)
      : directory_(options.directory),
        memory_(NewSharedMemory(options.memory_bytes)),
        db_options_(NewDbOptions(memory_, NewRocksLogger(options.sink, StoreNameOf(directory_)),
                                 options.env)),
        family_options_(NewFamilyOptions(memory_)),
        on_damage_(on_damage) {
    // Tables that are missing or too short are to be listed, not to end the opening.
    db_options_.paranoid_checks = false;
  }

  absl::Status CheckFiles();
  absl::Status CheckRows(const StoreReader& reader);
  void Tell(const Damage& damage) {
    ++totals.damages;
    on_damage_(damage);
  }

  VerifiedTotals totals;

 private:
  using Damages = std::map<std::string, Damage>;  // by file

  // What is damaged now.  Tables that were whole before are not read again: they never change.
  absl::StatusOr<Damages> FindDamages(const ManifestState& manifest);
  absl::StatusOr<std::optional<Damage>> CheckTable(const std::string& name,
                                                   const rocksdb::LiveFileMetaData& table) const;

  const fs::path directory_;
  const SharedMemory memory_;
  rocksdb::DBOptions db_options_;
  const rocksdb::ColumnFamilyOptions family_options_;
  const std::function<void(const Damage&)>& on_damage_;
  std::map<std::string, std::uint64_t> whole_;  // tables that were checked, and their sizes
};

absl::Status Verifier::CheckFiles() {
  for (int round = 0; round < kRounds; ++round) {
    absl::StatusOr<ManifestState> before = ReadManifestState(directory_);
    if (absl::IsDataLoss(before.status())) {
      Tell({.file = "CURRENT", .place = "", .what = std::string(before.status().message())});
      return absl::OkStatus();
    }
    COMMANDER_RETURN_IF_ERROR(before.status());
    COMMANDER_ASSIGN_OR_RETURN(const Damages damages, FindDamages(*before));
    const absl::StatusOr<ManifestState> after = ReadManifestState(directory_);
    if (damages.empty() || (after.ok() && *after == *before)) {
      for (const auto& [file, damage] : damages) Tell(damage);
      totals.tables = whole_.size();
      for (const auto& [file, bytes] : whole_) totals.table_bytes += bytes;
      return absl::OkStatus();
    }
  }
  return absl::AbortedError(absl::StrCat("the store in ", directory_.string(),
                                         " is being written and changed while reading ", kRounds,
                                         " times; try again"));
}

absl::StatusOr<Verifier::Damages> Verifier::FindDamages(const ManifestState& manifest) {
  Damages found;
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> broken_at,
                             FindBrokenManifestEnd(directory_ / manifest.name));
  if (broken_at.has_value()) {
    found[manifest.name] = {.file = manifest.name,
                            .place = absl::StrCat("offset ", *broken_at),
                            .what = "what follows is no whole record, and is never read"};
  }
  std::vector<rocksdb::LiveFileMetaData> tables;
  const OpenedDb opened = OpenReadOnly(db_options_, family_options_, directory_);
  if (opened.status.ok()) {
    opened.db->GetLiveFilesMetaData(&tables);
    for (auto* family : opened.families) opened.db->DestroyColumnFamilyHandle(family);
  } else {
    const std::string text = opened.status.ToString();
    found.try_emplace(manifest.name,
                      Damage{.file = manifest.name, .place = PlaceIn(text), .what = text});
  }
  std::map<std::string, std::uint64_t> whole;
  for (const rocksdb::LiveFileMetaData& table : tables) {
    const std::string name = NameOf(table);
    if (!whole_.contains(name)) {
      COMMANDER_ASSIGN_OR_RETURN(std::optional<Damage> damage, CheckTable(name, table));
      if (damage.has_value()) {
        found[name] = *std::move(damage);
        continue;
      }
    }
    whole[name] = table.size;
  }
  whole_ = std::move(whole);
  return found;
}

absl::StatusOr<std::optional<Damage>> Verifier::CheckTable(
    const std::string& name, const rocksdb::LiveFileMetaData& table) const {
  const auto damage = [&](std::string place, std::string what) {
    return std::optional<Damage>(
        Damage{.file = name, .place = std::move(place), .what = std::move(what)});
  };
  const fs::path path = directory_ / name;
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (error == std::errc::no_such_file_or_directory) {
    return damage("", "the manifest names it, and it is missing");
  }
  if (error) return FileError("cannot look at", path, error);
  if (size != table.size) {
    return damage("", absl::StrCat("it has ", size, " bytes, the manifest says ", table.size));
  }
  // First block by block, which tells the place.
  rocksdb::SstFileReader blocks(rocksdb::Options(db_options_, family_options_));
  rocksdb::Status status = blocks.Open(path.string());
  if (status.ok()) status = blocks.VerifyChecksum();
  if (!status.ok()) {
    if (!IsDamage(status)) return ToAbslStatus(status, absl::StrCat("cannot read ", path.string()));
    return damage(PlaceIn(status.ToString()), status.ToString());
  }
  if (table.file_checksum_func_name != kChecksumName) return std::optional<Damage>();
  absl::StatusOr<std::string> checksum = ChecksumOf(path);
  if (absl::IsNotFound(checksum.status())) {
    return damage("", "the manifest names it, and it is missing");
  }
  COMMANDER_RETURN_IF_ERROR(checksum.status());
  if (*checksum == table.file_checksum) return std::optional<Damage>();
  return damage("",
                absl::StrCat("its checksum is ", absl::BytesToHexString(*checksum),
                             ", the manifest says ", absl::BytesToHexString(table.file_checksum),
                             ": it is another table, or was changed between its blocks"));
}

absl::Status Verifier::CheckRows(const StoreReader& reader) {
  const bool files_damaged = totals.damages > 0;
  totals.rows_checked = true;
  for (const std::string& name : reader.FamilyNames()) {
    COMMANDER_ASSIGN_OR_RETURN(const FamilyId family, reader.FindFamily(name));
    const std::string where = absl::StrCat("family ", name);
    const std::unique_ptr<Cursor> row = reader.Scan(family, "", "");
    for (; row->Valid(); row->Next()) {
      ++totals.rows;
      const absl::Status status = CheckRow(row->key(), row->value());
      if (status.ok()) continue;
      Tell({.file = where,
            .place = absl::StrCat("row ", absl::BytesToHexString(ToAbsl(row->key()))),
            .what = std::string(status.message())});
    }
    if (!absl::IsDataLoss(row->status())) {
      COMMANDER_RETURN_IF_ERROR(row->status());
      continue;
    }
    totals.rows_checked = false;
    if (files_damaged) continue;  // told with its file
    const std::string text(row->status().message());
    Tell({.file = where, .place = PlaceIn(text), .what = text});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<VerifiedTotals> VerifyRocksStore(
    const RocksReaderOptions& options, const std::function<void(const Damage&)>& on_damage) {
  Verifier verifier(options, on_damage);
  COMMANDER_RETURN_IF_ERROR(verifier.CheckFiles());
  absl::StatusOr<std::unique_ptr<StoreReader>> reader = OpenRocksStoreReader(options);
  if (reader.ok()) {
    // Beside a damaged table there is still something to read.
    COMMANDER_RETURN_IF_ERROR(verifier.CheckRows(**reader));
  } else if (!absl::IsDataLoss(reader.status())) {
    return reader.status();
  } else if (verifier.totals.damages == 0) {
    verifier.Tell({.file = "CURRENT", .place = "", .what = std::string(reader.status().message())});
  }
  return verifier.totals;
}

}  // namespace commander::store
