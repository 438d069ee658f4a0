// What a crash may do to the embedded log: nothing that anybody was told of.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/log/crash_harness.h"
#include "tests/log/histories.h"

namespace commander::test {
namespace {

struct Features {
  explicit Features(std::mt19937_64& random) {
    const auto with = [&](int percent) { return static_cast<int>(random() % 100) < percent; };
    full_device = with(35);
    failed_syncs = with(30);
    frame_images = with(30);
    readers = with(60);
  }
  bool full_device, failed_syncs, frame_images, readers;
};

// One life of the process: opening, work, an end.  What kind of end.
std::string Live(CrashHarness& harness, const Features& features, const std::string& last_end) {
  FaultyFileSystem& files = harness.files();
  std::mt19937_64& random = harness.random();
  files.SetFreeSectors(std::nullopt);
  files.SetSyncFailures(features.failed_syncs ? .04 : 0);
  files.CrashAt(random() % 3 == 0 ? 1 + random() % 14 : 5 + random() % 90);
  if (harness.Open()) {
    if (harness.reported_torn_tail() && last_end.starts_with("closed")) {
      return "a torn tail is reported after a clean close";
    }
    bool full = false;
    const std::uint64_t calls = 4 + random() % 36;
    for (std::uint64_t i = 0; i < calls; ++i) {
      if (features.full_device && random() % 12 == 0) {
        full = !full;
        files.SetFreeSectors(full ? std::optional<std::uint64_t>(random() % 6) : std::nullopt);
      }
      const std::uint64_t what = random() % 100;
      if (what < 30) {
        harness.Enqueue(features.frame_images && random() % 5 < 2);
      } else if (what < 50) {
        harness.Decide();
      } else if (what < 88) {
        if (!harness.Step()) break;
      } else if (what < 94) {
        harness.MakeTopic();
      } else {
        harness.StoreSchema();
      }
    }
    if (!files.crashed() && random() % 2 == 0) {
      files.CrashAt(0);
      files.SetFreeSectors(std::nullopt);
      files.SetSyncFailures(0);
      if (harness.Close()) return random() % 2 == 0 ? "closed" : "closed, power";
    }
  }
  return random() % 2 == 0 ? "kill" : "power";
}

// A history of several lives.  The violation, if there is one.
std::string RunHistory(std::uint64_t seed, CrashHarness::Tally* total) {
  std::mt19937_64 options(seed);
  CrashHarness harness(
      seed, {.sector_bytes = options() % 2 == 0 ? 32u : 64u, .stale_blocks = options() % 5 == 0});
  FaultyFileSystem& files = harness.files();
  std::mt19937_64& random = harness.random();
  const Features features(random);
  if (features.readers) {
    files.SetHook([&] {
      if (random() % 7 == 0) harness.ReadElsewhere();
    });
  }
  std::string end;
  const std::uint64_t lives = 2 + random() % 5;
  for (std::uint64_t life = 0; life < lives && harness.violation().empty(); ++life) {
    end = Live(harness, features, end);
    if (end.starts_with("a torn tail")) return end;
    files.CrashAt(0);
    files.SetSyncFailures(0);
    harness.Abandon(end.ends_with("power") ? Loss::kPower : Loss::kKill);
    if (random() % 3 == 0) files.EvictCleanSectors();
    if (features.readers && random() % 2 == 0) harness.ReadElsewhere();
    if (random() % 4 == 0) harness.LoseThePower();
  }
  files.SetFreeSectors(std::nullopt);
  for (int i = 0; i < 2 && harness.violation().empty(); ++i) {
    if (harness.Open() && i == 1 && harness.reported_torn_tail()) {
      return "a torn tail is reported twice";
    }
    harness.Abandon(Loss::kKill);
  }
  const CrashHarness::Tally& tally = harness.tally();
  total->openings += tally.openings;
  total->torn_tails += tally.torn_tails;
  total->acknowledged += tally.acknowledged;
  total->refusals += tally.refusals;
  total->stops += tally.stops;
  total->readers += tally.readers;
  return harness.violation();
}

TEST(CrashTest, RandomHistoriesLoseNothing) {
  const char* only = std::getenv("COMMANDER_TEST_SEED");
  const std::uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  const std::uint64_t count = only != nullptr ? 1 : Histories(20000);
  CrashHarness::Tally total;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    ASSERT_EQ(RunHistory(seed, &total), "")
        << "seed " << seed << "; again with COMMANDER_TEST_SEED=" << seed;
  }
  if (only != nullptr) return;
  // The histories were worth going through.
  EXPECT_GT(total.openings, 2 * count);
  EXPECT_GT(total.torn_tails, count / 10);
  EXPECT_GT(total.acknowledged, 5 * count);
  EXPECT_GT(total.refusals, count / 20);
  EXPECT_GT(total.stops, count / 10);
  EXPECT_GT(total.readers, count);
}

// t topic, e command, i command with the image of a frame, d decide, s step, f device
// full, F space again.
void Play(CrashHarness& harness, const std::string& script) {
  if (!harness.Open()) return;
  for (const char call : script) {
    switch (call) {
      case 't':
        harness.MakeTopic();
        break;
      case 'e':
        harness.Enqueue();
        break;
      case 'i':
        harness.Enqueue(/*with_frame_image=*/true);
        break;
      case 'd':
        harness.Decide();
        break;
      case 's':
        harness.Step();
        break;
      case 'f':
        harness.files().SetFreeSectors(1);
        break;
      case 'F':
        harness.files().SetFreeSectors(std::nullopt);
        break;
      default:
        FAIL() << call;
    }
  }
}

class CrashScriptTest : public ::testing::TestWithParam<const char*> {};

TEST_P(CrashScriptTest, NoEffectIsALegitimateReasonToLoseAnything) {
  const std::uint64_t rounds = Histories(100);
  std::uint64_t crash_points = 0;
  for (bool over = false; !over; ++crash_points) {
    for (const Loss loss : {Loss::kKill, Loss::kPower}) {
      for (std::uint64_t round = 0; round < rounds; ++round) {
        CrashHarness harness(crash_points * 1000 + round, {.sector_bytes = 32});
        FaultyFileSystem& files = harness.files();
        files.CrashAt(crash_points + 1);
        Play(harness, GetParam());
        over = !files.crashed();
        files.SetFreeSectors(std::nullopt);
        harness.Abandon(loss);
        // Crashes while it is being opened, then an opening that succeeds.
        for (int i = 0; i < 2; ++i) {
          files.CrashAt(1 + harness.random()() % 12);
          harness.Open();
          harness.Abandon(harness.random()() % 2 == 0 ? Loss::kPower : Loss::kKill);
        }
        EXPECT_TRUE(harness.Open());
        ASSERT_EQ(harness.violation(), "")
            << "script " << GetParam() << " crash point " << crash_points << " round " << round;
        harness.Abandon(Loss::kKill);
      }
    }
  }
  EXPECT_GT(crash_points, 20u);
}

INSTANTIATE_TEST_SUITE_P(Scripts, CrashScriptTest,
                         ::testing::Values("tesds", "tesdesdssesds", "teisfssFsiesds",
                                           "tesdseseeeeeeesdddseeeeeesdddses"));

}  // namespace
}  // namespace commander::test
