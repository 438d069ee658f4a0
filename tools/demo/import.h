// import.h: sends every release of every changelog through the engine as a command.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "commander/commander.h"
#include "tools/demo/changelog.h"
#include "tools/demo/debian.h"

namespace commander::demo {

struct ImportResult {
  std::uint64_t files = 0;    // found, the skipped included
  std::uint64_t entries = 0;  // releases read
  std::uint64_t added = 0;
  std::uint64_t duplicates = 0;  // known before: the outcome was nothing
  std::uint64_t erased = 0;      // refused: of somebody who was erased
  // Path and reason, in the order of the paths.
  std::vector<std::pair<std::string, std::string>> skipped;
  double seconds = 0;
  // Stopped before the last file; what was sent is stored.
  bool interrupted = false;
  // Of the last outcome in each partition: queries that wait for it see everything.
  Position position;
};

// Fills Release and UnmarkedRelease, and what all of the kind share.
void FillFacts(debian::Facts::Builder facts, const ChangelogEntry& entry);
template <class Command>
void FillRelease(Command command, const ChangelogEntry& entry) {
  FillFacts(command.initFacts(), entry);
  command.setName({entry.name.c_str(), entry.name.size()});
  const std::string person = PersonOf(entry);
  command.setEmail({person.c_str(), person.size()});
}

// Reads the changelogs below `input` and sends their releases, in the order of the paths; returns
// when all have their outcome.  Progress goes to stderr, animated where that is a terminal.  Stops
// between two files once `*stop`.
//   Errors: FindChangelogs()'s; the engine's, for the first command that got one.
absl::StatusOr<ImportResult> Import(Engine& engine, const Debian& debian, const std::string& input,
                                    const std::atomic<bool>& stop);

}  // namespace commander::demo
