#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/position.h"
#include "engine/log/format.h"
#include "store/layout.h"
#include "store/names.h"
#include "tools/commander/data.h"
#include "tools/commander/keys.h"
#include "tools/commander/own_state_reader.h"
#include "tools/commander/projection_reader.h"
#include "tools/commander/store_hash.h"
#include "tools/commander/store_verbs.h"

namespace commander::cli {
namespace {

constexpr std::string_view kGroups = "store/";
constexpr std::string_view kProjections = "projections/";

void AddPosition(const Data& data, const std::string& topic, std::uint32_t partition, Offset next,
                 Position* position) {
  if (next.value == 0) return;
  position->Merge(
      RecordPosition{log::LogIdText(data.log().id()), topic, partition, Offset{next.value - 1}});
}

Row RowOf(const std::string& store, std::optional<std::uint32_t> partition,
          const std::string& position, const RowsHash& hash) {
  Row row;
  row.Text("store", store);
  if (partition.has_value()) {
    row.Number("partition", *partition);
  } else {
    row.Null("partition");
  }
  row.Wide("rows", hash.rows()).Text("hash", hash.ToHex()).Text("position", position);
  return row;
}

absl::Status HashGroup(Data& data, const std::string& store, Context& context) {
  COMMANDER_ASSIGN_OR_RETURN(
      const std::unique_ptr<OwnStateReader> states,
      OwnStateReader::Open(data, std::string_view(store).substr(kGroups.size()), ""));
  if (states->store() == nullptr) {
    return absl::AbortedError(absl::StrCat(store, " went away while reading; try again"));
  }
  RowsHash all;
  Position position;
  for (std::uint16_t p = 0; p < states->events().settings.partitions; ++p) {
    COMMANDER_ASSIGN_OR_RETURN(const std::optional<StoredPartition> partition,
                               states->FindPartition(p));
    if (!partition.has_value()) continue;
    COMMANDER_ASSIGN_OR_RETURN(const RowsHash hash,
                               HashOwnState(*states->store(), partition->family));
    all.Add(hash);
    AddPosition(data, states->events().settings.name, p, partition->row.next, &position);
    COMMANDER_RETURN_IF_ERROR(
        context.output.Add(RowOf(store, p, absl::StrCat(partition->row.next.value), hash)));
  }
  return context.output.Add(RowOf(store, std::nullopt, position.ToToken(), all));
}

absl::Status HashProjectionStore(Data& data, const std::string& store, Context& context) {
  COMMANDER_ASSIGN_OR_RETURN(
      const std::unique_ptr<ProjectionReader> projection,
      ProjectionReader::Open(data, std::string_view(store).substr(kProjections.size())));
  COMMANDER_ASSIGN_OR_RETURN(const RowsHash hash, projection->Hash());
  Position position;
  for (const ProjectionReader::Folded& folded : projection->folded()) {
    AddPosition(data, folded.topic, folded.partition, folded.next, &position);
  }
  return context.output.Add(RowOf(store, std::nullopt, position.ToToken(), hash));
}

}  // namespace

absl::StatusOr<Exit> StoreHash(const StoreOptions& options, Context& context) {
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Data> data, Data::Open(options.data));
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> stores,
                             data->FindStores(options.store));
  COMMANDER_RETURN_IF_ERROR(
      context.output.BeginList({"store", "partition", "rows", "hash", "position"}));
  for (const std::string& store : stores) {
    COMMANDER_RETURN_IF_ERROR(store.starts_with(kGroups)
                                  ? HashGroup(*data, store, context)
                                  : HashProjectionStore(*data, store, context));
  }
  return Exit::kSuccess;
}

}  // namespace commander::cli
