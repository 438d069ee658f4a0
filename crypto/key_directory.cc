#include "crypto/key_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"

namespace commander::crypto {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIdName = "id";
constexpr std::string_view kRootName = "root.slots";
constexpr std::string_view kRowsName = "rows";
constexpr std::string_view kCacheTagName = "CACHEDIR.TAG";
constexpr std::uint64_t kFirstTable = 1;
constexpr std::size_t kFileLimit = std::size_t{1} << 20;
// bford.info/cachedir: ordinary backups pass the directory over.
constexpr std::string_view kCacheTag =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# A copy of this directory brings back what is erased later.\n";

std::string TableName(std::uint64_t number) { return absl::StrCat("table.", number); }

absl::Status Corrupt(const fs::path& path, std::string_view why) {
  return absl::DataLossError(absl::StrCat("CORRUPT: ", path.string(), ": ", internal::ToAbsl(why),
                                          "; restore the store of keys, or the disk below it"));
}

// An error of a file that has to be there.
absl::Status Required(const absl::Status& status, const fs::path& path) {
  if (absl::IsNotFound(status)) return Corrupt(path, "is missing");
  return status;
}

absl::Status Decoded(const absl::Status& status, const fs::path& path) {
  if (absl::IsDataLoss(status)) {
    return Corrupt(path, internal::ToStd(status.message()));
  }
  return absl::Status(status.code(), absl::StrCat(path.string(), ": ", status.message()));
}

// Without trailing separators, so that names can be made next to it.
fs::path Normal(const fs::path& directory) {
  const fs::path normal = fs::absolute(directory).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

absl::StatusOr<FileHandle> Lock(const fs::path& directory) {
  FileHandle lock(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.get() < 0) return FileError("cannot open", directory, errno);
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return FileError("cannot lock", directory, errno);
    return absl::UnavailableError(absl::StrCat("LOCKED: another process has the store of keys ",
                                               directory.string(), "; stop the engine, or ask it"));
  }
  return lock;
}

absl::StatusOr<KeyStoreId> ReadId(const fs::path& directory) {
  const fs::path path = directory / kIdName;
  COMMANDER_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(path, kFileLimit));
  absl::StatusOr<KeyStoreId> id = DecodeKeyStoreId(bytes);
  if (!id.ok()) return Decoded(id.status(), path);
  return id;
}

// What "keys are missing" is called for the operator.
absl::Status KekStatus(const absl::Status& status) {
  if (!absl::IsNotFound(status)) return status;
  return absl::FailedPreconditionError(status.message());
}

class Opening {
 public:
  explicit Opening(const KeyStoreOptions& options)
      : options_(options),
        directory_(Normal(options.directory)),
        draft_(directory_.string() + ".new") {}

  absl::StatusOr<KeyDirectory> Run() {
    std::error_code error;
    const fs::file_status about = fs::symlink_status(directory_, error);
    if (about.type() == fs::file_type::not_found) {
      COMMANDER_RETURN_IF_ERROR(MayCreate());
      COMMANDER_RETURN_IF_ERROR(Create());
    } else {
      absl::StatusOr<FileHandle> lock = Lock(directory_);
      if (absl::IsFailedPrecondition(lock.status())) {
        return Corrupt(directory_, "is not a directory");
      }
      COMMANDER_RETURN_IF_ERROR(lock.status());
      opened_.lock = *std::move(lock);
    }
    COMMANDER_RETURN_IF_ERROR(Read());
    return std::move(opened_);
  }

 private:
  absl::Status MayCreate();
  absl::Status Create();
  absl::Status LockDraft();
  absl::Status ClearDraft() const;
  absl::Status WriteDraft(Bytes kek);
  absl::Status Read();
  absl::Status ReadTable(const RootSlot& slot, Bytes root) const;
  absl::Status Mirror(const RootSlot& slot, std::string_view file) const;
  absl::Status RemoveOtherTables(const RootSlot& slot) const;
  absl::StatusOr<LockedMemory> Secret(std::size_t bytes) const {
    return LockedMemory::Allocate(bytes, options_.require_locked_memory, options_.sink);
  }
  void Step(std::string_view name) const {
    if (options_.on_step) options_.on_step(name);
  }

  const KeyStoreOptions& options_;
  const fs::path directory_;
  const fs::path draft_;
  KeyDirectory opened_;
};

