// Given a group's history, when a command comes: what the engine makes of it.
#include <capnp/dynamic.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "commander/testing.h"
#include "engine/core.h"
#include "engine/fixture.h"
#include "engine/fixture_log.h"
#include "engine/fixture_store.h"
#include "engine/partitioner.h"
#include "store/layout.h"

namespace commander::internal {
namespace {

using Records = FixtureHistory::Records;
using testing::Result;

// The handlers of a group, without marking it as opened.
class GroupCopy final : public GroupBase {
 public:
  explicit GroupCopy(const GroupBase& group)
      : GroupBase(group.name(), group.options(), group.state()) {
    for (const CommandHandler& handler : group.handlers()) AddHandler(handler);
  }
};

// ---- What an outcome says.

std::string TextOf(const FoldType& fold, const EnvelopeReader& record) {
  switch (record.kind()) {
    case MessageKind::kEvent:
      for (const EventFold& event : fold.events) {
        if (event.type->fingerprint != record.type()) continue;
        return absl::StrCat(event.type->name, " ", TextOf(*event.type, record.payload()));
      }
      return "an event of a type that the state does not list";
    case MessageKind::kRejection:
      return absl::StrCat("rejected ", Quoted(record.rejection().code), ", ",
                          Quoted(record.rejection().message));
    case MessageKind::kParked:
      return absl::StrCat("parked, ", Quoted(record.rejection().message));
    case MessageKind::kNothing:
      return "nothing";
    case MessageKind::kCommand:
    case MessageKind::kLedger:
      break;
  }
  return "not an outcome";
}

std::string TextOf(const FoldType& fold, const Records& records) {
  std::vector<std::string> texts;
  for (const std::vector<Word>& words : records) {
    const absl::StatusOr<std::unique_ptr<EnvelopeReader>> record = EnvelopeReader::Open(words);
    texts.push_back(record.ok() ? TextOf(fold, **record) : std::string(record.status().message()));
  }
  return absl::StrJoin(texts, ", ");
}

std::string TextOf(const TestMessage& event) {
  return absl::StrCat(event.type->name, " ", TextOf(*event.type, event.payload()));
}

// ---- A decision.

struct Places {
  std::uint16_t commands = 0;
  std::uint16_t events = 0;
};

// One life of an engine on a history and on the stores that an earlier one may have left.
class Life {
 public:
  Life(const GroupBase& group, FixtureHistory& history, FixtureContents& stores, absl::Time now)
      : group_(group), history_(history), stores_(stores) {
    clock_.now = now;
  }

  // Folds the history, decides the command if there is one, and closes.
  absl::Status Run(const TestMessage* command, std::size_t abort_commits) {
    EngineOptions options;
    options.data_directory = "in memory";
    Environment environment;
    environment.log =
        std::make_unique<FixtureLog>(history_, clock_, FixtureLog::Options{abort_commits, false});
    environment.stores = std::make_unique<FixtureStores>(stores_);
    environment.clock = &clock_;
    environment.random = &random_;
    COMMANDER_ASSIGN_OR_RETURN(Wiring wiring, CheckWiring(options, {&group_}));
    COMMANDER_ASSIGN_OR_RETURN(
        const std::unique_ptr<Core> core,
        Core::Open(std::move(options), std::move(wiring), std::move(environment)));
    StepWhileThereIsWork(*core);
    for (const std::unique_ptr<Worker>& worker : core->workers()) {
      COMMANDER_RETURN_IF_ERROR(worker->error());
    }
    if (command != nullptr) COMMANDER_RETURN_IF_ERROR(Send(*core, *command));
    return core->Close();
  }

 private:
  static void StepWhileThereIsWork(Core& core) {
    while (core.StepAll()) {
    }
  }

  absl::Status Send(Core& core, const TestMessage& command) {
    CommandDraft draft(*command.type);
    draft.payload().set(command.payload());
    std::optional<absl::StatusOr<Outcome>> answer;
    CommandOptions options = command.options;
    options.timeout = absl::InfiniteDuration();
    COMMANDER_RETURN_IF_ERROR(
        core.Send(group_, KeyOf(command), std::move(draft), options, {},
                  [&](absl::StatusOr<Outcome> outcome) { answer.emplace(std::move(outcome)); })
            .status());
    StepWhileThereIsWork(core);
    if (answer.has_value()) return answer->status();
    for (const std::shared_ptr<Call>& call : core.outstanding().Live()) {
      call->Complete(absl::CancelledError("the test is over"));
    }
    return absl::FailedPreconditionError(
        "the command got no outcome: the group does not handle commands");
  }

