// A process that makes keys of people, seals under them and erases them, killed at any moment,
// again and again, on one data directory.  COMMANDER_KILL_SEED=n has it killed at other moments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/process/keys_on_disk.h"
#include "tests/process/referral_book.h"
#include "tests/process/referrals.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/run_commander.h"

namespace commander::test {
namespace {

namespace fs = std::filesystem;

using ::testing::Gt;
using State = SubjectStatus::State;

constexpr std::uint64_t kLives = 50;
constexpr std::uint64_t kFirstSeed = 1;
constexpr std::size_t kOlderEvents = 100;  // looked at again after each life

std::uint64_t WantedSeed() {
  const char* text = std::getenv("COMMANDER_KILL_SEED");
  return text == nullptr ? kFirstSeed : std::strtoull(text, nullptr, 10);
}

// Whether some file below the directory holds the text, byte for byte.
bool Holds(const fs::path& directory, std::string_view text) {
  for (const auto& file : fs::recursive_directory_iterator(directory)) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (bytes.find(text) != std::string::npos) return true;
  }
  return false;
}

class EraseKillTest : public ::testing::Test {
 protected:
  // What queries and handlers read, of everybody.
  using Seen = std::map<std::string, std::string>;

  EraseKillTest()
      : referrals_([this](const View<Referrer>& view) {
          looked_ = absl::StrCat(view->email, " ", view->note, " ", view->referrals);
        }) {}

  fs::path data() const { return dir_ / "data"; }
  std::string kek() const { return (dir_ / "kek").string(); }

  // A life that ends by SIGKILL, half of the time within an erasure: about as many microseconds as
  // such a thing takes.
  void LiveAndDie() {
    book_.BeginLife();
    const std::uint64_t kind = random_() % 4;
    const std::string from = kind == 0 ? "opening" : kind == 1 ? "open" : "erasing";
    const std::uint64_t limit = kind == 0 ? 80'000 : kind == 1 ? 150'000 : 35'000;
    // The first steps are the shortest.
    const std::uint64_t after = random_() % (1 + random_() % limit);
    const Ran ran = RunProgram({Program("process_referrals"), data().string(), kek(),
                                std::to_string(book_.life()), from, std::to_string(after)});
    for (const std::string& line : ran.Lines()) ASSERT_THAT(book_.Add(line), IsOk());
    ASSERT_EQ(ran.exit, 128 + SIGKILL) << ran.err;
  }

  // As the kill left them, before anything recovers: what was acknowledged is done.
  void CheckWhatLies() {
    if (!fs::exists(data() / "keys")) return;
    COMMANDER_ASSERT_OK_AND_ASSIGN(const std::set<std::string> completed,
                                   CompletedErasures(data()));
    COMMANDER_ASSERT_OK_AND_ASSIGN(const std::set<std::string> keys, PseudonymsOfKeys(data()));
    for (const auto& [name, person] : book_.people()) {
      if (!person.erasure.empty()) {
        ASSERT_TRUE(completed.contains(person.erasure)) << name << ": called done, is not recorded";
        ASSERT_FALSE(keys.contains(person.pseudonym)) << name << ": called done, has its key";
      } else if (!person.asked && !person.pseudonym.empty()) {
        ASSERT_TRUE(keys.contains(person.pseudonym)) << name << ": its key is lost";
      }
    }
  }

  void Open() {
    COMMANDER_ASSERT_OK_AND_ASSIGN(engine_, referrals_.Open(data().string(), kek(), nullptr));
    ASSERT_THAT(engine_->AwaitReady(absl::Minutes(1)), IsOk());
  }
  void Close() {
    ASSERT_THAT(engine_->Close(), IsOk());
    engine_.reset();
  }

