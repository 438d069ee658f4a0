// verify.h: looks for damage in a store, without repairing or touching anything.
//
//     auto totals = store::VerifyRocksStore({.directory = "data/store/accounts"},
//                                           [](const store::Damage& damage) { … });
//
// Checked: that the manifest is whole; that every table file which it names is
// there, with its size and the checksum that was taken when it was written; the
// checksum of every block; the form of every row.  Not checked: whether the rows
// are what the log says.  That takes a fold.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "store/rocks_reader.h"

namespace commander::store {

struct Damage {
  std::string file;   // "000012.sst", "MANIFEST-000005", "CURRENT"; of a row: "family p0"
  std::string place;  // "offset 4096", "row 7361…" (its key in hexadecimal); empty: the whole file
  std::string what;   // one sentence
};

struct VerifiedTotals {
  std::uint64_t tables = 0;
  std::uint64_t table_bytes = 0;
  std::uint64_t rows = 0;
  std::uint64_t damages = 0;
  bool rows_checked = false;  // all of them; false where damages that were told hide some
};

// Reads all of the store: memory does not grow with it, time does.  Beside a writer it checks the
// tables of one moment.  Errors are those of OpenRocksStoreReader() but kDataLoss: damage is what
// this looks for, and is told to `on_damage`, all of it.
absl::StatusOr<VerifiedTotals> VerifyRocksStore(
    const RocksReaderOptions& options, const std::function<void(const Damage&)>& on_damage);

}  // namespace commander::store
