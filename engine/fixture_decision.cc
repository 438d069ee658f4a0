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
#include "engine/fixture.h"
#include "engine/fixture_canaries.h"
#include "engine/fixture_folds.h"
#include "engine/fixture_keys.h"
#include "engine/fixture_life.h"
#include "engine/partitioner.h"
#include "engine/wiring.h"

namespace commander::internal {
namespace {

using Records = FixtureHistory::Records;
using testing::Result;

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

// The record with its payload opened and in clear.
absl::StatusOr<std::vector<Word>> InClear(const Sealing& sealing, std::string_view group,
                                          std::span<const Word> words) {
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<EnvelopeReader> record,
                             EnvelopeReader::Open(words));
  if (record->sealed().empty()) return std::vector<Word>(words.begin(), words.end());
  COMMANDER_RETURN_IF_ERROR(sealing.Open(*record, group, true));
  capnp::MallocMessageBuilder copy;
  COMMANDER_RETURN_IF_ERROR(ReadStruct(words, "record", [&](capnp::AnyPointer::Reader envelope) {
    copy.setRoot(envelope.getAs<wire::Envelope>());
    copy.getRoot<wire::Envelope>().getPayload().initClear().set(record->payload());
  }));
  const FinishedMessage finished(copy);
  return std::vector<Word>(finished.words().begin(), finished.words().end());
}

class DecisionTest {
 public:
  DecisionTest(const GroupBase& group, const TestMessage& command)
      : group_(group), command_(command) {}

  absl::Status Run(const std::vector<TestMessage>& given) {
    COMMANDER_RETURN_IF_ERROR(Begin(given));
    // Folds what is given, and leaves it in the stores.
    COMMANDER_RETURN_IF_ERROR(
        Explain("what is Given cannot be: ", Live(history_, saved_, nullptr, 0)));
    COMMANDER_RETURN_IF_ERROR(CheckStates(saved_));

    FixtureHistory from_saved = history_;
    COMMANDER_RETURN_IF_ERROR(Live(from_saved, saved_, &command_, 1));
    COMMANDER_ASSIGN_OR_RETURN(records_, OutcomeIn(from_saved));
    COMMANDER_ASSIGN_OR_RETURN(const Records aborted, InClear(from_saved.aborted.front()));
    if (aborted != records_) {
      return absl::FailedPreconditionError(
          absl::StrCat("the decision is not deterministic: decided once, ", Text(aborted),
                       "; decided again, ", Text(records_)));
    }

    decided_ = history_;
    COMMANDER_RETURN_IF_ERROR(Live(decided_, folded_, &command_, 0));
    COMMANDER_ASSIGN_OR_RETURN(const Records live, OutcomeIn(decided_));
    if (live != records_) {
      return absl::FailedPreconditionError(
          absl::StrCat("decided on the state that Load made, ", Text(records_),
                       "; decided on the state folded from the events, ", Text(live),
                       "; Save and Load lose something, or the decision is not deterministic"));
    }
    COMMANDER_RETURN_IF_ERROR(CheckStates(folded_));
    COMMANDER_RETURN_IF_ERROR(CompareStates());
    return CheckErased();
  }

  // Decides only.  Not to be judged: with canaries in place of what the test gives, an error is as
  // good an answer as any.
  void Rehearse(const std::vector<TestMessage>& given) {
    if (!Begin(given).ok()) return;
    decided_ = history_;
    Live(decided_, folded_, &command_, 0).IgnoreError();
  }

  absl::Status Search(const Canaries& canaries) const {
    COMMANDER_RETURN_IF_ERROR(canaries.Search(decided_));
    COMMANDER_ASSIGN_OR_RETURN(const StoredFolds states, StatesIn(folded_, group_.name()));
    return canaries.Search("the state of", states);
  }

  bool personal() const { return sealing_->needs_keys(); }
  const Records& records() const { return records_; }
  std::string Text(const Records& records) const { return TextOf(*group_.state(), records); }

 private:
  absl::Status Begin(const std::vector<TestMessage>& given) {
    COMMANDER_RETURN_IF_ERROR(group_.status());
    std::vector<const Type*> types;
    AddTypesOf(group_, &types);
    COMMANDER_ASSIGN_OR_RETURN(sealing_, ReadMarks(types, false));
    sealing_->Start(keys_);
    return Write(given);
  }

  absl::Status Live(FixtureHistory& history, FixtureContents& stores, const TestMessage* command,
                    std::size_t abort_commits) {
    return Life(group_, erasures_, history, stores, now_).Run(command, abort_commits);
  }