absl::Status Opening::MayCreate() {
  bool any = false;
  const absl::Status read = options_.ledger->Read(0, [&](std::uint64_t, std::string_view) {
    any = true;
    return absl::CancelledError("one is enough");
  });
  if (any) {
    return absl::FailedPreconditionError(absl::StrCat(
        "KEYS_MISSING: there is no store of keys ", directory_.string(),
        ", and the ledger of erasures names one; restore it: to lose it is to erase everybody, "
        "and a new one would read nothing that is there"));
  }
  COMMANDER_RETURN_IF_ERROR(read);
  if (options_.create) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("there is no store of keys ", directory_.string()));
}

absl::Status Opening::LockDraft() {
  if (mkdir(draft_.c_str(), 0700) != 0 && errno != EEXIST) {
    return FileError("cannot create", draft_, errno);
  }
  COMMANDER_ASSIGN_OR_RETURN(opened_.lock, Lock(draft_));
  // Whoever had it before may have renamed it meanwhile: then it is a store.
  struct stat locked {};
  struct stat named {};
  if (fstat(opened_.lock.get(), &locked) != 0) return FileError("cannot look at", draft_, errno);
  if (stat(draft_.c_str(), &named) == 0 && named.st_ino == locked.st_ino &&
      named.st_dev == locked.st_dev) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(absl::StrCat("LOCKED: another process makes the store of keys ",
                                             directory_.string(), "; try again"));
}

