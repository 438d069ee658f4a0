#include "tests/support/directory_check.h"

#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "engine/log/embedded_log.h"
#include "store/layout.h"
#include "store/rocks_reader.h"

namespace commander::test {
namespace {

constexpr char kGroup[] = "accounts";
constexpr char kBalances[] = "projections/balances@1";

// Nothing where it was not made yet.
template <class T>
absl::StatusOr<std::optional<T>> IfMade(absl::StatusOr<T> value) {
  if (absl::IsNotFound(value.status())) return std::optional<T>();
  if (!value.ok()) return value.status();
  return std::optional<T>(*std::move(value));
}

absl::StatusOr<GroupHistory> ReadHistory(const std::filesystem::path& data) {
  COMMANDER_ASSIGN_OR_RETURN(const auto log,
                             log::OpenEmbeddedLogReader({.directory = (data / "log").string()}));
  return ReadGroup(*log, kGroup);
}

class DirectoryCheck {
 public:
  DirectoryCheck(const std::filesystem::path& data, const GroupHistory& history,
                 const CheckOptions& options)
      : data_(data),
        history_(history),
        options_(options),
        states_(absl::StrCat("store/", history.group)),
        checker_(history, options) {}

  absl::StatusOr<std::vector<std::string>> Run(std::span<const Sent> sent) {
    checker_.CheckLog();
    checker_.CheckSent(sent);
    COMMANDER_RETURN_IF_ERROR(CheckStates());
    COMMANDER_RETURN_IF_ERROR(CheckBalances());
    std::vector<std::string> violations = checker_.violations();
    violations.insert(violations.end(), late_.begin(), late_.end());
    return violations;
  }

 private:
  absl::Status CheckStates() {
    COMMANDER_ASSIGN_OR_RETURN(const auto store,
                               IfMade(store::OpenRocksStoreReader({.directory = data_ / states_})));
    for (std::uint16_t p = 0; p < history_.partitions.size(); ++p) {
      std::optional<store::FamilyId> family;
      if (store.has_value()) {
        COMMANDER_ASSIGN_OR_RETURN(family, IfMade((*store)->FindFamily(absl::StrCat("p", p))));
      }
      if (!family.has_value()) {
        CheckFolded(states_, p, Offset{0});
        continue;
      }
      checker_.CheckState(**store, *family, p);
      COMMANDER_RETURN_IF_ERROR(CheckPlace(**store, *family, states_, p, store::PartitionKey()));
    }
    return absl::OkStatus();
  }

  absl::Status CheckBalances() {
    COMMANDER_ASSIGN_OR_RETURN(
        const auto store, IfMade(store::OpenRocksStoreReader({.directory = data_ / kBalances})));
    std::optional<store::FamilyId> family;
    if (store.has_value()) {
      COMMANDER_ASSIGN_OR_RETURN(family, IfMade((*store)->FindFamily("rows")));
    }
    if (family.has_value()) checker_.CheckBalances(**store, *family);
    for (std::uint16_t p = 0; p < history_.partitions.size(); ++p) {
      if (!family.has_value()) {
        CheckFolded(kBalances, p, Offset{0});
        continue;
      }
      COMMANDER_RETURN_IF_ERROR(
          CheckPlace(**store, *family, kBalances, p,
                     store::PartitionKey(absl::StrCat(history_.group, "-events"), p)));
    }
    return absl::OkStatus();
  }

  absl::Status CheckPlace(const store::StoreReader& store, store::FamilyId family,
                          const std::string& name, std::uint16_t partition,
                          const std::string& key) {
    COMMANDER_ASSIGN_OR_RETURN(const std::optional<std::string> stored, store.Get(family, key));
    store::PartitionRow row;
    if (stored.has_value()) {
      COMMANDER_ASSIGN_OR_RETURN(row, store::DecodePartition(*stored));
    }
    CheckFolded(name, partition, row.next);
    return absl::OkStatus();
  }

  void CheckFolded(const std::string& name, std::uint16_t partition, Offset next) {
    const Offset end = history_.partitions[partition].end;
    if (!options_.complete || next == end) return;
    late_.push_back(absl::StrCat(name, "[", partition, "] was folded to event offset ", next.value,
                                 ", the log ends at ", end.value));
  }

  const std::filesystem::path& data_;
  const GroupHistory& history_;
  const CheckOptions& options_;
  const std::string states_;
  Checker checker_;
  std::vector<std::string> late_;
};

}  // namespace

absl::StatusOr<std::vector<std::string>> CheckStores(const std::filesystem::path& data,
                                                     const GroupHistory& history,
                                                     std::span<const Sent> sent,
                                                     const CheckOptions& options) {
  return DirectoryCheck(data, history, options).Run(sent);
}

absl::StatusOr<std::vector<std::string>> CheckDirectory(const std::filesystem::path& data,
                                                        std::span<const Sent> sent,
                                                        const CheckOptions& options) {
  COMMANDER_ASSIGN_OR_RETURN(std::optional<GroupHistory> history, IfMade(ReadHistory(data)));
  if (!history.has_value()) history.emplace().group = kGroup;
  return CheckStores(data, *history, sent, options);
}

}  // namespace commander::test
