#include "tools/commander/aggregate_verbs.h"

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
#include "tools/commander/own_state_reader.h"
#include "tools/commander/personal.h"
#include "tools/commander/process.h"
#include "tools/commander/range.h"
#include "tools/commander/record_row.h"
#include "tools/commander/stored_value.h"
#include "tools/commander/time_text.h"

namespace commander::cli {
namespace {

using ::commander::internal::EnvelopeReader;
using ::commander::internal::MessageKind;

// What of an aggregate stands in the log and not yet in the store.
struct Behind {
  std::uint64_t events = 0;
  std::uint64_t version = 0;  // of the last of them
  std::uint64_t refusals = 0;
};

absl::StatusOr<Behind> FindBehind(Data& data, const OwnStateReader& states, std::string_view key,
                                  Offset next) {
  Behind behind;
  COMMANDER_RETURN_IF_ERROR(ForEachOutcome(
      data, states.events(), key, next,
      [&](const log::Record&, const EnvelopeReader& envelope) -> absl::StatusOr<bool> {
        if (envelope.kind() == MessageKind::kEvent) {
          ++behind.events;
          behind.version = envelope.version();
        } else {
          ++behind.refusals;
        }
        return true;
      }));
  return behind;
}

StoredValue ValueOf(const OwnStateReader& states, const StoredPartition& partition,
                    std::string_view key, const store::StateRow& state) {
  return {crypto::PlaceKind::kState, states.group(), key,
          partition.row.schema,      state.state,    state.sealed};
}

// Walks over the states of all partitions in order of their keys.
class StateWalk {
 public:
  static absl::StatusOr<StateWalk> Begin(const OwnStateReader& states, std::string_view prefix,
                                         std::string_view after) {
    StateWalk walk;
    if (states.store() == nullptr) return walk;
    const std::string start = store::StateKey(std::max(prefix, after));
    const std::string end = store::PrefixEnd(store::StateKey(prefix));
    for (std::uint16_t p = 0; p < states.events().settings.partitions; ++p) {
      COMMANDER_ASSIGN_OR_RETURN(const std::optional<StoredPartition> partition,
                                 states.FindPartition(p));
      if (!partition.has_value()) continue;
      auto cursor = states.store()->Scan(partition->family, start, end);
      if (!after.empty() && cursor->Valid() && store::KeyOfState(cursor->key()) == after) {
        cursor->Next();
      }
      walk.parts_.push_back({*partition, std::move(cursor)});
    }
    return walk;
  }

  struct Part {
    StoredPartition partition;
    std::unique_ptr<store::Cursor> cursor;
  };
  // The part with the smallest key, or null at the end.
  absl::StatusOr<Part*> Next() {
    if (current_ != nullptr) current_->cursor->Next();
    current_ = nullptr;
    for (Part& part : parts_) {
      COMMANDER_RETURN_IF_ERROR(part.cursor->status());
      if (!part.cursor->Valid()) continue;
      if (current_ == nullptr || part.cursor->key() < current_->cursor->key()) current_ = &part;
    }
    return current_;
  }

 private:
  std::vector<Part> parts_;
  Part* current_ = nullptr;
};

}  // namespace

absl::StatusOr<Exit> AggregateList(const AggregateOptions& options, Context& context) {
  COMMANDER_ASSIGN_OR_RETURN(const std::string prefix, ParseKeyPrefix(options.prefix));
  COMMANDER_ASSIGN_OR_RETURN(const std::string after, ParseKeyPrefix(options.after));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Data> data, Data::Open(options.data));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<OwnStateReader> states,
                             OwnStateReader::Open(*data, options.group, options.topic));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Personal> personal,
                             Personal::Open(*data, context));
  COMMANDER_RETURN_IF_ERROR(
      context.output.BeginList({"key", "partition", "version", "exists", "data", "personal"}));
  COMMANDER_ASSIGN_OR_RETURN(StateWalk walk, StateWalk::Begin(*states, prefix, after));
  bool undecoded = false;
  for (std::uint64_t shown = 0; options.limit == 0 || shown < options.limit; ++shown) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    COMMANDER_ASSIGN_OR_RETURN(StateWalk::Part* const part, walk.Next());
    if (part == nullptr) break;
    const std::string_view key = store::KeyOfState(part->cursor->key());
    COMMANDER_ASSIGN_OR_RETURN(const store::StateRow state,
                               store::DecodeState(part->cursor->value()));
    Row row;
    row.Key("key", key).Number("partition", part->partition.partition);
    row.Wide("version", state.version).Flag("exists", !state.state.empty());
    const absl::Status status = AppendStoredOrSay(
        *data, *personal, ValueOf(*states, part->partition, key, state), context, &row);
    undecoded |= !status.ok();
    COMMANDER_RETURN_IF_ERROR(context.output.Add(row));
  }
  return undecoded ? Exit::kFound : Exit::kSuccess;
}

