// fixture.h: what the two kinds of test of commander/testing.h have in common.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "commander/environment.h"
#include "commander/testing.h"
#include "engine/fixture_log.h"
#include "engine/sealing.h"

namespace commander::internal {

// Stands still.
class FixtureClock final : public Clock {
 public:
  std::int64_t NowNanos() override { return absl::ToUnixNanos(now); }
  absl::Time now = absl::FromCivil(absl::CivilDay(2026, 1, 1), absl::UTCTimeZone());
};

// The same bytes in every call: what runs again draws the same.
class FixtureRandom final : public RandomSource {
 public:
  void Fill(std::span<std::uint8_t> out) override;
};

// "acct-1", quoted, reversibly.
std::string Quoted(std::string_view text);
// (cents = 500)
std::string TextOf(const Type& type, capnp::AnyPointer::Reader value);

// Before the error of a fold as it is after an erasure.
inline constexpr std::string_view kWithoutPersonal =
    "folded without personal fields, as after an erasure: ";
// The error with that before it.
absl::Status Explain(std::string_view what, const absl::Status& status);

// A failure that shows both.
testing::Result Disagree(std::string_view expected, std::string_view actual);

inline std::string_view KeyOf(const TestMessage& message) {
  return message.key.has_value() ? std::string_view(*message.key) : testing::kKey;
}

// The types of a group's state, events and commands.
void AddTypesOf(const GroupBase& group, std::vector<const Type*>* types);
void AddTypesOf(const FoldType& fold, std::vector<const Type*>* types);

// Puts given events into a history, each as the outcome of a command of its own.
class FixtureWriter {
 public:
  // Both outlive this.  `sealing` is started, and nobody is erased yet.
  FixtureWriter(FixtureHistory& history, const Sealing& sealing)
      : history_(history), sealing_(sealing) {}

  // Number of the topic, made where it is missing.
  std::uint16_t Topic(const std::string& name, log::TopicKind kind, std::uint16_t partitions);
  // `commands` and `events` are one partition of the two topics of `group`.
  absl::Status Put(const GroupBase& group, log::TopicPartition commands, log::TopicPartition events,
                   const TestMessage& event);
  // Whose personal fields the events have that a test says are erased.
  const std::set<crypto::Kid>& erased() const { return erased_; }
  // When the next message is sent that says nothing else.
  absl::Time next() const { return next_; }

 private:
  absl::StatusOr<EventDraft> Seal(const GroupBase& group, const OutcomeHeader& header,
                                  const TestMessage& event);

  FixtureHistory& history_;
  const Sealing& sealing_;
  std::set<crypto::Kid> erased_;
  absl::Time next_ = FixtureClock().now;
  std::map<std::pair<log::TopicPartition, std::string>, std::uint64_t> versions_;
  std::map<log::TopicPartition, absl::Time> last_;  // time of the partition's last outcome
  std::uint64_t count_ = 0;
};

}  // namespace commander::internal
