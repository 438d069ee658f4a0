#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "engine/log/verify.h"
#include "store/names.h"
#include "store/verify.h"
#include "tools/commander/data.h"
#include "tools/commander/history_check.h"
#include "tools/commander/keys.h"
#include "tools/commander/store_verbs.h"

namespace commander::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kLog[] = "log";

std::string_view KindName(log::FindingKind kind) {
  switch (kind) {
    case log::FindingKind::kDamaged:
      return "damaged";
    case log::FindingKind::kMissing:
      return "missing";
    case log::FindingKind::kTornTail:
      return "torn_tail";
    case log::FindingKind::kUnusable:
      return "unusable";
  }
  return "damaged";
}

class Verification {
 public:
  Verification(const StoreOptions& options, Context& context)
      : options_(options), context_(context) {}

  absl::StatusOr<Exit> Run();

 private:
  // Whether the part is asked for.
  bool Wanted(const std::string& part) const {
    return options_.store.empty() || options_.store == part;
  }
  absl::Status VerifyLog();
  absl::Status VerifyStore(const std::string& store);
  absl::Status CheckHistory(const std::vector<std::string>& stores);
  // One damage of a part.
  absl::Status Tell(const std::string& part, std::string_view result, const std::string& file,
                    const std::string& at, const std::string& what);
  // The last line of a part.
  absl::Status Conclude(const std::string& part, bool passed, const std::string& what);
  // What kept a part from being read is told, and the others are verified all the same.
  absl::Status CannotRead(const std::string& part, const absl::Status& why);
  // Directories of stores, also those that lost the file by which others know them.
  absl::StatusOr<std::vector<std::string>> Stores() const;

  const StoreOptions& options_;
  Context& context_;
  bool log_whole_ = true;
  bool damaged_ = false;
  absl::Status unread_;  // the first
};

absl::Status Verification::Tell(const std::string& part, std::string_view result,
                                const std::string& file, const std::string& at,
                                const std::string& what) {
  Row row;
  row.Text("part", part).Text("result", result).Text("file", file);
  if (at.empty()) {
    row.Null("at");
  } else {
    row.Text("at", at);
  }
  row.Text("what", what);
  return context_.output.Add(row);
}

absl::Status Verification::Conclude(const std::string& part, bool passed, const std::string& what) {
  if (!passed) damaged_ = true;
  Row row;
  row.Text("part", part).Text("result", passed ? "pass" : "fail");
  row.Null("file").Null("at").Text("what", what);
  return context_.output.Add(row);
}

absl::Status Verification::CannotRead(const std::string& part, const absl::Status& why) {
  if (absl::IsCancelled(why)) return why;
  if (unread_.ok()) unread_ = why;
  return Tell(part, "unread", "", "", std::string(why.message()));
}

absl::Status Verification::VerifyLog() {
  const absl::StatusOr<log::VerifyReport> report =
      log::VerifyEmbeddedLog({.directory = (options_.data / "log").string()});
  if (!report.ok()) {
    log_whole_ = false;
    return CannotRead(kLog, report.status());
  }
  log_whole_ = report->ok();
  for (const log::Finding& finding : report->findings) {
    COMMANDER_RETURN_IF_ERROR(Tell(kLog, KindName(finding.kind), finding.path,
                                   absl::StrCat("byte ", finding.at), finding.what));
  }
  return Conclude(kLog, report->ok(),
                  absl::StrCat(report->segments, " segments, ", report->frames, " frames, ",
                               report->records, " records, ", report->bytes, " bytes, ",
                               report->topics, " topics, ", report->schemas, " schemas"));
}

absl::Status Verification::VerifyStore(const std::string& store) {
  const fs::path directory = options_.data / fs::path(store);
  absl::Status told;
  const absl::StatusOr<store::VerifiedTotals> totals =
      store::VerifyRocksStore({.directory = directory}, [&](const store::Damage& damage) {
        const bool missing = damage.what.find("is missing") != std::string::npos;
        told.Update(Tell(
            store, missing ? "missing" : "damaged",
            damage.file.starts_with("family ") ? damage.file : (directory / damage.file).string(),
            damage.place, damage.what));
      });
  COMMANDER_RETURN_IF_ERROR(told);
  if (absl::IsNotFound(totals.status())) {
    COMMANDER_RETURN_IF_ERROR(Tell(store, "missing", (directory / "CURRENT").string(), "",
                                   "the file that names the manifest is missing"));
    return Conclude(store, false, "nothing can be read");
  }
  if (!totals.ok()) return CannotRead(store, totals.status());
  return Conclude(
      store, totals->damages == 0,
      absl::StrCat(totals->tables, " tables, ", totals->table_bytes, " bytes, ", totals->rows,
                   " rows", totals->rows_checked ? "" : ", not all rows could be read"));
}

