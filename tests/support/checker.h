// checker.h: what must hold of every history of the bank: the log, what callers were told, what
// readers saw, and the stores.
//
//     Checker checker(history, {.min_window_ns = …, .max_window_ns = …});
//     checker.CheckLog();
//     checker.CheckSent(sent);
//     checker.CheckState(*store, family, 0);
//     EXPECT_THAT(checker.violations(), IsEmpty());
//
// Folds the log by its own code (bank_model.h), and knows the rules of the engine, not the engine.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commander/id.h"
#include "commander/position.h"
#include "store/store.h"
#include "tests/support/bank_model.h"
#include "tests/support/group_history.h"

namespace commander::test {

struct CheckOptions {
  // The smallest and the largest dedup_window that was ever in force.
  std::int64_t min_window_ns = 0;
  std::int64_t max_window_ns = 0;
  // Everything that was sent has been decided, and whatever was parked was retried or skipped.
  bool complete = false;
};

// What a caller was told of the outcome.
struct Told {
  RecordKind kind = RecordKind::kNothing;  // kEvent: events
  bool repeat = false;
  std::uint64_t version = 0;
  std::string code;
  std::uint16_t partition = 0;
  Offset last;  // of the outcome's records
};

// One sending of a command.
struct Sent {
  std::string client;  // what one client sends to one key stays in order
  std::string tag;     // its actor; no other has it
  std::string key;
  MessageId id;
  std::string type;
  bool refused = false;       // the engine said that it was not sent
  bool acknowledged = false;  // durable, the caller was told
  std::optional<Told> told;
};

// A row of the projection of balances, as somebody read it who asked for a position.
struct SeenRow {
  std::string key;
  std::uint16_t partition = 0;
  Offset at_least;
  ModelBalance row;
};

// What FindOutcome said.
struct FoundOutcome {
  std::string key;
  MessageId id;
  std::uint16_t partition = 0;
  Offset known;              // it had applied the records below
  std::optional<Told> told;  // none: not found
};

// What one partition's outcomes mean, up to some place.
struct PartitionModel {
  struct Remembered {
    Offset source;
    Offset outcome;  // its first record: of the final outcome once there is one
    std::int64_t asked_ns = 0;
    bool parked = false;
  };
  using IdKey = std::pair<std::string, MessageId>;

  std::map<std::string, ModelAccount> accounts;
  std::map<std::string, std::deque<Offset>> queues;
  std::map<Offset, Offset> parked_at;  // source -> its record of kind parked, while it is parked
  std::map<IdKey, Remembered> ids;
  Offset consumed;  // commands below have their first outcome
  std::int64_t time_ns = 0;
  std::int64_t asked_ns = 0;
  Offset next;
};

class Checker {
 public:
  Checker(const GroupHistory& history, CheckOptions options);

  // Outcomes, commands, versions, order, repeats, windows, parking: the log by itself.
  void CheckLog();
  void CheckSent(std::span<const Sent> sent);
  void CheckSeen(std::span<const SeenRow> seen);
  void CheckFound(std::span<const FoundOutcome> found);
  // The family of own state of a partition: equal to a fold of the log up to where it says it is.
  void CheckState(const store::StoreReader& store, store::FamilyId family, std::uint16_t partition);
  // The rows of the projection of balances, likewise.
  void CheckBalances(const store::StoreReader& store, store::FamilyId family);

  // One sentence each, the first hundred.
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  void Violation(std::string what);
  void CheckIds(const PartitionModel& model, const store::StoreReader& store,
                store::FamilyId family, const std::string& where);
  void CheckQueues(const PartitionModel& model, const store::StoreReader& store,
                   store::FamilyId family, const std::string& where);
  void CheckTold(const Sent& sent, std::uint16_t partition, const LoggedCommand& command);
  const LoggedOutcome* EndingAt(std::uint16_t partition, Offset last) const;

  const GroupHistory& history_;
  const CheckOptions options_;
  std::vector<std::string> violations_;
};

}  // namespace commander::test
