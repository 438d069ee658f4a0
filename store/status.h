// status.h: what RocksDB reports, in the codes of this code base.
//
//     rocksdb::Status status = db->Get(...);
//     if (!status.ok()) return ToAbslStatus(status, "store accounts: cannot read");
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "rocksdb/status.h"

namespace commander::store {

// `what` says what was tried and where.  RocksDB's text is kept: it names files and places in them,
// and never rows (its option allow_data_in_errors stays off).
//   kNotFound           no such row
//   kDataLoss           damage, or a file that is missing
//   kResourceExhausted  no space on the device, or a bound on memory
//   kAborted            busy or interrupted: try again
//   kUnavailable        the store is closing or has not all at hand
//   kDeadlineExceeded   a time-out inside RocksDB
//   kUnimplemented      a format or an operation this RocksDB does not know
//   kInternal           any other error of input and output, and our own misuse
absl::Status ToAbslStatus(const rocksdb::Status& status, std::string_view what);

// Whether deleting the files and folding the log again is the cure: damage, missing files, and
// formats of a newer RocksDB; not full disks, permissions or a failing device.
bool IsDamage(const rocksdb::Status& status);

}  // namespace commander::store
