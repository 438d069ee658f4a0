// fake_ledger_log.h: a ledger's records in memory, with failures on demand.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/ledger_log.h"

namespace commander::test {

// Thread-safe.  Offsets are not dense: record n is at 3 n.
class FakeLedgerLog : public crypto::LedgerLog {
 public:
  absl::StatusOr<std::uint64_t> Append(std::string_view record) override {
    const std::lock_guard lock(mutex_);
    if (refuse > 0) {
      --refuse;
      return absl::UnavailableError("the log takes nothing");
    }
    if (late > 0) {
      --late;
      under_way_.emplace_back(record);
      return absl::DeadlineExceededError("no answer from the log");
    }
    for (std::string& earlier : under_way_) records.push_back(std::move(earlier));
    under_way_.clear();
    records.emplace_back(record);
    if (unsure > 0) {
      --unsure;
      return absl::DeadlineExceededError("no answer from the log");
    }
    return 3 * (records.size() - 1);
  }

  absl::Status Read(std::uint64_t from, Record record) override {
    const std::lock_guard lock(mutex_);
    if (unreadable > 0) {
      --unreadable;
      return absl::UnavailableError("the log does not answer");
    }
    for (std::uint64_t n = (from + 2) / 3; n < records.size(); ++n) {
      absl::Status status = record(3 * n, records[n]);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // To be changed between calls only.
  std::vector<std::string> records;
  int refuse = 0;      // so many appends fail
  int unsure = 0;      // so many fail, and the record is there all the same
  int late = 0;        // so many fail, and come to be there before the next one that does not
  int unreadable = 0;  // so many reads fail

 private:
  std::mutex mutex_;
  std::vector<std::string> under_way_;
};

}  // namespace commander::test
