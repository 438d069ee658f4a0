// ledger_log.h: where the records of the ledger of erasures lie; the engine keeps them in a topic
// of the application's log.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace commander::crypto {

// Called by one thread at a time.
class LedgerLog {
 public:
  virtual ~LedgerLog() = default;

  // Appends a record and returns its offset, once it is durable and will be read by Read().
  // After an error the record may be there all the same, now or later: the ledger reads again, and
  // appends the same bytes where it does not find them.
  virtual absl::StatusOr<std::uint64_t> Append(std::string_view record) = 0;

  // Calls `record` with each record from offset `from` up to the end that the log has now, in
  // order.  Offsets grow, and need not be dense.  Ends with the first error that `record` returns.
  using Record = absl::FunctionRef<absl::Status(std::uint64_t offset, std::string_view record)>;
  virtual absl::Status Read(std::uint64_t from, Record record) = 0;
};

}  // namespace commander::crypto
