// Many clients that claim few names at once: one engine, a thread for each client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <barrier>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "commander/commander.h"
#include "tests/support/bank.capnp.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::test {
namespace {

using ::testing::Each;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr int kClients = 64;
constexpr int kNames = 8;

// The aggregate is the name.
struct Username {
  using Schema = bank::Account;
  using Events = commander::Events<bank::Opened>;
  std::string owner;

  void Load(Schema::Reader stored) { owner = stored.getOwner().cStr(); }
  void Save(Schema::Builder stored) const { stored.setOwner(owner.c_str()); }
  void Apply(bank::Opened::Reader event) { owner = event.getOwner().cStr(); }
};

struct Claims {
  std::map<std::string, std::vector<std::string>> winners;  // of each name
  int nothing = 0;
  int rejected = 0;
};

class NamesTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { Open(); }

  void Open() {
    usernames_ = std::make_unique<Group<Username>>(
        "usernames", GroupOptions{.partitions = static_cast<std::uint16_t>(GetParam())});
    usernames_->OnCommand(
        [](bank::Open::Reader claim, const View<Username>& view) -> Decision<bank::Opened> {
          if (view.Exists() && view->owner == claim.getOwner().cStr()) return Nothing();
          if (view.Exists()) return Reject("taken", "the name has another owner");
          return Emit<bank::Opened>([&](auto event) { event.setOwner(claim.getOwner()); });
        });
    COMMANDER_ASSERT_OK_AND_ASSIGN(
        engine_, Engine::Open({.data_directory = data().string()}, {usernames_.get()}));
  }
  void Restart(bool without_stores) {
    ASSERT_THAT(engine_->Close(), IsOk());
    engine_.reset();
    if (without_stores) std::filesystem::remove_all(data() / "store");
    Open();
  }

  // Every client claims one of the names, all at once.
  Claims Claim() {
    std::vector<absl::StatusOr<Outcome>> outcomes(kClients, absl::UnknownError("not answered"));
    std::barrier start(kClients);
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.emplace_back([&, i] {
        start.arrive_and_wait();
        outcomes[static_cast<std::size_t>(i)] = engine_->SyncCommand<bank::Open>(
            *usernames_, NameOf(i), [&](auto claim) { claim.setOwner(ClientOf(i).c_str()); },
            {.timeout = absl::Minutes(1)});
      });
    }
    for (std::thread& client : clients) client.join();
    Claims claims;
    for (int i = 0; i < kClients; ++i) {
      const auto& outcome = outcomes[static_cast<std::size_t>(i)];
      EXPECT_THAT(outcome, IsOk());
      if (!outcome.ok()) continue;
      if (outcome->kind() == OutcomeKind::kEvents) {
        EXPECT_EQ(outcome->version(), 1u);
        claims.winners[NameOf(i)].push_back(ClientOf(i));
      } else if (outcome->kind() == OutcomeKind::kNothing) {
        EXPECT_EQ(owners_[NameOf(i)], ClientOf(i)) << "only the owner has nothing to do";
        ++claims.nothing;
      } else {
        EXPECT_EQ(outcome->rejection().code, "taken");
        EXPECT_NE(owners_[NameOf(i)], ClientOf(i)) << "an owner is refused";
        ++claims.rejected;
      }
    }
    return claims;
  }

  static std::string NameOf(int client) { return absl::StrCat("name-", client % kNames); }
  static std::string ClientOf(int client) { return absl::StrCat("client-", client); }
  std::filesystem::path data() const { return dir_ / "data"; }

  std::map<std::string, std::string> owners_;

 private:
  const TempDir dir_{TempDir::kMemory};
  std::unique_ptr<Group<Username>> usernames_;
  std::unique_ptr<Engine> engine_;
};

TEST_P(NamesTest, EachHasOneOwnerForEver) {
  const Claims first = Claim();
  ASSERT_THAT(first.winners, SizeIs(kNames));
  ASSERT_THAT(first.winners, Each(Pair(::testing::_, SizeIs(1))));
  EXPECT_EQ(first.rejected, kClients - kNames);
  EXPECT_EQ(first.nothing, 0);
  for (const auto& [name, winners] : first.winners) owners_[name] = winners[0];

  for (const bool without_stores : {false, true}) {
    Restart(without_stores);
    if (HasFatalFailure()) return;
    const Claims again = Claim();
    EXPECT_THAT(again.winners, SizeIs(0));
    EXPECT_EQ(again.nothing, kNames) << "the owners";
    EXPECT_EQ(again.rejected, kClients - kNames);
  }
}

INSTANTIATE_TEST_SUITE_P(Partitions, NamesTest, ::testing::Values(1, 8));

}  // namespace
}  // namespace commander::test
