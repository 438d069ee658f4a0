// Given events, the rows of a projection.
#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "commander/testing.h"
#include "engine/fixture.h"
#include "engine/fixture_canaries.h"
#include "engine/fixture_folds.h"
#include "engine/fixture_keys.h"
#include "engine/fixture_log.h"
#include "engine/fixture_store.h"
#include "engine/projection_worker.h"
#include "engine/wiring.h"

namespace commander::internal {
namespace {

using Rows = Structs;

std::string TextOfAll(const Type& type, const Rows& rows) {
  if (rows.empty()) return "no rows";
  std::vector<std::string> texts;
  for (const auto& [key, words] : rows) {
    texts.push_back(absl::StrCat(Quoted(key), " ", TextOf(type, std::span<const Word>(words))));
  }
  return absl::StrJoin(texts, ", ");
}

class RowsTest {
 public:
  explicit RowsTest(const ProjectionBase& projection)
      : projection_(projection),
        owner_(absl::StrCat(projection.name(), "@", projection.fold().version)) {}

  absl::StatusOr<Rows> Run(const std::vector<TestMessage>& given) {
    COMMANDER_RETURN_IF_ERROR(Begin(given));
    COMMANDER_RETURN_IF_ERROR(FoldInto(sources_, false, stores_));
    COMMANDER_ASSIGN_OR_RETURN(const Rows rows, OpenedRows(stores_));
    COMMANDER_RETURN_IF_ERROR(CheckRoundTrips("row", projection_.fold(), rows));

    std::vector<ProjectionSource> reversed(sources_.rbegin(), sources_.rend());
    COMMANDER_ASSIGN_OR_RETURN(const Rows other, Fold(reversed));
    if (other != rows) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the rows depend on how events of different aggregates follow each other: in the order ",
          "given, ", Text(rows), "; with the last aggregate first, ", Text(other)));
    }

    COMMANDER_ASSIGN_OR_RETURN(const Rows reread, FoldOneByOne());
    if (reread != rows) {
      return absl::FailedPreconditionError(absl::StrCat(
          "folded in one go, ", Text(rows), "; with every row read back between two events, ",
          Text(reread), "; Save and Load lose something, or the fold is not deterministic"));
    }
    COMMANDER_RETURN_IF_ERROR(CheckErased());
    return rows;
  }

  // Folds only; not to be judged, see DecisionTest::Rehearse().
  void Rehearse(const std::vector<TestMessage>& given) {
    if (!Begin(given).ok()) return;
    FoldInto(sources_, false, stores_).IgnoreError();
  }

  absl::Status Search(const Canaries& canaries) const {
    COMMANDER_RETURN_IF_ERROR(canaries.Search(history_));
    COMMANDER_ASSIGN_OR_RETURN(const StoredFolds rows, RowsIn(stores_));
    return canaries.Search("row", rows);
  }

  bool personal() const { return sealing_->needs_keys(); }
  std::string Text(const Rows& rows) const { return TextOfAll(*projection_.fold().schema, rows); }

 private:
  absl::Status Begin(const std::vector<TestMessage>& given) {
    std::vector<const Type*> types;
    AddTypesOf(projection_.fold(), &types);
    for (const GroupBase* source : projection_.sources()) AddTypesOf(*source, &types);
    for (const TestMessage& event : given) types.push_back(event.type);
    COMMANDER_ASSIGN_OR_RETURN(sealing_, ReadMarks(types, false));
    sealing_->Start(keys_);
    return Write(given);
  }

  // Every aggregate gets a partition of its own: the order between two of them is never certain.
  absl::Status Write(const std::vector<TestMessage>& given) {
    std::map<const GroupBase*, std::map<std::string, std::uint16_t, std::less<>>> partitions;
    std::vector<const GroupBase*> groups;
    for (const TestMessage& event : given) {
      COMMANDER_ASSIGN_OR_RETURN(const GroupBase* const group, GroupOf(event));
      groups.push_back(group);
      auto& of_group = partitions[group];
      of_group.try_emplace(std::string(KeyOf(event)), static_cast<std::uint16_t>(of_group.size()));
    }
    FixtureWriter writer(history_, *sealing_);
    std::map<const GroupBase*, std::pair<std::uint16_t, std::uint16_t>> topics;
    for (const auto& [group, keys] : partitions) {
      const auto count = static_cast<std::uint16_t>(keys.size());
      topics[group] = {writer.Topic(group->command_topic(), log::TopicKind::kCommands, count),
                       writer.Topic(group->event_topic(), log::TopicKind::kEvents, count)};
    }
    for (std::size_t i = 0; i < given.size(); ++i) {
      const GroupBase& group = *groups[i];
      const std::uint16_t partition = partitions[&group].find(KeyOf(given[i]))->second;
      const log::TopicPartition events{topics[&group].second, partition};
      COMMANDER_RETURN_IF_ERROR(
          writer.Put(group, {topics[&group].first, partition}, events, given[i]));
      const bool known =
          std::any_of(sources_.begin(), sources_.end(),
                      [&](const ProjectionSource& source) { return source.events == events; });
      if (!known) sources_.push_back({group.name(), group.event_topic(), events});
    }
    erasures_.kids = writer.erased();
    return absl::OkStatus();
  }

  absl::StatusOr<const GroupBase*> GroupOf(const TestMessage& event) const {
    const GroupBase* found = nullptr;
    for (const GroupBase* source : projection_.sources()) {
      if (event.group != nullptr && event.group != source) continue;
      if (source->state() != nullptr && source->state()->Find(event.type->name) == nullptr) {
        continue;
      }
      if (found != nullptr) {
        return absl::InvalidArgumentError(
            absl::StrCat(event.type->name, " may be an event of group ", found->name(),
                         " or of group ", source->name(), "; say which: Event<…>(…).In(group)"));
      }
      found = source;
    }
    if (found != nullptr) return found;
    return absl::InvalidArgumentError(absl::StrCat(
        event.type->name, " can be in no log that projection ", projection_.name(), " folds: ",
        event.group == nullptr
            ? std::string("no group of it")
            : absl::StrCat("group ", event.group->name(), " is not one of its groups, or it"),
        " does not list the type"));
  }

  absl::StatusOr<Rows> Fold(const std::vector<ProjectionSource>& sources) {
    FixtureContents stores;
    COMMANDER_RETURN_IF_ERROR(FoldInto(sources, false, stores));
    return OpenedRows(stores);
  }

  // In the order given, one aggregate after the other.
  absl::StatusOr<Rows> FoldOneByOne() {
    FixtureContents stores;
    for (const ProjectionSource& source : sources_) {
      COMMANDER_RETURN_IF_ERROR(FoldInto({source}, true, stores));
    }
    return OpenedRows(stores);
  }

  absl::Status FoldInto(const std::vector<ProjectionSource>& sources, bool one_record_a_poll,
                        FixtureContents& stores) {
    FixtureClock clock;
    FixtureLog log(history_, clock, {0, one_record_a_poll});
    COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<SchemaSet> schemas, SchemaSet::Load(log));
    COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<store::Store> store,
                               FixtureStores(stores).Open(projection_.name()));
    ProjectionEnvironment environment;
    environment.log = &log;
    environment.schemas = schemas.get();
    environment.store = store.get();
    environment.sealing = sealing_.get();
    environment.flush_events = ~std::size_t{0};
    ProjectionWorker worker(projection_, sources, std::move(environment));
    COMMANDER_RETURN_IF_ERROR(worker.Open());
    while (worker.Step()) {
    }
    for (const PartitionStatus& status : worker.Status()) {
      COMMANDER_RETURN_IF_ERROR(status.error);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Rows> OpenedRows(const FixtureContents& stores) const {
    COMMANDER_ASSIGN_OR_RETURN(const StoredFolds rows, RowsIn(stores));
    return Opened(rows, *sealing_, projection_.fold(), owner_, true);
  }

  // Everything is folded once more, as if all subjects had been erased.
  absl::Status CheckErased() {
    if (!personal()) return absl::OkStatus();
    FixtureContents stores;
    erasures_.everyone = true;
    const absl::Status folded = FoldInto(sources_, false, stores);
    erasures_.everyone = false;
    COMMANDER_RETURN_IF_ERROR(Explain(kWithoutPersonal, folded));
    COMMANDER_ASSIGN_OR_RETURN(const StoredFolds with, RowsIn(stores_));
    COMMANDER_ASSIGN_OR_RETURN(const StoredFolds without, RowsIn(stores));
    return ComparePublicParts("row", *projection_.fold().schema, with, without);
  }

  const ProjectionBase& projection_;
  const std::string owner_;
  FixtureErasures erasures_;
  FixtureKeys keys_{erasures_};
  std::shared_ptr<Sealing> sealing_;
  FixtureHistory history_;
  FixtureContents stores_;                 // folded in the order given
  std::vector<ProjectionSource> sources_;  // in the order of their first events
};

