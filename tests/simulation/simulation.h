// simulation.h: a whole system on one thread, from one seed.
//
//     Simulation simulation(seed);
//     EXPECT_THAT(simulation.Run(), IsEmpty());   // what the checker found
//
// An engine without threads over a log and stores in memory, a clock and randomness that the seed
// decides.  Clients send to it, an operator retries and skips, readers ask; steps of workers, log,
// write-backs and projections come in any order; the log aborts, loses answers, fails and fills up,
// the process dies anywhere and comes back with less in its stores.  In the end everything is
// decided, and the checker judges log, answers, reads and stores.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "commander/commander.h"
#include "engine/core.h"
#include "tests/simulation/seeded_run.h"
#include "tests/support/bank.h"
#include "tests/support/checker.h"
#include "tests/support/fake_environment.h"
#include "tests/support/memory_store.h"
#include "tests/support/simulated_log.h"

namespace commander::test {

class Simulation : public SeededRun {
 public:
  explicit Simulation(std::uint64_t seed);
  ~Simulation();

  // One sentence for each rule that was broken.
  std::vector<std::string> Run();

 private:
  // A command as it may be sent again.
  struct Request {
    std::string key;
    std::string id;
    std::string type;
    bank::Misbehave::How how = bank::Misbehave::How::DRAW;
    std::int64_t number = 0;
    ExpectedVersion expected = ExpectedVersion::Any();
  };
  // Whoever wants to read a row at a position.
  struct Reader {
    std::string key;
    RecordPosition at_least;
  };

  void Tell(const std::string& what);
  void Broken(const std::string& what);

  // Process.
  void Open();
  void Crash();
  void Close();
  void Reopen();
  void CheckDisk(bool complete);
  void Step();
  void StepEngine();
  void Fault();
  bool Stopped();
  bool Settle();
  void Finish();

  // Clients, operators, readers.
  void SendNew();
  void SendAgain();
  void SendRequest(const Request& request, const std::string& client);
  void Send(internal::CommandDraft draft, const Request& request, const std::string& client);
  void Answered(std::size_t index, std::uint64_t life, bool durable,
                const absl::StatusOr<Outcome>& answer);
  void CallFromHandler();
  void Operate();
  void OperateOn(const std::string& key, Offset head, bool skip);
  void Find();
  void ReadRow();
  std::string NewId();
  Told ToldOf(const Outcome& outcome) const;

  FakeClock clock_;
  FakeRandom engine_random_;
  std::shared_ptr<SimulatedDisk> disk_;
  MemoryStoreFactory stores_;
  std::map<std::pair<std::string, std::uint16_t>, internal::CrashSlot> slots_;

  // Of the whole run.
  std::uint16_t partitions_ = 1;
  internal::Limits limits_;
  // The number that makes commands fail until it is cured; then the next one may.
  static constexpr std::int64_t kFirstPoison = 13;
  std::int64_t sick_ = kFirstPoison;
  double aborts_ = 0;
  double lost_results_ = 0;
  bool gaps_ = false;  // between the offsets of events
  double late_polls_ = 0;
  std::uint64_t faults_ = 40;  // one step in so many is a fault

  std::int64_t latest_ns_ = 0;  // that the clock has ever said

  // Of this life of the process.
  std::uint64_t life_ = 0;
  bool dying_ = false;
  bool excused_ = false;  // something was done to it that may stop a partition
  std::unique_ptr<Group<Account>> accounts_;
  std::unique_ptr<Projection<Balance>> balances_;
  SimulatedLog* log_ = nullptr;  // the core's
  std::unique_ptr<internal::Core> core_;
  std::int64_t window_ns_;

  std::vector<Request> requests_;
  std::vector<Sent> sent_;
  std::vector<int> answers_;          // to each of sent_ …
  std::vector<std::uint64_t> lives_;  // … and in which life it was sent
  std::vector<Reader> readers_;
  std::vector<SeenRow> seen_rows_;
  std::vector<FoundOutcome> found_;
  CheckOptions check_;
};

}  // namespace commander::test
