// split.h: parts a struct into its public and its personal half, and joins them again.
//
// Both halves are structs of the original's size, each a flat Cap'n Proto segment.  A data bit or
// pointer is in one of them and zero or null in the other.
#pragma once

#include <capnp/any.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/plan.h"
#include "crypto/wiped_words.h"

namespace commander::crypto {

// Which parts of one struct are public, and how large the halves become.  The struct and the plan
// must outlive it.
class Split {
 public:
  //   kDataLoss: the struct is broken.
  static absl::StatusOr<Split> Measure(const Plan& plan, capnp::AnyStruct::Reader plaintext);

  std::size_t public_words() const { return public_words_; }
  std::size_t personal_words() const { return personal_words_; }

  // Each into exactly as many words, all zero before.
  absl::Status WritePublic(std::span<std::uint64_t> out) const;
  absl::Status WritePersonal(std::span<std::uint64_t> out) const;

 private:
  explicit Split(capnp::AnyStruct::Reader plaintext) : plaintext_(plaintext) {}
  void MarkPublic(const PublicFields& fields);
  void MeasurePointers();
  void Write(bool want_public, std::span<std::uint64_t> out) const;

  capnp::AnyStruct::Reader plaintext_;
  std::vector<std::uint64_t> public_bits_;  // of the data section
  std::vector<bool> public_pointers_;
  std::size_t public_words_ = 0;
  std::size_t personal_words_ = 0;
};

// The whole struct again, as a flat segment no larger than its halves together.
//   kDataLoss (Answer::kMalformed): they are not halves of one struct.
absl::StatusOr<WipedWords> Merge(std::span<const std::span<const std::uint64_t>> halves);

}  // namespace commander::crypto
