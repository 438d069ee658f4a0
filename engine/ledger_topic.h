// ledger_topic.h: the ledger of erasures, in a topic of the application's log.
//
// A record is an envelope of kind `ledger`; what is in it is crypto/'s.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/environment.h"
#include "commander/id.h"
#include "crypto/ledger_log.h"
#include "engine/log/log.h"

namespace commander::internal {

inline constexpr char kLedgerTopic[] = "commander-ledger";

// The records from offset `from` up to the end that the log has now, as crypto::LedgerLog::Read().
absl::Status ReadLedger(log::LogReader& log, log::TopicPartition place, std::uint64_t from,
                        crypto::LedgerLog::Record record);

// Called by one thread at a time.
class LedgerTopic final : public crypto::LedgerLog {
 public:
  // Makes the topic where there is none.  Log, clock and random source must outlive it.
  static absl::StatusOr<std::unique_ptr<LedgerTopic>> Open(log::Log& log, Clock& clock,
                                                           RandomSource& random);

  // Steps the log itself until the record is durable, so it works before any thread runs, too.
  //   kUnavailable: it is not, after 30 s.
  absl::StatusOr<std::uint64_t> Append(std::string_view record) override;
  absl::Status Read(std::uint64_t from, Record record) override;

 private:
  LedgerTopic(log::Log& log, std::uint16_t topic, Clock& clock, RandomSource& random);
  log::Log& log_;
  const log::TopicPartition place_;
  Clock& clock_;
  IdSource ids_;
};

}  // namespace commander::internal
