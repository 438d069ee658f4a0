#include "tools/commander/key_access.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "commander/environment.h"
#include "commander/internal/status_macros.h"
#include "engine/ledger_topic.h"
#include "engine/log/embedded_log.h"
#include "store/key_rows_rocks.h"

namespace commander::cli {
namespace {

namespace fs = std::filesystem;

fs::path KeysOf(const fs::path& data, const KeyOptions& options) {
  return options.directory.empty() ? data / "keys" : fs::path(options.directory);
}

absl::StatusOr<std::optional<std::uint16_t>> FindLedger(log::LogReader& log) {
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<log::TopicInfo> topics, log.Topics());
  for (const log::TopicInfo& topic : topics) {
    if (topic.settings.name == internal::kLedgerTopic) return std::optional(topic.number);
  }
  return std::optional<std::uint16_t>();
}

// The ledger in a log that is not written.
class LedgerToRead final : public crypto::LedgerLog {
 public:
  LedgerToRead(log::LogReader& log, std::optional<std::uint16_t> topic)
      : log_(log), topic_(topic) {}

  absl::StatusOr<std::uint64_t> Append(std::string_view) override {
    return absl::UnavailableError("the log is open for reading only");
  }
  absl::Status Read(std::uint64_t from, Record record) override {
    if (!topic_.has_value()) return absl::OkStatus();
    return internal::ReadLedger(log_, {*topic_, 0}, from, record);
  }

 private:
  log::LogReader& log_;
  const std::optional<std::uint16_t> topic_;
};

absl::Status InUse(const fs::path& data) {
  return absl::AbortedError(absl::StrCat(
      "the data directory ", data.string(),
      " is in use by an engine, which has its keys; stop it, or ask it through its own program"));
}

// Keeps engines out while it is held; leaves no trace.  -1 where no engine ever locked it.
absl::StatusOr<int> LockShared(const fs::path& data) {
  const fs::path name = data / "LOCK";
  const int lock = open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0) {
    if (errno == ENOENT) return -1;
    return absl::PermissionDeniedError(
        absl::StrCat("cannot open ", name.string(), ": ", std::generic_category().message(errno)));
  }
  if (flock(lock, LOCK_SH | LOCK_NB) == 0) return lock;
  const int reason = errno;
  close(lock);
  if (reason == EWOULDBLOCK) return InUse(data);
  return absl::InternalError(
      absl::StrCat("cannot lock ", name.string(), ": ", std::generic_category().message(reason)));
}

}  // namespace

absl::StatusOr<bool> HasKeys(Data& data, const KeyOptions& options) {
  std::error_code error;
  const bool there = fs::exists(KeysOf(data.directory(), options), error);
  if (error) {
    return absl::PermissionDeniedError(absl::StrCat(
        "cannot look at ", KeysOf(data.directory(), options).string(), ": ", error.message()));
  }
  if (there) return true;
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<std::uint16_t> ledger, FindLedger(data.log()));
  return ledger.has_value();
}

KeyAccess::~KeyAccess() {
  store_.reset();
  // Everything that had to be durable is; an error of closing changes nothing.
  if (log_ != nullptr) log_->Close().IgnoreError();
  if (lock_ >= 0) close(lock_);
}

absl::Status KeyAccess::OpenStore(const fs::path& data, const KeyOptions& options) {
  crypto::KekFileOptions kek;
  if (!options.kek_file.empty()) kek.path = options.kek_file;
  kek_ = crypto::NewKekFile(std::move(kek));
  crypto::KeyStoreOptions keys;
  keys.directory = KeysOf(data, options);
  keys.kek = kek_.get();
  keys.open_rows = store::KeyRowsOpener(ShowWarnings);
  keys.ledger = ledger_.get();
  keys.clock = &Clock::System();
  keys.create = false;
  keys.sink = ShowWarnings;
  absl::StatusOr<std::unique_ptr<crypto::KeyStore>> opened =
      crypto::KeyStore::Open(std::move(keys));
  if (!opened.ok()) {
    const bool locked = absl::StartsWith(opened.status().message(), "LOCKED");
    return locked ? absl::AbortedError(opened.status().message()) : opened.status();
  }
  store_ = *std::move(opened);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<KeyAccess>> KeyAccess::ToRead(Data& data,
                                                             const KeyOptions& options) {
  std::unique_ptr<KeyAccess> access(new KeyAccess);
  COMMANDER_ASSIGN_OR_RETURN(access->lock_, LockShared(data.directory()));
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<std::uint16_t> topic, FindLedger(data.log()));
  access->ledger_ = std::make_unique<LedgerToRead>(data.log(), topic);
  COMMANDER_RETURN_IF_ERROR(access->OpenStore(data.directory(), options));
  return access;
}

absl::StatusOr<std::unique_ptr<KeyAccess>> KeyAccess::ToErase(const Data& data,
                                                              const KeyOptions& options) {
  std::unique_ptr<KeyAccess> access(new KeyAccess);
  absl::StatusOr<std::unique_ptr<internal::DataDirectory>> directory =
      internal::DataDirectory::Open(data.directory().string());
  if (absl::IsFailedPrecondition(directory.status())) return InUse(data.directory());
  COMMANDER_RETURN_IF_ERROR(directory.status());
  access->directory_ = *std::move(directory);
  log::EmbeddedLogOptions log;
  log.directory = (data.directory() / "log").string();
  log.clock = &Clock::System();
  log.random = &RandomSource::System();
  log.sink = ShowWarnings;
  absl::StatusOr<std::unique_ptr<log::Log>> opened = log::OpenEmbeddedLog(std::move(log));
  if (absl::IsUnavailable(opened.status())) return absl::AbortedError(opened.status().message());
  COMMANDER_RETURN_IF_ERROR(opened.status());
  access->log_ = *std::move(opened);
  COMMANDER_ASSIGN_OR_RETURN(
      access->ledger_,
      internal::LedgerTopic::Open(*access->log_, Clock::System(), RandomSource::System()));
  COMMANDER_RETURN_IF_ERROR(access->OpenStore(data.directory(), options));
  return access;
}

}  // namespace commander::cli