absl::Status Opening::ClearDraft() const {
  std::error_code error;
  for (fs::directory_iterator entry(draft_, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code removing;
    fs::remove_all(entry->path(), removing);
    if (removing) return FileError("cannot remove", entry->path(), removing.value());
  }
  if (error) return FileError("cannot list", draft_, error.value());
  return absl::OkStatus();
}

absl::Status Opening::Create() {
  // An attempt that a crash ended may have made the KEK already: its name is that of the store.
  KeyStoreId id;
  const absl::StatusOr<KeyStoreId> earlier = ReadId(draft_);
  if (earlier.ok()) {
    id = *earlier;
  } else {
    FillRandom(options_.random, id.store);
    FillRandom(options_.random, id.realm);
  }
  COMMANDER_ASSIGN_OR_RETURN(LockedMemory kek, Secret(kKekBytes));
  const std::span<std::uint8_t, kKekBytes> kek_bytes(kek.data(), kKekBytes);
  const absl::Status loaded = options_.kek->Load(id.store, kek_bytes);
  if (!loaded.ok() && !absl::IsNotFound(loaded)) return loaded;
  if (!loaded.ok()) FillRandom(options_.random, kek_bytes);

  std::error_code error;
  fs::create_directories(directory_.parent_path(), error);
  if (error) return FileError("cannot create", directory_.parent_path(), error.value());
  COMMANDER_RETURN_IF_ERROR(LockDraft());
  COMMANDER_RETURN_IF_ERROR(ClearDraft());
  opened_.id = id;
  COMMANDER_RETURN_IF_ERROR(WriteDraft(kek.span()));
  if (!loaded.ok()) {
    COMMANDER_RETURN_IF_ERROR(options_.kek->Create(id.store, kek_bytes));
    Step("create.kek");
  }
  if (std::rename(draft_.c_str(), directory_.c_str()) != 0) {
    return FileError("cannot rename to", directory_, errno);
  }
  COMMANDER_RETURN_IF_ERROR(SyncPath(directory_.parent_path()));
  Step("create.renamed");
  return absl::OkStatus();
}

absl::Status Opening::WriteDraft(Bytes kek) {
  COMMANDER_RETURN_IF_ERROR(WriteNewFile(draft_ / kIdName, EncodeKeyStoreId(opened_.id)));
  COMMANDER_RETURN_IF_ERROR(SyncPath(draft_));
  Step("create.id");
  COMMANDER_RETURN_IF_ERROR(WriteNewFile(draft_ / kCacheTagName, kCacheTag));
  COMMANDER_ASSIGN_OR_RETURN(LockedMemory root, Secret(kKeyBytes));
  COMMANDER_ASSIGN_OR_RETURN(LockedMemory table, Secret(SecretTable::kBytes));
  FillRandom(options_.random, root.span());
  SecretTable(table.span()).Generate(options_.random);
  const StoreId& store = opened_.id.store;
  COMMANDER_RETURN_IF_ERROR(
      WriteNewFile(draft_ / TableName(kFirstTable),
                   SealTable(kFirstTable, store, root.span(), table.span(), options_.random)));
  Step("create.table");
  const std::string slot = EncodeRootSlot(1, kFirstTable, store, kek, root.span(), options_.random);
  COMMANDER_RETURN_IF_ERROR(WriteNewFile(draft_ / kRootName, slot + slot));
  Step("create.slots");
  COMMANDER_ASSIGN_OR_RETURN(const auto rows, options_.open_rows(draft_ / kRowsName, true));
  COMMANDER_RETURN_IF_ERROR(rows->Close());
  COMMANDER_RETURN_IF_ERROR(SyncPath(draft_));
  Step("create.rows");
  return absl::OkStatus();
}

absl::Status Opening::Read() {
  absl::StatusOr<KeyStoreId> id = ReadId(directory_);
  if (!id.ok()) return Required(id.status(), directory_ / kIdName);
  opened_.id = *id;
  // What can be seen becomes durable before it is believed: a process may have been killed between
  // writing and syncing.
  const fs::path path = directory_ / kRootName;
  COMMANDER_RETURN_IF_ERROR(Required(SyncPath(path), path));
  COMMANDER_RETURN_IF_ERROR(SyncPath(directory_));
  absl::StatusOr<std::string> file = ReadWholeFile(path, kFileLimit);
  COMMANDER_RETURN_IF_ERROR(Required(file.status(), path));
  absl::StatusOr<RootSlot> slot = NewestRootSlot(*file);
  if (!slot.ok()) return Decoded(slot.status(), path);

  const StoreId& store = opened_.id.store;
  COMMANDER_ASSIGN_OR_RETURN(LockedMemory secrets, Secret(kKekBytes + kKeyBytes));
  const auto kek = secrets.span().first<kKekBytes>();
  const auto root = secrets.span().last<kKeyBytes>();
  COMMANDER_RETURN_IF_ERROR(KekStatus(options_.kek->Load(store, kek)));
  if (KekIdOf(kek) != slot->kek_id) {
    return absl::FailedPreconditionError(
        absl::StrCat("WRONG_KEK: ", options_.kek->Where(store), " is not the key file of ",
                     directory_.string(), "; put the right one there"));
  }
  if (!OpenRootSlot(*slot, store, kek, root)) return Corrupt(path, "its root does not open");
  COMMANDER_ASSIGN_OR_RETURN(opened_.memory, Secret(SecretTable::kBytes));
  opened_.table = SecretTable(opened_.memory.span());
  opened_.root_sequence = slot->sequence;
  COMMANDER_RETURN_IF_ERROR(ReadTable(*slot, root));
  COMMANDER_RETURN_IF_ERROR(Mirror(*slot, *file));
  return RemoveOtherTables(*slot);
}

absl::Status Opening::ReadTable(const RootSlot& slot, Bytes root) const {
  const fs::path path = directory_ / TableName(slot.table);
  absl::StatusOr<std::string> file = ReadWholeFile(path, kFileLimit);
  COMMANDER_RETURN_IF_ERROR(Required(file.status(), path));
  if (OpenTable(*file, slot.table, opened_.id.store, root, opened_.memory.span())) {
    return absl::OkStatus();
  }
  return Corrupt(path, "does not open");
}

absl::Status Opening::Mirror(const RootSlot& slot, std::string_view file) const {
  const fs::path path = directory_ / kRootName;
  for (const std::size_t at : {std::size_t{0}, kSlotBytes}) {
    if (file.substr(at, kSlotBytes) == slot.bytes) continue;
    COMMANDER_RETURN_IF_ERROR(OverwriteFile(path, at, slot.bytes));
  }
  COMMANDER_ASSIGN_OR_RETURN(const std::string now, ReadWholeFile(path, kFileLimit));
  if (now == slot.bytes + slot.bytes) return absl::OkStatus();
  return Corrupt(path, "does not keep what is written to it");
}

absl::Status Opening::RemoveOtherTables(const RootSlot& slot) const {
  std::error_code error;
  bool removed = false;
  for (fs::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!absl::StartsWith(name, "table.") || name == TableName(slot.table)) continue;
    if (unlink(entry->path().c_str()) != 0) {
      return FileError("cannot remove", entry->path(), errno);
    }
    removed = true;
  }
  if (error) return FileError("cannot list", directory_, error.value());
  return removed ? SyncPath(directory_) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<KeyDirectory> OpenKeyDirectory(const KeyStoreOptions& options) {
  return Opening(options).Run();
}

}  // namespace commander::crypto
