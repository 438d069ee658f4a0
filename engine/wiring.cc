#include "engine/wiring.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "engine/envelope.h"

namespace commander::internal {
namespace {

constexpr std::size_t kMaxNameBytes = 200;

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

absl::Status Invalid(const std::string& sentence) { return absl::InvalidArgumentError(sentence); }

// The types of one engine by name.
class Names {
 public:
  absl::Status Add(const Type& type) {
    const auto [at, added] = types_.emplace(type.name, &type);
    if (!added && at->second->fingerprint != type.fingerprint) {
      return Invalid(absl::StrCat("two types have the stable name ", type.name,
                                  "; give one of them another with $Commander.name"));
    }
    return absl::OkStatus();
  }
  std::vector<const Type*> all() const {
    std::vector<const Type*> all;
    for (const auto& [name, type] : types_) all.push_back(type);
    return all;
  }

  absl::Status AddFold(const FoldType& fold) {
    COMMANDER_RETURN_IF_ERROR(Add(*fold.schema));
    for (const EventFold& event : fold.events) COMMANDER_RETURN_IF_ERROR(Add(*event.type));
    return absl::OkStatus();
  }

 private:
  std::map<std::string, const Type*> types_;
};

absl::Status CheckGroup(const GroupBase& group, std::set<std::string>* names,
                        std::set<std::string>* topics, Names* types) {
  const std::string who = absl::StrCat("group ", group.name());
  if (!IsName(group.name())) {
    return Invalid(absl::StrCat("a group's name must be 1 to ", kMaxNameBytes,
                                " of A-Z a-z 0-9 . _ - and not begin with a dot; got '",
                                group.name(), "'"));
  }
  if (!group.status().ok()) return group.status();
  if (group.state() == nullptr) {
    return Invalid(absl::StrCat(
        who,
        " is a RemoteGroup, which no log supports yet: every group is handled by the process that "
        "opens it; make it a Group with its handlers"));
  }
  if (!names->insert(group.name()).second) return Invalid(absl::StrCat(who, " was given twice"));
  for (const std::string& topic : {group.command_topic(), group.event_topic()}) {
    if (!IsName(topic)) {
      return Invalid(absl::StrCat(who, ": a topic's name must be 1 to ", kMaxNameBytes,
                                  " of A-Z a-z 0-9 . _ -; got '", topic, "'"));
    }
    if (!topics->insert(topic).second) {
      return Invalid(absl::StrCat(who, ": topic ", topic, " is used twice"));
    }
  }
  if (group.options().partitions == 0) {
    return Invalid(absl::StrCat(who, " needs at least one partition"));
  }
  COMMANDER_RETURN_IF_ERROR(types->AddFold(*group.state()));
  std::set<std::string> handled;
  for (const CommandHandler& handler : group.handlers()) {
    COMMANDER_RETURN_IF_ERROR(types->Add(*handler.type));
    if (!handled.insert(handler.type->name).second) {
      return Invalid(absl::StrCat(who, " has two handlers for ", handler.type->name));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckOptions(const EngineOptions& options) {
  if (options.data_directory.empty()) {
    return Invalid("EngineOptions.data_directory is empty: name the directory that holds the data");
  }
  if (options.dedup_window <= absl::ZeroDuration() ||
      options.dedup_window > absl::Hours(24 * 366)) {
    return Invalid(absl::StrCat("dedup_window must be above 0 and at most a year; got ",
                                absl::FormatDuration(options.dedup_window)));
  }
  if (options.max_record_bytes < 1024 || options.max_record_bytes > kMaxOutcomeBytes) {
    return Invalid(absl::StrCat("max_record_bytes must be 1024 to ", kMaxOutcomeBytes, "; got ",
                                options.max_record_bytes));
  }
  if (options.max_outstanding == 0 || options.max_outstanding_bytes < options.max_record_bytes) {
    return Invalid(
        "max_outstanding must be at least 1, max_outstanding_bytes at least "
        "max_record_bytes");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<Sealing>> ReadMarks(const std::vector<const Type*>& types,
                                                   bool everything) {
  auto sealing = std::make_shared<Sealing>(everything);
  // Where nothing is personal, an AnyPointer hides nothing.
  const bool any = std::any_of(types.begin(), types.end(),
                               [](const Type* type) { return crypto::IsPersonal(type->schema); });
  for (const Type* type : types) COMMANDER_RETURN_IF_ERROR(sealing->AddType(*type, any));
  return sealing;
}

absl::StatusOr<Wiring> CheckWiring(const EngineOptions& options,
                                   const std::vector<Component*>& components) {
  COMMANDER_RETURN_IF_ERROR(CheckOptions(options));
  Wiring wiring;
  std::set<std::string> group_names;
  std::set<std::string> projection_names;
  std::set<std::string> topics;
  Names types;
  for (Component* component : components) {
    if (auto* group = dynamic_cast<GroupBase*>(component)) {
      COMMANDER_RETURN_IF_ERROR(CheckGroup(*group, &group_names, &topics, &types));
      wiring.groups.push_back(group);
    } else if (auto* projection = dynamic_cast<ProjectionBase*>(component)) {
      if (!IsName(projection->name())) {
        return Invalid(absl::StrCat("a projection's name must be 1 to ", kMaxNameBytes,
                                    " of A-Z a-z 0-9 . _ - and not begin with a dot; got '",
                                    projection->name(), "'"));
      }
      if (!projection_names.insert(projection->name()).second) {
        return Invalid(absl::StrCat("projection ", projection->name(), " was given twice"));
      }
      COMMANDER_RETURN_IF_ERROR(types.AddFold(projection->fold()));
      wiring.projections.push_back(projection);
    } else {
      return Invalid("a component given to Engine::Open is null");
    }
  }
  for (const ProjectionBase* projection : wiring.projections) {
    for (const GroupBase* source : projection->sources()) {
      if (std::find(wiring.groups.begin(), wiring.groups.end(), source) == wiring.groups.end()) {
        return Invalid(absl::StrCat("projection ", projection->name(), " folds group ",
                                    source->name(), ", which was not given to Engine::Open"));
      }
    }
  }
  COMMANDER_ASSIGN_OR_RETURN(wiring.sealing, ReadMarks(types.all(), options.seal_everything));
  return wiring;
}

absl::Status CheckStoredTypes(const Wiring& wiring, const SchemaSet& schemas) {
  for (const GroupBase* group : wiring.groups) {
    for (const std::string& name : schemas.NamesUsed(group->name(), SchemaRole::kEvent)) {
      if (group->state()->Find(name) != nullptr) continue;
      return absl::FailedPreconditionError(
          absl::StrCat("group ", group->name(), ": the log holds events of type ", name,
                       ", which no list names; add it to the state's Events<...>, or Ignores<...> "
                       "to pass over it "
                       "deliberately"));
    }
  }
  return absl::OkStatus();
}

}  // namespace commander::internal
