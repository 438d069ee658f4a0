// What damage may do to a log that was closed: be refused, or lose nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "engine/log/embedded_log.h"
#include "engine/log/format.h"
#include "engine/log/verify.h"
#include "tests/log/crash_harness.h"
#include "tests/log/histories.h"
#include "tests/support/status_matchers.h"

namespace commander::test {
namespace {

class DamageTest : public ::testing::Test {
 protected:
  // Three segments and more, closed, two topics and a schema.
  void SetUp() override {
    ASSERT_TRUE(harness_.Open());
    harness_.MakeTopic();
    harness_.StoreSchema();
    while (Segments().size() < 3 || !ActiveHoldsFrames()) {
      harness_.Enqueue();
      harness_.Enqueue();
      harness_.Decide();
      harness_.Step();
    }
    ASSERT_TRUE(harness_.Close());
    harness_.Abandon(Loss::kPower);
    whole_ = files().Snapshot(CrashHarness::kDirectory);
  }

  FaultyFileSystem& files() { return harness_.files(); }
  std::vector<std::string> Segments() {
    std::vector<std::string> paths;
    for (const auto& [path, bytes] : files().Snapshot(CrashHarness::kDirectory)) {
      if (path.ends_with(".log")) paths.push_back(path);
    }
    return paths;
  }
  bool ActiveHoldsFrames() {
    const std::string bytes = files().Contents(Segments().back());
    return bytes.size() > 64 + 192 && bytes.find_first_not_of('\0', 64) != std::string::npos;
  }

  // What a program that opens the log sees.
  enum class Seen { kRefused, kAllThere, kLost };
  Seen Try() {
    Seen seen = Seen::kRefused;
    auto log = log::OpenEmbeddedLog(harness_.Options());
    if (log.ok()) seen = See(**log);
    if (log.ok()) log->reset();
    return seen;
  }
  Seen TryReader() {
    auto log = log::OpenEmbeddedLogReader({CrashHarness::kDirectory, 700, &files()});
    return log.ok() ? See(**log) : Seen::kRefused;
  }
  Seen See(log::LogReader& log) {
    const std::string wrong =
        log.Schemas().ok() ? harness_.Compare(log) : log.Schemas().status().ToString();
    if (wrong.empty()) return Seen::kAllThere;
    return wrong.find("DATA_LOSS") != std::string::npos ? Seen::kRefused : Seen::kLost;
  }
  bool VerifyIsContent() {
    const auto report = log::VerifyEmbeddedLog({CrashHarness::kDirectory, 700, &files()});
    findings_.clear();
    if (!report.ok()) return false;
    for (const log::Finding& finding : report->findings) {
      findings_ += finding.path + ":" + std::to_string(finding.at) + " " + finding.what + "\n";
    }
    return report->ok();
  }
  void Heal() { files().Restore(CrashHarness::kDirectory, whole_); }
  // Whether a change of this byte must be noticed by whoever reads everything.
  bool Matters(const std::string& path, std::size_t byte) {
    if (path.ends_with("LOCK") || path.ends_with("durable") || path.ends_with(".idx")) return false;
    if (!path.ends_with(".log")) return true;
    return byte < ContentsEnd(path);
  }
  std::size_t ContentsEnd(const std::string& path) {
    return log::RoundUpTo8(whole_.at(path).find_last_not_of('\0') + 1);
  }

  // Gives the frame number `n` of a segment a header that fits it, and a changed run.
  static void Resign(std::string* segment, std::size_t n) {
    log::SegmentHeader header;
    if (segment->size() < sizeof header) return;
    std::memcpy(static_cast<void*>(&header), segment->data(), sizeof header);
    std::size_t at = sizeof header;
    while (at + sizeof(log::FrameHeader) <= segment->size()) {
      log::FrameHeader frame;
      std::memcpy(static_cast<void*>(&frame), segment->data() + at, sizeof frame);
      if (frame.length < sizeof frame || frame.length > segment->size() - at) return;
      if (n-- == 0) {
        frame.check = frame.ComputeCheck(header.salt);
        std::memcpy(segment->data() + at, &frame, sizeof frame);
        frame.checksum =
            log::ChecksumOf(segment->data() + at + 8, frame.length - std::size_t{8}, header.salt);
        std::memcpy(segment->data() + at, &frame, sizeof frame);
        return;
      }
      at += frame.length;
    }
  }

