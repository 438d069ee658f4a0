// position.h: places in the log, and tokens that carry them.
//
// Every outcome has a position; every query accepts some and waits until the
// projection has folded what stands there (read your own writes):
//
//     auto outcome = engine->SyncCommand<bank::Deposit>(accounts, "acct-1", fill);
//     auto row = engine->Get(by_city, "Paris", {.at_least = outcome->position()});
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace commander {

// The place of a record in its partition: 0, 1, 2 …  A type of its own, so that an
// offset is not taken for a version.
struct Offset {
  std::uint64_t value = 0;

  friend bool operator==(Offset, Offset) = default;
  friend std::strong_ordering operator<=>(Offset, Offset) = default;
  friend Offset operator+(Offset offset, std::uint64_t n) { return {offset.value + n}; }
  friend std::uint64_t operator-(Offset a, Offset b) { return a.value - b.value; }
  Offset& operator++() { return ++value, *this; }
};

// One record of one log.  `log` is the log's identity (32 hexadecimal digits), so
// that a position of another log is noticed.
struct RecordPosition {
  std::string log;
  std::string topic;
  std::uint32_t partition = 0;
  Offset offset;

  friend bool operator==(const RecordPosition&, const RecordPosition&) = default;
  friend std::strong_ordering operator<=>(const RecordPosition&, const RecordPosition&) = default;
};

// What a reader must have seen: any number of records, at most one a partition.
class Position {
 public:
  Position() = default;  // nothing: every reader has seen it
  // NOLINTNEXTLINE: a record is a position
  Position(RecordPosition record) : records_{std::move(record)} {}

  // Ordered by log, topic, partition.
  const std::vector<RecordPosition>& records() const { return records_; }
  bool empty() const { return records_.empty(); }

  // Adds what `other` demands; of two records in one partition the later counts.
  void Merge(const Position& other);

  // An opaque token of printable ASCII, for cookies and headers; it holds topic
  // names and offsets, never keys or payloads.
  std::string ToToken() const;
  //   kInvalidArgument: not a token that ToToken() wrote.
  static absl::StatusOr<Position> FromToken(std::string_view token);

  friend bool operator==(const Position&, const Position&) = default;

 private:
  std::vector<RecordPosition> records_;
};

}  // namespace commander
