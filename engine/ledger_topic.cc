#include "engine/ledger_topic.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "commander/internal/status_macros.h"
#include "engine/envelope.h"

namespace commander::internal {
namespace {

constexpr std::size_t kPollBytes = std::size_t{1} << 20;
constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kTick = absl::Milliseconds(1);

class Durable final : public log::Ticket {
 public:
  void OnDurable(Offset offset) override { Set(offset); }
  void OnFailed(const absl::Status& status) override { Set(status); }

  std::optional<absl::StatusOr<Offset>> Wait(absl::Duration patience) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, absl::ToChronoNanoseconds(patience),
                      [&] { return result_.has_value(); });
    return result_;
  }

 private:
  void Set(absl::StatusOr<Offset> result) {
    const std::lock_guard lock(mutex_);
    result_ = std::move(result);
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<absl::StatusOr<Offset>> result_;
};

}  // namespace

absl::Status ReadLedger(log::LogReader& log, log::TopicPartition place, std::uint64_t from,
                        crypto::LedgerLog::Record record) {
  COMMANDER_ASSIGN_OR_RETURN(const Offset end, log.End(place));
  absl::Time deadline = absl::Now() + kPatience;
  while (from < end.value) {
    std::vector<log::Record> records;
    COMMANDER_ASSIGN_OR_RETURN(const Offset next,
                               log.Poll(place, Offset{from}, kPollBytes, &records));
    if (next.value == from) {
      if (absl::Now() > deadline) {
        return absl::UnavailableError(absl::StrCat("topic ", kLedgerTopic, " ends at offset ",
                                                   end.value, " and could not be read from ", from,
                                                   " on within ", absl::FormatDuration(kPatience)));
      }
      absl::SleepFor(kTick);
      continue;
    }
    for (const log::Record& each : records) {
      COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<EnvelopeReader> envelope,
                                 EnvelopeReader::Open(each.message));
      if (envelope->kind() != MessageKind::kLedger) {
        return absl::DataLossError(absl::StrCat("topic ", kLedgerTopic, " offset ",
                                                each.offset.value, ": not a record of a ledger"));
      }
      const std::span<const std::uint8_t> bytes = envelope->sealed();
      COMMANDER_RETURN_IF_ERROR(
          record(each.offset.value,
                 std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())));
    }
    from = next.value;
    deadline = absl::Now() + kPatience;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<LedgerTopic>> LedgerTopic::Open(log::Log& log, Clock& clock,
                                                               RandomSource& random) {
  COMMANDER_ASSIGN_OR_RETURN(const std::uint16_t topic,
                             log.OpenTopic({kLedgerTopic, log::TopicKind::kLedger, 1}));
  return std::unique_ptr<LedgerTopic>(new LedgerTopic(log, topic, clock, random));
}

LedgerTopic::LedgerTopic(log::Log& log, std::uint16_t topic, Clock& clock, RandomSource& random)
    : log_(log), place_{topic, 0}, clock_(clock), ids_(random) {}

absl::StatusOr<std::uint64_t> LedgerTopic::Append(std::string_view record) {
  OutcomeHeader header;
  header.time_ns = clock_.NowNanos();
  header.id = ids_.Next(header.time_ns);
  header.kind = MessageKind::kLedger;
  log::EntryBatch entries;
  AppendSealed(header, {reinterpret_cast<const std::uint8_t*>(record.data()), record.size()},
               &entries);
  const auto durable = std::make_shared<Durable>();
  COMMANDER_RETURN_IF_ERROR(
      log_.Append(place_, log::EntryWalk(entries.words()).Next(), durable, true));
  const absl::Time deadline = absl::Now() + kPatience;
  while (true) {
    const bool worked = log_.Step(true);
    const auto result = durable->Wait(worked ? absl::ZeroDuration() : kTick);
    if (result.has_value()) {
      if (!result->ok()) return result->status();
      return (**result).value;
    }
    if (absl::Now() > deadline) {
      return absl::UnavailableError(absl::StrCat("a record of the topic ", kLedgerTopic,
                                                 " is not durable after ",
                                                 absl::FormatDuration(kPatience)));
    }
  }
}

absl::Status LedgerTopic::Read(std::uint64_t from, Record record) {
  return ReadLedger(log_, place_, from, record);
}

}  // namespace commander::internal