absl::Status CheckCanaries(const RowsTest& test, const ProjectionBase& projection,
                           const std::vector<TestMessage>& given) {
  Canaries own(Canaries::Plant::kNone);
  Canaries planted(Canaries::Plant::kWhereShort);
  std::vector<TestMessage> events;
  for (const TestMessage& event : given) {
    own.Take(event);
    events.push_back(planted.Take(event));
  }
  COMMANDER_RETURN_IF_ERROR(test.Search(own));
  if (!planted.planted()) return absl::OkStatus();
  RowsTest other(projection);
  other.Rehearse(events);
  return other.Search(planted);
}

absl::StatusOr<Rows> RowsOf(RowsTest& test, const ProjectionBase& projection,
                            const std::vector<TestMessage>& given) {
  COMMANDER_ASSIGN_OR_RETURN(Rows rows, test.Run(given));
  if (test.personal()) COMMANDER_RETURN_IF_ERROR(CheckCanaries(test, projection, given));
  return rows;
}

}  // namespace

testing::Result JudgeRows(const ProjectionBase& projection, const std::vector<TestMessage>& given,
                          const std::vector<TestRow>& expected) {
  Rows wanted;
  for (const auto& [key, state] : expected) {
    absl::StatusOr<std::vector<Word>> words = SaveFold(projection.fold(), state);
    if (words.ok()) words = Canonical(std::vector<Word>(*words), projection.fold().schema->name);
    if (!words.ok()) return Disagree("rows that can be saved", words.status().ToString());
    if (!wanted.emplace(key, *std::move(words)).second) {
      return Disagree("each row once", absl::StrCat("ThenRows names ", Quoted(key), " twice"));
    }
  }
  RowsTest test(projection);
  const absl::StatusOr<Rows> rows = RowsOf(test, projection, given);
  if (rows.ok() && *rows == wanted) return testing::Result::Success();
  return Disagree(test.Text(wanted),
                  rows.ok() ? test.Text(*rows) : std::string(rows.status().message()));
}

}  // namespace commander::internal