absl::Status Verification::CheckHistory(const std::vector<std::string>& stores) {
  constexpr char kPart[] = "history";
  std::uint64_t mismatches = 0;
  std::uint64_t records = 0;
  const auto on_mismatch = [&](const std::string& file) {
    return [&, file](const Mismatch& mismatch) {
      ++mismatches;
      return Tell(kPart, "damaged", file, mismatch.where, mismatch.what);
    };
  };
  const auto check = [&]() -> absl::Status {
    COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Data> data, Data::Open(options_.data));
    COMMANDER_ASSIGN_OR_RETURN(const std::vector<log::TopicInfo> topics, data->Topics());
    for (const log::TopicInfo& topic : topics) {
      COMMANDER_RETURN_IF_ERROR(
          CheckTopic(*data, topic, &records, on_mismatch((options_.data / "log").string())));
    }
    COMMANDER_RETURN_IF_ERROR(CheckLedger(*data, on_mismatch((options_.data / "log").string())));
    for (const std::string& store : stores) {
      if (!store.starts_with("store/")) continue;
      COMMANDER_RETURN_IF_ERROR(CheckStates(*data, store.substr(store.find('/') + 1),
                                            on_mismatch((options_.data / store).string())));
    }
    return absl::OkStatus();
  };
  const absl::Status status = check();
  if (absl::IsCancelled(status)) return status;
  if (absl::IsDataLoss(status) && damaged_) {
    return Tell(kPart, "unread", "", "",
                "states cannot be compared with a log or store that is "
                "damaged");
  }
  if (!status.ok()) return CannotRead(kPart, status);
  return Conclude(
      kPart, mismatches == 0,
      absl::StrCat(records, " records decoded, versions of events and states compared"));
}

absl::StatusOr<std::vector<std::string>> Verification::Stores() const {
  std::vector<std::string> stores;
  for (const std::string kind : {"projections", "store"}) {
    std::error_code error;
    fs::directory_iterator entry(options_.data / kind, error);
    if (error == std::errc::no_such_file_or_directory) continue;
    for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
      std::string name = absl::StrCat(kind, "/", entry->path().filename().string());
      if (store::IsStoreName(name)) stores.push_back(std::move(name));
    }
    if (error) {
      return absl::PermissionDeniedError(
          absl::StrCat("cannot list ", (options_.data / kind).string(), ": ", error.message()));
    }
  }
  std::sort(stores.begin(), stores.end());
  return stores;
}

absl::StatusOr<Exit> Verification::Run() {
  COMMANDER_RETURN_IF_ERROR(CheckDataDirectory(options_.data));
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> stores, Stores());
  const bool known = options_.store.empty() || options_.store == kLog ||
                     std::find(stores.begin(), stores.end(), options_.store) != stores.end();
  if (!known) {
    return absl::InvalidArgumentError(absl::StrCat("there is no store ", PrintKey(options_.store),
                                                   "; there are: log, ",
                                                   absl::StrJoin(stores, ", ")));
  }
  COMMANDER_RETURN_IF_ERROR(context_.output.BeginList({"part", "result", "file", "at", "what"}));
  if (Wanted(kLog)) COMMANDER_RETURN_IF_ERROR(VerifyLog());
  for (const std::string& store : stores) {
    if (Wanted(store)) COMMANDER_RETURN_IF_ERROR(VerifyStore(store));
  }
  if (options_.store.empty()) COMMANDER_RETURN_IF_ERROR(CheckHistory(stores));
  if (damaged_) {
    context_.diagnostics.Say("there is damage; nothing was repaired");
    return Exit::kFound;
  }
  COMMANDER_RETURN_IF_ERROR(unread_);
  return Exit::kSuccess;
}

}  // namespace

absl::StatusOr<Exit> StoreVerify(const StoreOptions& options, Context& context) {
  return Verification(options, context).Run();
}

}  // namespace commander::cli