  CrashHarness harness_{7, {}};
  std::map<std::string, std::string> whole_;
  std::string findings_;  // of the last verification
};

TEST_F(DamageTest, AWholeLogIsWhole) {
  EXPECT_EQ(Try(), Seen::kAllThere);
  EXPECT_EQ(TryReader(), Seen::kAllThere);
  EXPECT_TRUE(VerifyIsContent());
  EXPECT_FALSE(harness_.reported_torn_tail());
}

TEST_F(DamageTest, EveryFlippedBitIsRefusedOrLosesNothing) {
  std::uint64_t refused = 0;
  std::uint64_t step = Histories(1000) / 1000;
  if (step == 0) step = 7;  // a sample where everything is slower
  for (const auto& [path, bytes] : whole_) {
    for (std::size_t bit = 0; bit < bytes.size() * 8; bit += step) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      files().SetContents(path, flipped);
      const Seen reader = TryReader();
      const bool content = VerifyIsContent();
      const Seen writer = Try();
      ASSERT_NE(writer, Seen::kLost) << path << " bit " << bit;
      ASSERT_NE(reader, Seen::kLost) << path << " bit " << bit;
      if (Matters(path, bit / 8)) {
        ASSERT_EQ(writer, Seen::kRefused) << path << " bit " << bit;
        ASSERT_EQ(reader, Seen::kRefused) << path << " bit " << bit;
        ASSERT_FALSE(content) << path << " bit " << bit;
        ++refused;
      } else {
        ASSERT_EQ(writer, Seen::kAllThere) << path << " bit " << bit;
      }
      // An index that differs, and a mark that is not valid, are named too.
      if (path.ends_with(".idx") || path.ends_with("durable")) {
        ASSERT_NE(findings_, "") << path << " bit " << bit;
      }
      Heal();
    }
  }
  EXPECT_GT(refused, 1000u);
}

TEST_F(DamageTest, EveryTruncationIsRefusedOrLosesNothing) {
  std::uint64_t refused = 0;
  for (const auto& [path, bytes] : whole_) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      files().SetContents(path, bytes.substr(0, size));
      const Seen reader = TryReader();
      const bool content = VerifyIsContent();
      const Seen writer = Try();
      ASSERT_NE(writer, Seen::kLost) << path << " cut to " << size;
      ASSERT_NE(reader, Seen::kLost) << path << " cut to " << size;
      // The last bytes of a frame may be zeros, which a cut takes without a loss only
      // where the end of the file was not reached before.
      if (path.ends_with(".log") && size < bytes.find_last_not_of('\0') + 1) {
        ASSERT_EQ(writer, Seen::kRefused) << path << " cut to " << size;
        ASSERT_EQ(reader, Seen::kRefused) << path << " cut to " << size;
        ASSERT_FALSE(content) << path << " cut to " << size;
        ++refused;
      }
      Heal();
    }
  }
  EXPECT_GT(refused, 1000u);
}

TEST_F(DamageTest, EveryMissingFileIsRefusedOrLosesNothing) {
  for (const auto& [path, bytes] : whole_) {
    files().Delete(path);
    const Seen reader = TryReader();
    const bool content = VerifyIsContent();
    const Seen writer = Try();
    const bool derived = path.ends_with("LOCK") || path.ends_with("durable") ||
                         path.ends_with(".idx") || path.find("/schemas/") != std::string::npos;
    EXPECT_EQ(writer, derived ? Seen::kAllThere : Seen::kRefused) << path;
    EXPECT_EQ(content, derived) << path << "\n" << findings_;
    EXPECT_EQ(reader, writer) << path;
    Heal();
  }
}

// Bytes that nobody wrote, some with checksums that are right: the decoders get them.
TEST_F(DamageTest, BytesThatNobodyWroteNeitherCrashNorChangeRecords) {
  std::mt19937_64 random(3);
  std::vector<std::string> paths;
  for (const auto& [path, bytes] : whole_) paths.push_back(path);
  std::uint64_t refused = 0;
  const std::uint64_t rounds = Histories(20000);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const std::string& path = paths[random() % paths.size()];
    std::string bytes = whole_.at(path);
    const bool resign = path.ends_with(".log") && random() % 2 == 0;
    const std::size_t changes = 1 + random() % 4;
    for (std::size_t i = 0; i < changes && !bytes.empty(); ++i) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.resize(at);
          break;
        case 2:
          bytes.insert(at, std::string(random() % 24, static_cast<char>(random())));
          break;
        default: {
          const std::size_t from = random() % bytes.size();
          const std::size_t n = std::min<std::size_t>(random() % 80, bytes.size() - from);
          bytes.replace(at, std::min(n, bytes.size() - at), bytes.substr(from, n));
        }
      }
    }
    if (resign) Resign(&bytes, random() % 8);
    files().SetContents(path, bytes);
    const auto report = log::VerifyEmbeddedLog({CrashHarness::kDirectory, 700, &files()});
    const Seen reader = TryReader();
    const Seen writer = Try();
    // A frame that was signed anew may say anything, except crash the process.
    if (!resign) {
      ASSERT_NE(writer, Seen::kLost) << path << " round " << round;
      ASSERT_NE(reader, Seen::kLost) << path << " round " << round;
    }
    if (writer == Seen::kRefused) ++refused;
    Heal();
  }
  EXPECT_GT(refused, rounds / 4);
}

}  // namespace
}  // namespace commander::test