  absl::Status Write(const std::vector<TestMessage>& given) {
    FixtureWriter writer(history_, *sealing_);
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
    erasures_.kids = writer.erased();
    return absl::OkStatus();
  }

  absl::StatusOr<Records> InClear(const Records& records) const {
    Records opened;
    for (const std::vector<Word>& words : records) {
      COMMANDER_ASSIGN_OR_RETURN(opened.emplace_back(),
                                 internal::InClear(*sealing_, group_.name(), words));
    }
    return opened;
  }

  absl::StatusOr<Records> OutcomeIn(const FixtureHistory& after) const {
    Records outcome;
    const std::size_t before = SizeIn(history_);
    if (SizeIn(after) == before) return outcome;
    const auto& records = after.records.at(events_);
    for (std::size_t i = before; i < records.size(); ++i) outcome.push_back(*records[i].words);
    return InClear(outcome);
  }
  std::size_t SizeIn(const FixtureHistory& history) const {
    const auto at = history.records.find(events_);
    return at == history.records.end() ? 0 : at->second.size();
  }

  absl::StatusOr<Structs> States(const FixtureContents& stores) const {
    COMMANDER_ASSIGN_OR_RETURN(const StoredFolds states, StatesIn(stores, group_.name()));
    return Opened(states, *sealing_, *group_.state(), group_.name(), false);
  }

  absl::Status CheckStates(const FixtureContents& stores) const {
    COMMANDER_ASSIGN_OR_RETURN(const Structs states, States(stores));
    return CheckRoundTrips("the state of", *group_.state(), states);
  }

  absl::Status CompareStates() const {
    COMMANDER_ASSIGN_OR_RETURN(const Structs loaded, States(saved_));
    COMMANDER_ASSIGN_OR_RETURN(const Structs folded, States(folded_));
    for (const auto& [key, words] : folded) {
      const auto other = loaded.find(key);
      if (other != loaded.end() && other->second == words) continue;
      const Type& schema = *group_.state()->schema;
      return absl::FailedPreconditionError(absl::StrCat(
          "the state of ", Quoted(key), " folded from the events is ", TextOf(schema, folded, key),
          ", but where the store was read in between it is ", TextOf(schema, loaded, key),
          "; Save and Load lose something"));
    }
    return absl::OkStatus();
  }

  // Everything is folded once more, as if all subjects had been erased.
  absl::Status CheckErased() {
    if (!personal()) return absl::OkStatus();
    FixtureErasures everyone{.everyone = true};
    FixtureHistory history = decided_;
    FixtureContents stores;
    COMMANDER_RETURN_IF_ERROR(
        Explain(kWithoutPersonal, Life(group_, everyone, history, stores, now_).Run(nullptr, 0)));
    COMMANDER_ASSIGN_OR_RETURN(const StoredFolds with, StatesIn(folded_, group_.name()));
    COMMANDER_ASSIGN_OR_RETURN(const StoredFolds without, StatesIn(stores, group_.name()));
    return ComparePublicParts("the state of", *group_.state()->schema, with, without);
  }

  const GroupBase& group_;
  const TestMessage& command_;
  FixtureErasures erasures_;
  FixtureKeys keys_{erasures_};
  std::shared_ptr<Sealing> sealing_;
  FixtureHistory history_;      // what is given
  FixtureHistory decided_;      // and the command with its outcome
  FixtureContents saved_;       // read and written between the given events and the command
  FixtureContents folded_;      // not so
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

// Is what is personal sealed wherever it goes?
absl::Status CheckCanaries(const DecisionTest& test, const GroupBase& group,
                           const std::vector<TestMessage>& given, const TestMessage& command) {
  Canaries own(Canaries::Plant::kNone);
  Canaries planted(Canaries::Plant::kWhereShort);
  std::vector<TestMessage> events;
  for (const TestMessage& event : given) {
    own.Take(event);
    events.push_back(planted.Take(event));
  }
  own.Take(command);
  const TestMessage other_command = planted.Take(command);
  COMMANDER_RETURN_IF_ERROR(test.Search(own));
  if (!planted.planted()) return absl::OkStatus();
  DecisionTest other(group, other_command);
  other.Rehearse(events);
  return other.Search(planted);
}

}  // namespace

TestDecision Decide(const GroupBase& group, const std::vector<TestMessage>& given,
                    const TestMessage& command) {
  TestDecision decision;
  DecisionTest test(group, command);
  absl::Status status = test.Run(given);
  if (status.ok() && test.personal()) status = CheckCanaries(test, group, given, command);
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