absl::StatusOr<Exit> AggregateShow(const AggregateOptions& options, Context& context) {
  COMMANDER_ASSIGN_OR_RETURN(const std::string key, ParseKey(options.key));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Data> data, Data::Open(options.data));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<OwnStateReader> states,
                             OwnStateReader::Open(*data, options.group, options.topic));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Personal> personal,
                             Personal::Open(*data, context));
  const std::uint16_t number = states->PartitionOf(key);
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<StoredPartition> partition,
                             states->FindPartition(number));
  std::optional<store::StateRow> state;
  Offset next;
  if (partition.has_value()) {
    next = partition->row.next;
    COMMANDER_ASSIGN_OR_RETURN(state, states->FindState(*partition, key));
  }
  COMMANDER_ASSIGN_OR_RETURN(const Behind behind, FindBehind(*data, *states, key, next));
  if (!state.has_value() && behind.events + behind.refusals == 0) {
    COMMANDER_RETURN_IF_ERROR(context.output.One(std::nullopt));
    context.diagnostics.Say(
        absl::StrCat("group ", states->group(), " has no aggregate ", PrintKey(key)));
    return Exit::kFound;
  }

  Row row;
  row.Text("group", states->group()).Key("key", key).Number("partition", number);
  const std::uint64_t stored_version = state.has_value() ? state->version : 0;
  row.Flag("exists", state.has_value() && !state->state.empty());
  row.Wide("version", stored_version);
  row.Wide("events_behind", behind.events);
  row.Wide("version_in_log", behind.events > 0 ? behind.version : stored_version);
  row.Wide("stored_to_offset", next.value);
  if (!partition.has_value() || partition->row.last_time_ns == 0) {
    row.Null("stored_to_time").Wide("parked", 0);
  } else {
    row.Text("stored_to_time", PrintTime(partition->row.last_time_ns));
    COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t parked, states->CountParked(*partition, key));
    row.Wide("parked", parked);
  }
  absl::Status decoded;
  if (state.has_value() && !state->state.empty()) {
    decoded = AppendStoredOrSay(*data, *personal, ValueOf(*states, *partition, key, *state),
                                context, &row);
  } else {
    row.Null("type").Null("data");
  }
  COMMANDER_RETURN_IF_ERROR(context.output.One(row));
  if (behind.events > 0) {
    context.diagnostics.Say(absl::StrCat("the stored state lacks ", behind.events,
                                         " events that are in the log; folding them takes ",
                                         "the application"));
  }
  return decoded.ok() ? Exit::kSuccess : Exit::kFound;
}

absl::StatusOr<Exit> AggregateHistory(const AggregateOptions& options, Context& context) {
  COMMANDER_ASSIGN_OR_RETURN(const std::string key, ParseKey(options.key));
  COMMANDER_ASSIGN_OR_RETURN(const VersionRange versions, ParseVersions(options.versions));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Data> data, Data::Open(options.data));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<OwnStateReader> states,
                             OwnStateReader::Open(*data, options.group, options.topic));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Personal> personal,
                             Personal::Open(*data, context));
  COMMANDER_RETURN_IF_ERROR(
      context.output.BeginList({"version", "offset", "time", "kind", "type", "data", "personal"}));
  RecordDecoder decoder(*data, *personal, context);
  std::uint64_t shown = 0;
  bool any = false;
  COMMANDER_RETURN_IF_ERROR(ForEachOutcome(
      *data, states->events(), key, Offset{0},
      [&](const log::Record& record, const EnvelopeReader& envelope) -> absl::StatusOr<bool> {
        any = true;
        if (envelope.version() >= versions.to) return false;
        const bool event = envelope.kind() == MessageKind::kEvent;
        if (envelope.version() < versions.from || (!event && !options.all)) return true;
        Row row;
        row.Wide("offset", record.offset.value);
        COMMANDER_RETURN_IF_ERROR(decoder.AppendMessage(envelope, &row));
        COMMANDER_RETURN_IF_ERROR(context.output.Add(row));
        return ++shown != options.limit;
      }));
  if (!any) {
    context.diagnostics.Say(
        absl::StrCat("group ", states->group(), " has no aggregate ", PrintKey(key)));
    return Exit::kFound;
  }
  return decoder.undecoded() > 0 ? Exit::kFound : Exit::kSuccess;
}

}  // namespace commander::cli