  GroupCopy group_;
  FixtureHistory& history_;
  FixtureContents& stores_;
  FixtureClock clock_;
  FixtureRandom random_;
};

class DecisionTest {
 public:
  DecisionTest(const GroupBase& group, const TestMessage& command)
      : group_(group), command_(command) {}

  absl::Status Run(const std::vector<TestMessage>& given) {
    COMMANDER_RETURN_IF_ERROR(group_.status());
    COMMANDER_RETURN_IF_ERROR(Write(given));
    // Folds what is given, and leaves it in the stores.
    COMMANDER_RETURN_IF_ERROR(
        Explain("what is Given cannot be: ", Life(group_, history_, saved_, now_).Run(nullptr, 0)));
    COMMANDER_RETURN_IF_ERROR(CheckStates(saved_));

    FixtureHistory from_saved = history_;
    COMMANDER_RETURN_IF_ERROR(Life(group_, from_saved, saved_, now_).Run(&command_, 1));
    records_ = OutcomeIn(from_saved);
    const Records& aborted = from_saved.aborted.front();
    if (aborted != records_) {
      return absl::FailedPreconditionError(
          absl::StrCat("the decision is not deterministic: decided once, ", Text(aborted),
                       "; decided again, ", Text(records_)));
    }

    FixtureHistory from_events = history_;
    FixtureContents folded;
    COMMANDER_RETURN_IF_ERROR(Life(group_, from_events, folded, now_).Run(&command_, 0));
    const Records live = OutcomeIn(from_events);
    if (live != records_) {
      return absl::FailedPreconditionError(
          absl::StrCat("decided on the state that Load made, ", Text(records_),
                       "; decided on the state folded from the events, ", Text(live),
                       "; Save and Load lose something, or the decision is not deterministic"));
    }
    COMMANDER_RETURN_IF_ERROR(CheckStates(folded));
    return CompareStates(saved_, folded);
  }

  const Records& records() const { return records_; }
  std::string Text(const Records& records) const { return TextOf(*group_.state(), records); }

 private:
  static absl::Status Explain(std::string_view what, const absl::Status& status) {
    if (status.ok()) return status;
    return absl::Status(status.code(), absl::StrCat(ToAbsl(what), status.message()));
  }

  absl::Status Write(const std::vector<TestMessage>& given) {
    FixtureWriter writer(history_);
    const std::uint16_t partitions = group_.options().partitions;
    const std::uint16_t commands =
        writer.Topic(group_.command_topic(), log::TopicKind::kCommands, partitions);
    events_.topic = writer.Topic(group_.event_topic(), log::TopicKind::kEvents, partitions);
    if (partitions == 0) return absl::OkStatus();  // opening says so
    for (const TestMessage& event : given) {
      if (event.group != nullptr && event.group != &group_) {
        return absl::InvalidArgumentError(absl::StrCat(
            "Given of group ", group_.name(), " has an event of group ", event.group->name()));
      }
      const std::uint16_t partition = PartitionOf(KeyOf(event), partitions);
      COMMANDER_RETURN_IF_ERROR(
          writer.Put(group_, {commands, partition}, {events_.topic, partition}, event));
    }
    events_.partition = PartitionOf(KeyOf(command_), partitions);
    now_ = command_.time.value_or(writer.next());
    return absl::OkStatus();
  }

  Records OutcomeIn(const FixtureHistory& after) const {
    Records outcome;
    const std::size_t before = SizeIn(history_);
    if (SizeIn(after) == before) return outcome;
    const auto& records = after.records.at(events_);
    for (std::size_t i = before; i < records.size(); ++i) outcome.push_back(*records[i].words);
    return outcome;
  }
  std::size_t SizeIn(const FixtureHistory& history) const {
    const auto at = history.records.find(events_);
    return at == history.records.end() ? 0 : at->second.size();
  }

