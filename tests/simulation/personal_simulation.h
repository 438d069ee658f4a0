// personal_simulation.h: a whole system with personal fields on one thread, from one seed.
//
//     PersonalSimulation simulation(seed);
//     EXPECT_THAT(simulation.Run(), IsEmpty());   // what was broken
//
// Clients refer people in all partitions, and people are erased, over a log, stores and rows of
// keys in memory.  The machine ends anywhere, also between any two writes of an erasure, and loses
// what was not synced; the others go on between the steps of an erasure.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "commander/commander.h"
#include "engine/core.h"
#include "tests/simulation/seeded_run.h"
#include "tests/support/fake_environment.h"
#include "tests/support/memory_key_rows.h"
#include "tests/support/memory_store.h"
#include "tests/support/referrals.h"
#include "tests/support/simulated_log.h"
#include "tests/support/temp_dir.h"

namespace commander::test {

class PersonalSimulation : public SeededRun {
 public:
  explicit PersonalSimulation(std::uint64_t seed);
  ~PersonalSimulation();

  // One sentence for each promise that was broken.
  std::vector<std::string> Run();

 private:
  struct Person {
    std::set<std::string> kids;  // that anybody was told
    bool asked = false;          // to be erased: begun, as far as is known
    std::string erasure;         // acknowledged
  };
  struct Request {
    std::string key;
    std::string id;
    std::string person;
    bool too_late = false;  // sent after the erasure was acknowledged
  };
  struct Acknowledged {
    std::size_t request;
    std::uint64_t version;
  };

  void Tell(const std::string& what);
  void Broken(const std::string& what);

  // Process.
  void Open();
  absl::StatusOr<std::unique_ptr<crypto::KeyStore>> OpenKeys(crypto::LedgerLog& ledger,
                                                             std::function<absl::Status()> drop);
  void Crash();
  void Close();
  void Reopen();
  void Step();
  void StepEngine();
  bool Stopped();
  void Meanwhile();
  void Settle();
  void Finish();

  // Clients.
  void Refer(const std::string& person);
  void MeetAll();
  void Look();
  void Answered(std::size_t request, const absl::StatusOr<Outcome>& answer);
  void Erase();
  void Find();

  // What must hold.
  void CheckDisk();
  void CheckRecords(log::LogReader& log, const std::set<std::string>& fenced);
  void CheckPeople();
  void CheckEvent(const Acknowledged& event, const Outcome& outcome);
  void CheckView(const View<Referrer>& view);
  void CheckRows();

  FakeClock clock_;
  FakeRandom engine_random_;
  const TempDir dir_{TempDir::kMemory};  // the directory of keys, which never changes
  std::shared_ptr<SimulatedDisk> disk_;
  MemoryStoreFactory stores_;
  MemoryKeyDisk keys_;
  std::unique_ptr<crypto::KekProvider> kek_;

  std::uint16_t partitions_;
  std::uint64_t faults_;
  double aborts_ = 0;
  double unknowns_ = 0;
  bool gaps_ = false;
  double late_polls_ = 0;

  bool dying_ = false;
  bool erasing_ = false;
  std::unique_ptr<Group<Referrer>> accounts_;
  std::unique_ptr<Projection<PersonRow>> people_rows_;
  std::unique_ptr<Projection<HistoryRow>> histories_;
  SimulatedLog* log_ = nullptr;  // the core's
  std::unique_ptr<internal::Core> core_;

  std::map<std::string, Person> people_;
  std::vector<Request> requests_;
  std::vector<Acknowledged> acknowledged_;
};

}  // namespace commander::test
