#include "tools/commander/projection_verbs.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "store/layout.h"
#include "tools/commander/data.h"
#include "tools/commander/keys.h"
#include "tools/commander/personal.h"
#include "tools/commander/process.h"
#include "tools/commander/projection_reader.h"
#include "tools/commander/stored_value.h"
#include "tools/commander/time_text.h"

namespace commander::cli {
namespace {

std::string PositionsJson(const std::vector<ProjectionReader::Folded>& folded) {
  std::string out = "[";
  for (const ProjectionReader::Folded& each : folded) {
    Row row;
    row.Text("topic", each.topic).Number("partition", each.partition);
    row.Wide("next", each.next.value).Wide("end", each.end.value);
    AppendComma(&out);
    out.append(row.ToJson());
  }
  out.push_back(']');
  return out;
}

void AppendFoldedTo(const ProjectionReader& projection, Row* row) {
  const std::int64_t time_ns = projection.newest().last_time_ns;
  if (time_ns == 0) {
    row->Null("folded_to_time");
  } else {
    row->Text("folded_to_time", PrintTime(time_ns));
  }
}

StoredValue ValueOf(const ProjectionReader& projection, std::string_view key,
                    const store::ProjectionRow& row) {
  return {crypto::PlaceKind::kRow,    projection.name(), key,
          projection.newest().schema, row.row,           row.sealed};
}

absl::StatusOr<Exit> ShowOne(Data& data, Personal& personal, const ProjectionReader& projection,
                             const std::string& key, Context& context) {
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<store::ProjectionRow> stored,
                             projection.Find(key));
  if (!stored.has_value()) {
    COMMANDER_RETURN_IF_ERROR(context.output.One(std::nullopt));
    context.diagnostics.Say(
        absl::StrCat("projection ", projection.name(), " has no row ", PrintKey(key)));
    return Exit::kFound;
  }
  Row row;
  row.Text("projection", projection.name()).Key("key", key).Wide("behind", projection.behind());
  AppendFoldedTo(projection, &row);
  const absl::Status decoded =
      AppendStoredOrSay(data, personal, ValueOf(projection, key, *stored), context, &row);
  COMMANDER_RETURN_IF_ERROR(context.output.One(row));
  return decoded.ok() ? Exit::kSuccess : Exit::kFound;
}

absl::StatusOr<Exit> ShowAll(Data& data, Personal& personal, const ProjectionReader& projection,
                             const ProjectionOptions& options, Context& context) {
  COMMANDER_ASSIGN_OR_RETURN(const std::string prefix, ParseKeyPrefix(options.prefix));
  COMMANDER_ASSIGN_OR_RETURN(const std::string after, ParseKeyPrefix(options.after));
  COMMANDER_RETURN_IF_ERROR(context.output.BeginList({"key", "data", "personal"}));
  const std::unique_ptr<store::Cursor> cursor =
      projection.Scan(store::ProjectionKey(std::max(prefix, after)),
                      store::PrefixEnd(store::ProjectionKey(prefix)));
  Exit exit = Exit::kSuccess;
  std::uint64_t shown = 0;
  for (; cursor->Valid() && (options.limit == 0 || shown < options.limit); cursor->Next()) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    const std::string_view key = store::KeyOfProjection(cursor->key());
    if (!after.empty() && key == after) continue;
    COMMANDER_ASSIGN_OR_RETURN(const store::ProjectionRow stored,
                               store::DecodeProjection(cursor->value()));
    Row row;
    row.Key("key", key);
    const absl::Status decoded =
        AppendStoredOrSay(data, personal, ValueOf(projection, key, stored), context, &row);
    if (!decoded.ok()) exit = Exit::kFound;
    COMMANDER_RETURN_IF_ERROR(context.output.Add(row));
    ++shown;
  }
  COMMANDER_RETURN_IF_ERROR(cursor->status());
  if (projection.behind() > 0) {
    context.diagnostics.Say(absl::StrCat("the log holds ", projection.behind(),
                                         " records that are not folded into projection ",
                                         projection.name(), " yet"));
  }
  return exit;
}

}  // namespace

absl::StatusOr<Exit> ProjectionList(const ProjectionOptions& options, Context& context) {
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Data> data, Data::Open(options.data));
  COMMANDER_RETURN_IF_ERROR(
      context.output.BeginList({"projection", "fold_version", "type", "behind", "folded_to_time"}));
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> names, data->Projections());
  for (const std::string& name : names) {
    COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<ProjectionReader> projection,
                               ProjectionReader::Open(*data, name));
    COMMANDER_ASSIGN_OR_RETURN(const internal::StoredType* const type,
                               data->FindType(projection->newest().schema));
    Row row;
    row.Text("projection", name).Number("fold_version", projection->newest().fold_version);
    if (type == nullptr) {
      row.Null("type");
    } else {
      row.Text("type", type->name());
    }
    row.Wide("behind", projection->behind());
    AppendFoldedTo(*projection, &row);
    row.Json("positions", PositionsJson(projection->folded()));
    COMMANDER_RETURN_IF_ERROR(context.output.Add(row));
  }
  return Exit::kSuccess;
}

absl::StatusOr<Exit> ProjectionShow(const ProjectionOptions& options, Context& context) {
  std::string key;
  if (!options.key.empty()) {
    COMMANDER_ASSIGN_OR_RETURN(key, ParseKey(options.key));
  }
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Data> data, Data::Open(options.data));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<ProjectionReader> projection,
                             ProjectionReader::Open(*data, options.name));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Personal> personal,
                             Personal::Open(*data, context));
  return key.empty() ? ShowAll(*data, *personal, *projection, options, context)
                     : ShowOne(*data, *personal, *projection, key, context);
}

}  // namespace commander::cli
