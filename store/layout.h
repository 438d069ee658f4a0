// layout.h: keys and values of the rows, as FORMAT.md describes them.
//
// A family of own state ("p0", "p1", … one a partition) holds four kinds of row:
//   'm'                            where the fold stands: PartitionRow
//   's' key                        an aggregate's state: StateRow
//   'i' number                     a block of remembered ids, in order of arrival
//   'q' length key source          a command of a parked aggregate: QueueRow
// A projection's family ("rows") holds:
//   'm' topic NUL partition        where the fold stands: PartitionRow
//   'r' key                        a row: ProjectionRow
//
// Decoding trusts nothing: damaged values give kDataLoss, never undefined behaviour.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/id.h"
#include "commander/position.h"

namespace commander::store {

// The fold of one partition: of which log, up to where, made by which fold.
struct PartitionRow {
  std::array<std::uint8_t, 16> log_id{};
  Offset next;                     // first record that is not in the store
  MessageId last_id;               // id of the record before `next`; empty where next is 0
  std::uint64_t last_hash = 0;     // XXH3-64 of its words: another record there is another log
  Offset consumed;                 // commands below have their outcome
  std::int64_t last_time_ns = 0;   // time of the last outcome
  std::int64_t last_asked_ns = 0;  // largest arrival time of a command with an outcome
  std::int64_t dedup_window_ns = 0;
  std::uint32_t fold_version = 0;  // kVersion of the state or projection
  std::uint64_t schema = 0;        // fingerprint of the stored state's schema
  bool sealed_whole = false;       // seal_everything was on when it was folded
  friend bool operator==(const PartitionRow&, const PartitionRow&) = default;
};

struct StateRow {
  std::uint64_t version = 0;
  // The state's struct, one Cap'n Proto segment; empty: the aggregate was removed (or rejected
  // only) and its version stays.
  std::vector<std::uint64_t> state;
  bool sealed = false;  // `state` is the struct sealed: ESP1 (crypto/FORMAT.md)
};

// One remembered id: which command of which aggregate, and its first outcome.
struct RememberedId {
  MessageId id;
  std::uint64_t key_hash = 0;  // XXH3-64 of the aggregate's key
  Offset outcome;              // of the first record of its first (if it was parked: final) outcome
  std::int64_t asked_ns = 0;
  bool parked = false;  // no final outcome yet: remembered without end
  friend bool operator==(const RememberedId&, const RememberedId&) = default;
};

struct QueueRow {
  std::string key;
  Offset source;   // of the command
  Offset outcome;  // of the record of kind parked
};

struct ProjectionRow {
  std::vector<std::uint64_t> row;  // the row's struct, one Cap'n Proto segment
  bool sealed = false;             // `row` is the struct sealed
};

std::string PartitionKey();                                                 // own state
std::string PartitionKey(std::string_view topic, std::uint32_t partition);  // projection
struct TopicOfPartition {
  std::string topic;
  std::uint32_t partition = 0;
};
absl::StatusOr<TopicOfPartition> TopicOfPartitionKey(std::string_view row_key);  // projection
std::string EncodePartition(const PartitionRow& row);
absl::StatusOr<PartitionRow> DecodePartition(std::string_view value);

std::string StateKey(std::string_view key);
std::string_view KeyOfState(std::string_view row_key);
std::string EncodeState(std::uint64_t version, std::span<const std::uint64_t> state,
                        bool sealed = false);
absl::StatusOr<StateRow> DecodeState(std::string_view value);

std::string IdBlockKey(std::uint64_t block);  // blocks are numbered in order of arrival
absl::StatusOr<std::uint64_t> NumberOfIdBlock(std::string_view row_key);
std::string EncodeIds(std::span<const RememberedId> ids);
absl::StatusOr<std::vector<RememberedId>> DecodeIds(std::string_view value);

std::string QueueKey(std::string_view key, Offset source);
std::string EncodeQueue(Offset outcome);
absl::StatusOr<QueueRow> DecodeQueue(std::string_view row_key, std::string_view value);

std::string ProjectionKey(std::string_view key);
std::string_view KeyOfProjection(std::string_view row_key);
std::string EncodeProjection(std::span<const std::uint64_t> row, bool sealed = false);
absl::StatusOr<ProjectionRow> DecodeProjection(std::string_view value);

// Whether key and value have the form of some kind of row: kDataLoss says what is wrong.
absl::Status CheckRow(std::string_view row_key, std::string_view value);

// The smallest key behind all that begin with `prefix`; empty where there is none.
std::string PrefixEnd(std::string_view prefix);

}  // namespace commander::store
