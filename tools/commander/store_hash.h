// store_hash.h: one number for what a store holds, however it lies on disk.
//
// The hash of a row is XXH3-128 over its kind, key, version and the canonical form of its struct
// (capnproto.org/encoding.html#canonicalization), of a sealed one the public part, and the kid;
// that of many rows is the sum modulo 2^128.  So it does not depend on the order of rows, on how
// RocksDB keeps them, nor on how Cap'n Proto laid the structs out.  It tells stores apart that
// differ by accident; it is no defence against forgers.
//
// Left out: personal fields, and whether they were erased, so that no keys are needed and an
// erasure changes nothing; remembered ids, which are kept for a time only, and where the fold
// stands, which is shown beside the hash.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/store.h"

namespace commander::cli {

class RowsHash {
 public:
  // `words` may be empty: no struct.
  // `sealed`: they are ESP1.
  //   kDataLoss: they hold no struct.
  absl::Status Add(char kind, std::string_view key, std::uint64_t version,
                   std::span<const std::uint64_t> words, bool sealed = false);
  void Add(const RowsHash& other);

  std::uint64_t rows() const { return rows_; }
  std::string ToHex() const;  // 32 digits

  friend bool operator==(const RowsHash&, const RowsHash&) = default;

 private:
  void AddNumber(std::uint64_t high, std::uint64_t low);

  std::uint64_t rows_ = 0;
  std::uint64_t high_ = 0;
  std::uint64_t low_ = 0;
};

// States and queues of parked commands in a family of own state.
absl::StatusOr<RowsHash> HashOwnState(const store::StoreReader& store, store::FamilyId family);
// Rows of a projection's family.
absl::StatusOr<RowsHash> HashProjection(const store::StoreReader& store, store::FamilyId family);

}  // namespace commander::cli