  // An erasure that was begun is done when the engine is open, or never was; one that was
  // acknowledged stays done.
  void CheckPerson(const std::string& name, ToldPerson& person) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const SubjectStatus status,
                                   engine_->privacy().Status(SubjectOf(name)));
    ASSERT_NE(status.state, State::kErasing) << name;
    if (!person.erasure.empty()) {
      ASSERT_EQ(status.state, State::kErased) << name;
      return;
    }
    if (status.state == State::kErased) {
      ASSERT_TRUE(person.asked) << name << ": nobody asked for it";
      ++converged_;
      // Asks which it was; erases nothing any more.
      const auto receipt = engine_->privacy().Erase(SubjectOf(name), "again");
      ASSERT_THAT(receipt, IsOk());
      ASSERT_THAT(book_.Add(ReferralBook::Erased(name, receipt)), IsOk());
      return;
    }
    ASSERT_EQ(status.state, person.pseudonym.empty() ? status.state : State::kActive) << name;
    person.asked = false;
    if (!person.pseudonym.empty()) {
      ASSERT_EQ(status.pseudonym, person.pseudonym) << name;
    }
  }

  void CheckEvent(const std::string& name, const ToldPerson& person, const ToldEvent& event) {
    SCOPED_TRACE(name + " in " + event.key);
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Outcome outcome,
                                   engine_->FindOutcome(referrals_.accounts, event.key, event.id));
    const auto payload = outcome.event<referrals::Referred>();
    ASSERT_TRUE(payload.has_value());
    const EventMetadata& metadata = outcome.events()[0].metadata();
    const bool erased = !person.erasure.empty();
    ASSERT_EQ(metadata.erased, erased);
    ASSERT_EQ(metadata.version, event.version);
    ASSERT_EQ(metadata.subject, person.pseudonym);
    ASSERT_EQ(payload->getEmail(), erased ? "" : EmailOf(name).c_str());
    ASSERT_EQ(payload->getNote(), erased ? "" : NoteOf(name, event.id).c_str());
    ASSERT_EQ(payload->getPlace(), kReferralPlace);
  }

  // Of this life all events, of former ones some or all.
  void CheckEvents(bool all) {
    std::size_t events = 0;
    for (const auto& [name, person] : book_.people()) events += person.events.size();
    for (const auto& [name, person] : book_.people()) {
      for (const ToldEvent& event : person.events) {
        if (!all && event.life < book_.life() && random_() % events >= kOlderEvents) continue;
        CheckEvent(name, person, event);
        if (HasFatalFailure()) return;
      }
    }
  }

  void Check(bool all) {
    for (auto& [name, person] : book_.people()) {
      CheckPerson(name, person);
      if (HasFatalFailure()) return;
    }
    CheckEvents(all);
    if (HasFatalFailure()) return;
    // Also of what nobody was told: a person has one key, an account each version once.
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto people,
                                   engine_->Scan(referrals_.people, {.limit = 100'000}));
    std::set<std::string> emails;
    for (const auto& [pseudonym, row] : people) {
      if (!row.email.empty()) {
        ASSERT_TRUE(emails.insert(row.email).second) << row.email;
      }
    }
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto histories, engine_->Scan(referrals_.histories));
    for (const auto& [key, row] : histories) ASSERT_EQ(row.gaps, 0u) << key;
  }

  // In accounts that were never heard of, in every partition.
  void CheckRefusals() {
    for (const auto& [name, person] : book_.people()) {
      if (person.erasure.empty()) continue;
      const auto refused =
          Referrals::Refer(*engine_, referrals_.accounts, "acct-" + name, name, NewKey());
      ASSERT_EQ(ErrorCodeOf(refused.status()), "commander.erased") << name;
    }
  }

  Seen Look() {
    Seen seen;
    const auto people = engine_->Scan(referrals_.people, {.limit = 100'000});
    const auto histories = engine_->Scan(referrals_.histories);
    EXPECT_THAT(people, IsOk());
    EXPECT_THAT(histories, IsOk());
    if (!people.ok() || !histories.ok()) return seen;
    for (const auto& [key, row] : *people) seen["person " + key] = row.ToString();
    for (const auto& [key, row] : *histories) {
      seen["history " + key] = row.ToString();
      EXPECT_THAT(engine_->SyncCommand<referrals::Look>(referrals_.accounts, key, [](auto) {}),
                  IsOk());
      seen["account " + key] = looked_;
    }
    return seen;
  }

  const std::uint64_t seed_ = WantedSeed();
  std::mt19937_64 random_{seed_};
  const TempDir dir_{TempDir::kMemory};
  ReferralBook book_;
  std::uint64_t converged_ = 0;  // erasures that a kill interrupted, and that are done
  std::string looked_;
  Referrals referrals_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EraseKillTest, KeepsItsPromisesThroughFiftyLives) {
  for (std::uint64_t life = 1; life <= kLives; ++life) {
    SCOPED_TRACE(testing::Message() << "seed " << seed_ << ", life " << life);
    LiveAndDie();
    if (HasFatalFailure()) return;
    CheckWhatLies();
    if (HasFatalFailure()) return;
    // Every third is killed again before anybody looks.
    if (life % 3 == 0 && life < kLives) continue;
    Open();
    if (HasFatalFailure()) return;
    Check(life == kLives);
    if (HasFatalFailure()) return;
    if (life < kLives) Close();
  }
  CheckRefusals();
  const Seen seen = Look();
  Close();
  EXPECT_FALSE(Holds(data(), kReferralCanary));
  EXPECT_TRUE(Holds(data(), kReferralPlace)) << "what is public is there to be found";

  fs::remove_all(data() / "store");
  fs::remove_all(data() / "projections");
  Open();
  if (HasFatalFailure()) return;
  Check(true);
  EXPECT_EQ(Look(), seen);
  Close();

  for (const auto& [what, times] : book_.told()) std::cerr << what << ": " << times << "\n";
  std::cerr << "interrupted erasures that are done: " << converged_ << "\n";
  for (const char* told : {"event", "erased", "refused"}) {
    EXPECT_TRUE(book_.told().contains(told)) << "nobody was ever told " << told;
  }
  EXPECT_THAT(converged_, Gt(0u)) << "no erasure was interrupted";
}

}  // namespace
}  // namespace commander::test
