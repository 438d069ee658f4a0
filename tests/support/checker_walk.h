// checker_walk.h: the rules of one partition's outcomes, for checker.h.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "tests/support/checker.h"

namespace commander::test {

// How much longer than the window an id is remembered, and how far ahead a version 7 id may be.
inline constexpr std::int64_t kSkewNs = 5 * 60 * std::int64_t{1'000'000'000};

// Walks over the outcomes in their order, says what is wrong, and keeps what they mean.
class PartitionWalk {
 public:
  using Report = std::function<void(const std::string&)>;
  PartitionWalk(const PartitionHistory& history, const CheckOptions& options, Report report)
      : history_(history), options_(options), report_(std::move(report)) {}

  void Step(const LoggedOutcome& outcome);
  // All outcomes that end before `next`.  False: it is not a place between two outcomes.
  bool WalkTo(Offset next);
  // Everything has its final outcome.
  void CheckComplete();

  const PartitionModel& model() const { return model_; }

 private:
  enum class Fate { kUnknown, kParked, kFinal };

  void Say(const LoggedOutcome& outcome, const std::string& what);
  void CheckFirst(const LoggedOutcome& outcome, const LoggedCommand& command);
  void CheckRemembered(const LoggedOutcome& outcome, const LoggedCommand& command);
  void CheckWindow(const LoggedOutcome& outcome, const LoggedCommand& command);
  void CheckRun(const LoggedOutcome& outcome, const LoggedCommand& command);
  void CheckAgain(const LoggedOutcome& outcome, const LoggedCommand& command);
  void CheckOperator(const LoggedOutcome& outcome, const LoggedCommand& command);
  void Apply(const LoggedOutcome& outcome, const LoggedCommand& command);

  const PartitionHistory& history_;
  const CheckOptions& options_;
  const Report report_;
  PartitionModel model_;
  std::map<Offset, Fate> fates_;
  std::set<PartitionModel::IdKey> ran_;
  // The last command that a skip refused, until the skip's own outcome.
  std::optional<Offset> skipped_;
};

}  // namespace commander::test
