#include "tools/commander/data.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "store/names.h"
#include "store/rocks_reader.h"
#include "tools/commander/keys.h"

namespace commander::cli {
namespace {

namespace fs = std::filesystem;
using ::commander::internal::SchemaRole;
using ::commander::internal::SchemaSet;
using ::commander::internal::StoredType;
using ::commander::internal::ToAbsl;

// What is read is read once, from several partitions that move along together.
constexpr std::size_t kReadCacheBytes = std::size_t{4} << 20;

constexpr std::string_view kEventSuffix = "-events";

std::string ListOf(const std::vector<std::string>& names) {
  return names.empty() ? "none" : absl::StrJoin(names, ", ");
}

bool HoldsSegments(const fs::path& directory) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".log") return true;
  }
  return false;
}

// "balances@2" -> {"balances", 2}.
std::pair<std::string, std::uint64_t> SplitVersion(const std::string& name) {
  const std::size_t at = name.rfind('@');
  if (at == std::string::npos) return {name, 0};
  std::uint64_t version = 0;
  std::from_chars(name.data() + at + 1, name.data() + name.size(), version);
  return {name.substr(0, at), version};
}

}  // namespace

void ShowWarnings(const LogLine& line) {
  if (line.level < LogLevel::kWarning) return;
  std::fprintf(stderr, "commander: %s: %s\n", line.component.c_str(),
               PrintKey(line.message).c_str());
}

absl::Status CheckDataDirectory(const fs::path& directory) {
  const std::string name = directory.string();
  std::error_code error;
  const fs::file_status status = fs::status(directory, error);
  if (status.type() == fs::file_type::not_found) {
    return absl::InvalidArgumentError(absl::StrCat(
        "there is no directory ", name, "; --data names the one that the engine was opened with"));
  }
  if (error) {
    return absl::PermissionDeniedError(
        absl::StrCat("cannot look at ", name, ": ", error.message()));
  }
  if (!fs::is_directory(status)) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, " is a file; --data names the directory that the engine was opened with"));
  }
  if (fs::directory_iterator(directory, error); error) {
    return absl::PermissionDeniedError(
        absl::StrCat("the data directory ", name, " may not be read: ", error.message()));
  }
  if (fs::is_directory(directory / "log", error)) return absl::OkStatus();
  if (HoldsSegments(directory)) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is the log of a data directory; --data names the directory above it, ",
                     fs::absolute(directory).lexically_normal().parent_path().string()));
  }
  if (fs::exists(directory / "INSTANCE", error)) {
    return absl::InvalidArgumentError(absl::StrCat(
        name,
        " is of an engine whose log is on Kafka, and this program reads embedded logs only; "
        "ask the engine itself (Status, FindOutcome, Parked, privacy), and look at the topics "
        "with Kafka's tools"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(name, " holds no data of an engine: there is no log/ in it; --data names the ",
                   "directory that the engine was opened with"));
}

absl::StatusOr<std::unique_ptr<Data>> Data::Open(fs::path directory) {
  COMMANDER_RETURN_IF_ERROR(CheckDataDirectory(directory));
  std::unique_ptr<Data> data(new Data(std::move(directory)));
  COMMANDER_ASSIGN_OR_RETURN(
      data->log_, log::OpenEmbeddedLogReader({.directory = (data->directory_ / "log").string(),
                                              .read_cache_bytes = kReadCacheBytes}));
  COMMANDER_ASSIGN_OR_RETURN(std::unique_ptr<SchemaSet> schemas, SchemaSet::Load(*data->log_));
  data->schemas_.push_back(std::move(schemas));
  return data;
}

absl::StatusOr<std::vector<log::TopicInfo>> Data::Topics() const {
  COMMANDER_ASSIGN_OR_RETURN(std::vector<log::TopicInfo> topics, log_->Topics());
  std::sort(topics.begin(), topics.end(),
            [](const auto& a, const auto& b) { return a.settings.name < b.settings.name; });
  return topics;
}

absl::StatusOr<log::TopicInfo> Data::FindTopic(std::string_view name) const {
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<log::TopicInfo> topics, Topics());
  std::vector<std::string> names;
  for (const log::TopicInfo& topic : topics) {
    if (topic.settings.name == name) return topic;
    names.push_back(topic.settings.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the log has no topic ", PrintKey(name), "; it has: ", ListOf(names)));
}

absl::StatusOr<const StoredType*> Data::FindType(std::uint64_t fingerprint) {
  if (const StoredType* type = schemas_.back()->Find(fingerprint)) return type;
  if (std::find(unknown_.begin(), unknown_.end(), fingerprint) != unknown_.end()) return nullptr;
  COMMANDER_ASSIGN_OR_RETURN(std::unique_ptr<SchemaSet> schemas, SchemaSet::Load(*log_));
  schemas_.push_back(std::move(schemas));
  const StoredType* type = schemas_.back()->Find(fingerprint);
  // A schema is stored before the first record of it, so it will not come later.
  if (type == nullptr) unknown_.push_back(fingerprint);
  return type;
}

absl::StatusOr<std::vector<std::string>> Data::Groups() const {
  std::set<std::string> names;
  for (const StoredType* type : schemas_.back()->All()) {
    for (const internal::SchemaUse& use : type->uses()) {
      if (use.role != SchemaRole::kRow) names.insert(use.group);
    }
  }
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> stores, StoresBelow("store"));
  names.insert(stores.begin(), stores.end());
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<log::TopicInfo> topics, log_->Topics());
  for (const log::TopicInfo& topic : topics) {
    const std::string_view name = topic.settings.name;
    if (topic.settings.kind == log::TopicKind::kEvents && name.ends_with(kEventSuffix)) {
      names.insert(std::string(name.substr(0, name.size() - kEventSuffix.size())));
    }
  }
  return std::vector<std::string>(names.begin(), names.end());
}

