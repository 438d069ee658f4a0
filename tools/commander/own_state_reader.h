// own_state_reader.h: the stored states of one group, beside its event topic.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/envelope.h"
#include "store/layout.h"
#include "tools/commander/data.h"

namespace commander::cli {

// A partition of a store as it was flushed.
struct StoredPartition {
  std::uint16_t partition = 0;
  store::FamilyId family;
  store::PartitionRow row;
};

class OwnStateReader {
 public:
  // `topic` is needed where the group's events are not in `<group>-events`.  The store may be
  // missing: everything then lies behind it.
  static absl::StatusOr<std::unique_ptr<OwnStateReader>> Open(Data& data, std::string_view group,
                                                              std::string_view topic);

  const std::string& group() const { return group_; }
  const log::TopicInfo& events() const { return events_; }
  // Null where there is no store.
  const store::StoreReader* store() const { return store_.get(); }
  std::uint16_t PartitionOf(std::string_view key) const;

  // Nothing where the store has not reached the partition.
  //   kFailedPrecondition: it belongs to another log, or is ahead of this one.
  absl::StatusOr<std::optional<StoredPartition>> FindPartition(std::uint16_t partition) const;
  absl::StatusOr<std::optional<store::StateRow>> FindState(const StoredPartition& partition,
                                                           std::string_view key) const;
  // Commands of the aggregate that wait because it is parked.
  absl::StatusOr<std::uint64_t> CountParked(const StoredPartition& partition,
                                            std::string_view key) const;

 private:
  explicit OwnStateReader(Data& data) : data_(data) {}

  Data& data_;
  std::string group_;
  log::TopicInfo events_;
  std::unique_ptr<store::StoreReader> store_;
};

// Calls `use` with each outcome of the aggregate in the event topic, from `from` on; it returns
// false to stop.
//   kDataLoss: a record is no message; the message says which.
absl::Status ForEachOutcome(
    Data& data, const log::TopicInfo& events, std::string_view key, Offset from,
    const std::function<absl::StatusOr<bool>(const log::Record& record,
                                             const internal::EnvelopeReader& envelope)>& use);

}  // namespace commander::cli
