// crash_harness.h: a log on a file system that forgets, and everything that must hold.
//
// The harness plays clients, workers and readers, and remembers what each was told.
// After every opening it compares: what was acknowledged is there, what anybody acted
// on has not vanished, batches are whole, offsets dense, no outcome without its
// command.  A violation is a sentence; none is the empty string.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "engine/log/embedded_log.h"
#include "tests/support/fake_environment.h"
#include "tests/support/faulty_file_system.h"

namespace commander::test {

class CrashHarness {
 public:
  static constexpr const char* kDirectory = "/data/log";

  CrashHarness(std::uint64_t seed, FaultyFileSystem::Options options);

  FaultyFileSystem& files() { return files_; }
  std::mt19937_64& random() { return random_; }
  const std::string& violation() const { return violation_; }

  // Opens the log and checks its contents.  False where the opening failed: because of
  // a fault that was injected, or of a violation.
  bool Open();
  bool is_open() const { return log_ != nullptr; }
  // Whether the last opening reported a torn tail.
  bool reported_torn_tail() const { return torn_tail_; }

  // How much happened, so that a test can tell that it tried something.
  struct Tally {
    std::uint64_t openings = 0;
    std::uint64_t torn_tails = 0;
    std::uint64_t acknowledged = 0;  // records
    std::uint64_t refusals = 0;      // for lack of space
    std::uint64_t stops = 0;
    std::uint64_t readers = 0;
  };
  const Tally& tally() const { return tally_; }

  // ---- What clients and workers do.  All are harmless on a log that has stopped.
  void Enqueue(bool with_frame_image = false);
  void Decide();
  // False once the log has stopped.
  bool Step();
  void MakeTopic();
  void StoreSchema();
  // Another process reads everything it may.  What it sees counts as acted on.
  void ReadElsewhere();

  // Ends the process: by Close(), true if that went well, or without.
  bool Close();
  void Abandon(Loss loss);
  void LoseThePower();  // no process is running

  // A log that is closed, for damage.
  log::EmbeddedLogOptions Options();
  // Compares a log's contents with what was acknowledged.  Empty: all is there and
  // nothing else than was written; otherwise what is wrong, or why it cannot be read.
  std::string Compare(log::LogReader& log);

 private:
  struct Group {
    std::uint16_t commands = 0;
    std::uint16_t events = 0;
  };
  struct Entry {
    std::uint64_t tag = 0;
    std::uint64_t source = 0;       // outcomes
    std::uint64_t command_tag = 0;  // outcomes
    std::uint64_t batch = 0;
    std::uint64_t index = 0;
    std::uint64_t count = 0;

    friend bool operator==(const Entry&, const Entry&) = default;
  };
  using Contents = std::map<log::TopicPartition, std::vector<Entry>>;
  class AckTicket;

  static constexpr std::uint16_t kPartitions = 2;
  static constexpr std::size_t kMaxGroups = 3;

  void Violate(const std::string& what);
  static std::vector<log::Word> Encode(const Entry& entry, std::size_t extra_words,
                                       std::uint64_t image_sequence);
  absl::StatusOr<Contents> ReadAll(log::LogReader& log);
  std::string CheckContents(const Contents& contents) const;
  std::string CheckOutcomes(const Contents& contents) const;
  void Act(const Contents& contents);
  void RememberUndecided(const Contents& contents);

  FaultyFileSystem files_;
  FakeClock clock_;
  FakeRandom log_random_;
  std::mt19937_64 random_;
  std::unique_ptr<log::Log> log_;
  std::vector<Group> groups_;
  bool torn_tail_ = false;
  bool reading_ = false;
  std::string violation_;
  Tally tally_;

  std::uint64_t next_tag_ = 1;
  std::uint64_t next_batch_ = 1;
  // By partition and offset: what somebody was told is durable, and what anybody has seen.
  std::map<log::TopicPartition, std::map<std::uint64_t, std::uint64_t>> acknowledged_;
  std::map<log::TopicPartition, std::vector<Entry>> acted_;
  std::map<std::string, std::uint16_t> topics_;  // that OpenTopic() returned
  std::set<std::uint64_t> schemas_;
  // Commands without an outcome, in order: offset and tag.
  std::map<log::TopicPartition, std::vector<std::pair<std::uint64_t, std::uint64_t>>> undecided_;
  std::map<log::TopicPartition, std::uint64_t> next_offset_;  // that a command will have
};

}  // namespace commander::test