absl::StatusOr<std::string> Data::FindGroup(std::string_view name) const {
  COMMANDER_ASSIGN_OR_RETURN(std::vector<std::string> groups, Groups());
  if (name.empty()) {
    if (groups.size() == 1) return groups[0];
    return absl::InvalidArgumentError(
        absl::StrCat("--group is needed, to say which of the groups is meant: ", ListOf(groups)));
  }
  if (std::find(groups.begin(), groups.end(), name) != groups.end()) return std::string(name);
  return absl::InvalidArgumentError(
      absl::StrCat("there is no group ", PrintKey(name), "; there are: ", ListOf(groups)));
}

absl::StatusOr<std::vector<std::string>> Data::StoresBelow(std::string_view kind) const {
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> stores,
                             store::RocksStoreNames(directory_));
  std::vector<std::string> names;
  const std::string prefix = absl::StrCat(ToAbsl(kind), "/");
  for (const std::string& name : stores) {
    if (name.starts_with(prefix)) names.push_back(name.substr(prefix.size()));
  }
  return names;
}

absl::StatusOr<std::vector<std::string>> Data::Projections() const {
  COMMANDER_ASSIGN_OR_RETURN(std::vector<std::string> names, StoresBelow("projections"));
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    const auto [name_a, version_a] = SplitVersion(a);
    const auto [name_b, version_b] = SplitVersion(b);
    return std::tie(name_a, version_b) < std::tie(name_b, version_a);
  });
  return names;
}

absl::StatusOr<std::string> Data::FindProjection(std::string_view name) const {
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> names, Projections());
  for (const std::string& candidate : names) {
    if (candidate == name || SplitVersion(candidate).first == name) return candidate;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("there is no projection ", PrintKey(name), "; there are: ", ListOf(names)));
}

absl::StatusOr<std::vector<std::string>> Data::FindStores(std::string_view name) const {
  COMMANDER_ASSIGN_OR_RETURN(std::vector<std::string> stores, store::RocksStoreNames(directory_));
  if (name.empty()) return stores;
  if (std::find(stores.begin(), stores.end(), name) != stores.end()) {
    return std::vector<std::string>{std::string(name)};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("there is no store ", PrintKey(name), "; there are: ", ListOf(stores)));
}

absl::StatusOr<std::unique_ptr<store::StoreReader>> Data::OpenStore(std::string_view name) const {
  return store::OpenRocksStoreReader(
      {.directory = directory_ / fs::path(name), .sink = ShowWarnings});
}

std::string NoSchema(std::uint64_t fingerprint) {
  return absl::StrCat("no schema with the fingerprint ", absl::Hex(fingerprint, absl::kZeroPad16),
                      " is stored with the data; bring log/schemas/ back from a backup, or let the "
                      "application that wrote it open the data once more");
}

}  // namespace commander::cli
