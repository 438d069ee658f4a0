#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "store/layout.h"
#include "tools/commander/data.h"
#include "tools/commander/log_printer.h"
#include "tools/commander/merge.h"
#include "tools/commander/own_state_reader.h"
#include "tools/commander/personal.h"
#include "tools/commander/process.h"
#include "tools/commander/projection_reader.h"
#include "tools/commander/stored_value.h"
#include "tools/commander/subject_verbs.h"

namespace commander::cli {
namespace {

// All that is sealed under one key.
class Found {
 public:
  Found(Data& data, Personal& personal, const crypto::Kid& kid, Context& context)
      : data_(data), personal_(personal), kid_(kid), context_(context) {}

  absl::StatusOr<Exit> Run() {
    COMMANDER_RETURN_IF_ERROR(
        context_.output.BeginList({"store", "topic", "partition", "offset", "kind", "type", "key",
                                   "version", "data", "personal"}));
    COMMANDER_RETURN_IF_ERROR(Log());
    COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> groups, data_.Groups());
    for (const std::string& group : groups) COMMANDER_RETURN_IF_ERROR(States(group));
    COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> projections, data_.Projections());
    for (const std::string& name : projections) COMMANDER_RETURN_IF_ERROR(Rows(name));
    return any_ && !undecoded_ ? Exit::kSuccess : Exit::kFound;
  }

 private:
  absl::Status Log() {
    LogFilter filter;
    filter.subject = kid_;
    COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<LogPrinter> printer,
                               LogPrinter::Make(data_, personal_, filter, context_));
    Merge merge(data_.log());
    for (const LogPrinter::Partition& p : printer->partitions()) {
      COMMANDER_RETURN_IF_ERROR(merge.AddFrom(p.topic, p.partition, Offset{0}));
    }
    COMMANDER_RETURN_IF_ERROR(merge.TakeNewEnds());
    while (!Interrupted()) {
      COMMANDER_ASSIGN_OR_RETURN(const std::optional<MergedRecord> record, merge.Next());
      if (!record.has_value()) break;
      COMMANDER_RETURN_IF_ERROR(printer->Print(*record));
    }
    any_ |= printer->printed() > 0;
    undecoded_ |= printer->undecoded() > 0;
    return Interrupted() ? absl::CancelledError("interrupted") : absl::OkStatus();
  }

  absl::Status States(const std::string& group) {
    const std::string store = absl::StrCat("store/", group);
    COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<OwnStateReader> states,
                               OwnStateReader::Open(data_, group, ""));
    if (states->store() == nullptr) return absl::OkStatus();
    const std::string prefix = store::StateKey("");
    for (std::uint16_t p = 0; p < states->events().settings.partitions; ++p) {
      COMMANDER_ASSIGN_OR_RETURN(const std::optional<StoredPartition> partition,
                                 states->FindPartition(p));
      if (!partition.has_value()) continue;
      const auto cursor =
          states->store()->Scan(partition->family, prefix, store::PrefixEnd(prefix));
      for (; cursor->Valid(); cursor->Next()) {
        COMMANDER_ASSIGN_OR_RETURN(const store::StateRow state,
                                   store::DecodeState(cursor->value()));
        COMMANDER_RETURN_IF_ERROR(
            Add(store,
                {crypto::PlaceKind::kState, group, store::KeyOfState(cursor->key()),
                 partition->row.schema, state.state, state.sealed},
                state.version));
      }
      COMMANDER_RETURN_IF_ERROR(cursor->status());
    }
    return absl::OkStatus();
  }

  absl::Status Rows(const std::string& name) {
    const std::string store = absl::StrCat("projections/", name);
    COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<ProjectionReader> projection,
                               ProjectionReader::Open(data_, name));
    const std::string prefix = store::ProjectionKey("");
    const auto cursor = projection->Scan(prefix, store::PrefixEnd(prefix));
    for (; cursor->Valid(); cursor->Next()) {
      COMMANDER_ASSIGN_OR_RETURN(const store::ProjectionRow row,
                                 store::DecodeProjection(cursor->value()));
      COMMANDER_RETURN_IF_ERROR(
          Add(store,
              {crypto::PlaceKind::kRow, name, store::KeyOfProjection(cursor->key()),
               projection->newest().schema, row.row, row.sealed},
              std::nullopt));
    }
    return cursor->status();
  }

  // Where it is sealed under the key.
  absl::Status Add(const std::string& store, const StoredValue& value,
                   std::optional<std::uint64_t> version) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    if (!value.sealed) return absl::OkStatus();
    COMMANDER_ASSIGN_OR_RETURN(
        const crypto::Kid kid,
        crypto::KidOf(
            {reinterpret_cast<const std::uint8_t*>(value.words.data()), value.words.size_bytes()}));
    if (kid != kid_) return absl::OkStatus();
    any_ = true;
    Row row;
    row.Text("store", store).Key("key", value.key);
    if (version.has_value()) row.Wide("version", *version);
    undecoded_ |= !AppendStoredOrSay(data_, personal_, value, context_, &row).ok();
    return context_.output.Add(row);
  }

  Data& data_;
  Personal& personal_;
  const crypto::Kid kid_;
  Context& context_;
  bool any_ = false;
  bool undecoded_ = false;
};

}  // namespace

absl::StatusOr<Exit> SubjectShow(const SubjectOptions& options, Context& context) {
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Data> data, Data::Open(options.data));
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<crypto::Subject> subjects,
                             ReadSubjects(*data, options.input));
  if (subjects.size() > 1) {
    return absl::InvalidArgumentError("subject show takes one subject at a time");
  }
  COMMANDER_ASSIGN_OR_RETURN(std::unique_ptr<KeyAccess> keys,
                             KeyAccess::ToRead(*data, context.keys));
  COMMANDER_ASSIGN_OR_RETURN(const crypto::SubjectStatus status,
                             keys->store().Status(subjects.front()));
  if (!status.kid.has_value()) {
    COMMANDER_RETURN_IF_ERROR(context.output.BeginList({"store"}));
    context.diagnostics.Say("there is nothing of the subject: it never had a key");
    return Exit::kFound;
  }
  const std::unique_ptr<Personal> personal = Personal::With(*data, context, std::move(keys));
  return Found(*data, *personal, *status.kid, context).Run();
}

}  // namespace commander::cli
