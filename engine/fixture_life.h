// fixture_life.h: one life of an engine on a history and on the stores that an earlier one may have
// left.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "commander/testing.h"
#include "engine/core.h"
#include "engine/fixture.h"
#include "engine/fixture_keys.h"
#include "engine/fixture_log.h"
#include "engine/fixture_store.h"

namespace commander::internal {

class Life {
 public:
  // All outlive this.
  Life(const GroupBase& group, FixtureErasures& erasures, FixtureHistory& history,
       FixtureContents& stores, absl::Time now);

  // Folds the history, decides the command if there is one, and closes.
  absl::Status Run(const TestMessage* command, std::size_t abort_commits);

 private:
  // The handlers of a group, without marking it as opened.
  class GroupCopy final : public GroupBase {
   public:
    explicit GroupCopy(const GroupBase& group);
  };

  absl::Status Send(Core& core, const TestMessage& command);

  GroupCopy group_;
  FixtureErasures& erasures_;
  FixtureHistory& history_;
  FixtureContents& stores_;
  FixtureClock clock_;
  FixtureRandom random_;
};

}  // namespace commander::internal
