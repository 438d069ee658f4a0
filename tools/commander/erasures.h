// erasures.h: whose keys the ledger of erasures says are destroyed.
#pragma once

#include <cstdint>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "crypto/ledger_reader.h"
#include "crypto/subject.h"
#include "engine/log/log.h"

namespace commander::cli {

class Erasures {
 public:
  // Reads what the ledger holds that was not read before; each record continues the one before it,
  // and is signed.
  //   kDataLoss, kUnimplemented: the ledger is damaged, or of a newer release; what stands before
  //                              that is known.
  absl::Status CatchUp(log::LogReader& log);

  bool empty() const { return next_ == 0; }  // there is no ledger
  bool Holds(const crypto::Kid& kid) const { return kids_.contains(kid); }

 private:
  crypto::LedgerReader reader_;
  std::uint64_t next_ = 0;
  absl::flat_hash_set<crypto::Kid> kids_;
};

}  // namespace commander::cli