  // Each state in the stores, as `use` takes it: its key, and what is stored.
  absl::Status ForEachState(
      const FixtureContents& stores,
      const std::function<absl::Status(std::string_view, const store::StateRow&)>& use) const {
    const auto families = stores.find("store/" + group_.name());
    if (families == stores.end()) return absl::OkStatus();
    const std::string first = store::StateKey({});
    for (const FixtureFamily& family : families->second) {
      for (auto row = family.rows.lower_bound(first);
           row != family.rows.end() && row->first.substr(0, first.size()) == first; ++row) {
        COMMANDER_ASSIGN_OR_RETURN(const store::StateRow state, store::DecodeState(row->second));
        COMMANDER_RETURN_IF_ERROR(use(store::KeyOfState(row->first), state));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckStates(const FixtureContents& stores) const {
    return ForEachState(stores, [&](std::string_view key, const store::StateRow& row) {
      if (row.state.empty()) return absl::OkStatus();
      return CheckRoundTrip(*group_.state(), row.state, absl::StrCat("the state of ", Quoted(key)));
    });
  }

  absl::Status CompareStates(const FixtureContents& loaded, const FixtureContents& folded) const {
    std::map<std::string, std::vector<Word>> states;
    COMMANDER_RETURN_IF_ERROR(
        ForEachState(loaded, [&](std::string_view key, const store::StateRow& row) {
          states[std::string(key)] = row.state;
          return absl::OkStatus();
        }));
    return ForEachState(folded, [&](std::string_view key, const store::StateRow& row) {
      const std::vector<Word>& other = states[std::string(key)];
      if (other == row.state) return absl::OkStatus();
      const Type& schema = *group_.state()->schema;
      return absl::FailedPreconditionError(absl::StrCat(
          "the state of ", Quoted(key), " folded from the events is ",
          TextOf(schema, std::span<const Word>(row.state)),
          ", but where the store was read in between it is ",
          TextOf(schema, std::span<const Word>(other)), "; Save and Load lose something"));
    });
  }

  const GroupBase& group_;
  const TestMessage& command_;
  FixtureHistory history_;  // what is given
  FixtureContents saved_;
  log::TopicPartition events_;  // where the outcome comes
  absl::Time now_;
  Records records_;
};

// The records of an outcome, opened.
std::vector<std::unique_ptr<EnvelopeReader>> Open(const TestDecision& decision) {
  std::vector<std::unique_ptr<EnvelopeReader>> opened;
  for (const std::vector<Word>& words : decision.records) {
    absl::StatusOr<std::unique_ptr<EnvelopeReader>> record = EnvelopeReader::Open(words);
    if (record.ok()) opened.push_back(*std::move(record));
  }
  return opened;
}

// Of an outcome that is not events; null otherwise.
std::unique_ptr<EnvelopeReader> Only(const TestDecision& decision, MessageKind kind) {
  std::vector<std::unique_ptr<EnvelopeReader>> records = Open(decision);
  if (!decision.ok || records.size() != 1 || records[0]->kind() != kind) return nullptr;
  return std::move(records[0]);
}

}  // namespace

TestDecision Decide(const GroupBase& group, const std::vector<TestMessage>& given,
                    const TestMessage& command) {
  TestDecision decision;
  DecisionTest test(group, command);
  const absl::Status status = test.Run(given);
  decision.ok = status.ok();
  decision.records = test.records();
  decision.text = status.ok() ? test.Text(decision.records) : std::string(status.message());
  return decision;
}

Result JudgeEvents(const TestDecision& decision, const std::vector<TestMessage>& expected) {
  const std::vector<std::unique_ptr<EnvelopeReader>> records = Open(decision);
  bool same = decision.ok && records.size() == expected.size();
  for (std::size_t i = 0; same && i < expected.size(); ++i) {
    same = records[i]->kind() == MessageKind::kEvent &&
           records[i]->type() == expected[i].type->fingerprint &&
           records[i]->payload().getAs<capnp::AnyStruct>() ==
               expected[i].payload().getAs<capnp::AnyStruct>();
  }
  if (same) return Result::Success();
  std::vector<std::string> texts;
  for (const TestMessage& event : expected) texts.push_back(TextOf(event));
  if (texts.empty()) texts.push_back("events, but none is listed (to expect none: ThenNothing)");
  return Disagree(absl::StrJoin(texts, ", "), decision.text);
}

Result JudgeRejected(const TestDecision& decision, std::string_view code) {
  const auto record = Only(decision, MessageKind::kRejection);
  if (record != nullptr && record->rejection().code == code) return Result::Success();
  return Disagree(absl::StrCat("rejected ", Quoted(code)), decision.text);
}

Result JudgeNothing(const TestDecision& decision) {
  if (Only(decision, MessageKind::kNothing) != nullptr) return Result::Success();
  return Disagree("nothing", decision.text);
}

Result JudgeParked(const TestDecision& decision, std::string_view reason) {
  const auto record = Only(decision, MessageKind::kParked);
  if (record != nullptr && record->rejection().message.find(reason) != std::string::npos) {
    return Result::Success();
  }
  return Disagree(absl::StrCat("parked, because of ", Quoted(reason)), decision.text);
}

}  // namespace commander::internal
