#include "tests/support/checker.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/support/checker_walk.h"

namespace commander::test {

Checker::Checker(const GroupHistory& history, CheckOptions options)
    : history_(history), options_(options) {}

void Checker::Violation(std::string what) {
  if (violations_.size() < 100) violations_.push_back(std::move(what));
}

void Checker::CheckLog() {
  for (std::uint16_t p = 0; p < history_.partitions.size(); ++p) {
    const PartitionHistory& partition = history_.partitions[p];
    for (const std::string& damage : partition.damage) {
      Violation(absl::StrCat("partition ", p, ": a commit is not whole: ", damage));
    }
    PartitionWalk walk(partition, options_, [&](const std::string& what) {
      Violation(absl::StrCat("partition ", p, ", ", what));
    });
    for (const LoggedOutcome& outcome : partition.outcomes) walk.Step(outcome);
    if (options_.complete) walk.CheckComplete();
  }
}

const LoggedOutcome* Checker::EndingAt(std::uint16_t partition, Offset last) const {
  if (partition >= history_.partitions.size()) return nullptr;
  const std::vector<LoggedOutcome>& outcomes = history_.partitions[partition].outcomes;
  const auto at =
      std::partition_point(outcomes.begin(), outcomes.end(),
                           [&](const LoggedOutcome& outcome) { return outcome.last < last; });
  return at != outcomes.end() && at->last == last ? &*at : nullptr;
}

void Checker::CheckSent(std::span<const Sent> sent) {
  std::map<std::string, std::size_t> by_tag;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    if (!by_tag.emplace(sent[i].tag, i).second) Violation("two sendings have one tag");
  }
  struct Place {
    std::uint16_t partition;
    const LoggedCommand* command;
  };
  std::map<std::size_t, Place> logged;
  for (std::uint16_t p = 0; p < history_.partitions.size(); ++p) {
    for (const LoggedCommand& command : history_.partitions[p].commands) {
      const std::string where = absl::StrCat("command offset ", command.offset.value, " [", p, "]");
      const auto tag = by_tag.find(command.actor);
      if (tag == by_tag.end()) {
        Violation(absl::StrCat(where, ": nobody sent it"));
        continue;
      }
      const Sent& from = sent[tag->second];
      if (from.key != command.key || from.id != command.id || from.type != command.type) {
        Violation(absl::StrCat(where, ": it was sent with another key, id or type"));
      }
      if (from.refused)
        Violation(absl::StrCat(where, ": its sender was told that it was not sent"));
      if (!logged.emplace(tag->second, Place{p, &command}).second) {
        Violation(absl::StrCat(where, ": it was sent once and is there twice"));
      }
    }
  }
  std::map<std::pair<std::string, std::string>, Offset> order;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const auto place = logged.find(i);
    if (place == logged.end()) {
      if (sent[i].acknowledged || sent[i].told.has_value()) {
        Violation(absl::StrCat("the acknowledged command ", sent[i].tag, " is lost"));
      }
      continue;
    }
    const LoggedCommand& command = *place->second.command;
    const auto [before, first] =
        order.emplace(std::pair(sent[i].client, sent[i].key), command.offset);
    if (!first && command.offset < before->second) {
      Violation(absl::StrCat("command ", sent[i].tag, " overtook one that its client sent before"));
    }
    before->second = command.offset;
    if (sent[i].told.has_value()) CheckTold(sent[i], place->second.partition, command);
  }
}

void Checker::CheckTold(const Sent& sent, std::uint16_t partition, const LoggedCommand& command) {
  const Told& told = *sent.told;
  const std::string what = absl::StrCat("the answer to ", sent.tag, ", ", sent.type, " of ",
                                        sent.key, " at command offset ", command.offset.value);
  const LoggedOutcome* outcome = EndingAt(told.partition, told.last);
  if (told.partition != partition || outcome == nullptr) {
    return Violation(
        absl::StrCat(what, ": no outcome ends at event offset ", told.last.value, " of its log"));
  }
  if (outcome->cause != sent.id || outcome->key != sent.key) {
    Violation(absl::StrCat(what, " is the outcome of another command"));
  }
  if (outcome->kind != told.kind || outcome->code != told.code ||
      outcome->version != told.version) {
    Violation(absl::StrCat(what, " was ", std::string(NameOf(told.kind)), " ", told.code,
                           " version ", told.version, ", the log says ",
                           std::string(NameOf(outcome->kind)), " ", outcome->code, " version ",
                           outcome->version));
  }
  if (told.repeat) {
    const bool own =
        std::any_of(history_.partitions[partition].outcomes.begin(),
                    history_.partitions[partition].outcomes.end(), [&](const LoggedOutcome& each) {
                      return each.source == command.offset && each.repeat && each.cause == sent.id;
                    });
    if (!own || outcome->repeat) {
      Violation(absl::StrCat(what, " is that of a repeat, the log does not say so"));
    }
  } else if (outcome->source != command.offset || outcome->repeat) {
    Violation(absl::StrCat(what, " is not its own outcome"));
  }
}

void Checker::CheckSeen(std::span<const SeenRow> seen) {
  for (const SeenRow& row : seen) {
    ModelBalance balance;
    bool matches = false;
    for (const LoggedOutcome& outcome : history_.partitions[row.partition].outcomes) {
      Offset offset = outcome.first;
      for (const LoggedEvent& event : outcome.events) {
        if (outcome.key == row.key) balance.Apply(event);
        matches = matches || (offset >= row.at_least && balance == row.row);
        ++offset;
      }
      matches = matches || (outcome.last >= row.at_least && balance == row.row);
    }
    if (matches) continue;
    Violation(absl::StrCat("a read of ", row.key, " at event offset ", row.at_least.value, " [",
                           row.partition, "] gave ", row.row.cents, " cents after ", row.row.events,
                           " events: the log never says so from there on"));
  }
}

void Checker::CheckFound(std::span<const FoundOutcome> found) {
  for (const FoundOutcome& find : found) {
    PartitionWalk walk(history_.partitions[find.partition], options_, [](const std::string&) {});
    walk.WalkTo(find.known);
    const auto id = walk.model().ids.find({find.key, find.id});
    const std::string what = absl::StrCat("FindOutcome of ", find.key, " ", find.id.ToString(),
                                          " at event offset ", find.known.value);
    if (id == walk.model().ids.end()) {
      if (find.told.has_value()) Violation(absl::StrCat(what, " found what is not there yet"));
      continue;
    }
    const PartitionModel::Remembered& first = id->second;
    const bool forgotten =
        !first.parked && walk.model().asked_ns - first.asked_ns > options_.min_window_ns + kSkewNs;
    if (!find.told.has_value()) {
      if (!forgotten) Violation(absl::StrCat(what, " did not find it"));
      continue;
    }
    const LoggedOutcome* outcome = EndingAt(find.partition, find.told->last);
    if (outcome == nullptr || outcome->first != first.outcome || outcome->kind != find.told->kind) {
      Violation(absl::StrCat(what, " gave ", std::string(NameOf(find.told->kind)),
                             " ending at event offset ", find.told->last.value,
                             ", the log says the one beginning at ", first.outcome.value));
    }
  }
}

}  // namespace commander::test
