#include "tools/commander/own_state_reader.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "engine/partitioner.h"
#include "tools/commander/log_identity.h"
#include "tools/commander/process.h"

namespace commander::cli {
namespace {

constexpr std::size_t kPollBytes = std::size_t{1} << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<OwnStateReader>> OwnStateReader::Open(Data& data,
                                                                     std::string_view group,
                                                                     std::string_view topic) {
  std::unique_ptr<OwnStateReader> reader(new OwnStateReader(data));
  COMMANDER_ASSIGN_OR_RETURN(reader->group_, data.FindGroup(group));
  // The store before the end of the log, which it is never ahead of.
  absl::StatusOr<std::unique_ptr<store::StoreReader>> opened =
      data.OpenStore(absl::StrCat("store/", reader->group_));
  if (opened.ok()) {
    reader->store_ = *std::move(opened);
  } else if (!absl::IsNotFound(opened.status())) {
    return opened.status();
  }
  const std::string name =
      topic.empty() ? absl::StrCat(reader->group_, "-events") : std::string(topic);
  absl::StatusOr<log::TopicInfo> events = data.FindTopic(name);
  if (!events.ok() && topic.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(events.status().message(), "; --topic says which holds the events of group ",
                     reader->group_));
  }
  COMMANDER_RETURN_IF_ERROR(events.status());
  reader->events_ = *std::move(events);
  return reader;
}

std::uint16_t OwnStateReader::PartitionOf(std::string_view key) const {
  return internal::PartitionOf(key, events_.settings.partitions);
}

absl::StatusOr<std::optional<StoredPartition>> OwnStateReader::FindPartition(
    std::uint16_t partition) const {
  if (store_ == nullptr) return std::optional<StoredPartition>();
  absl::StatusOr<store::FamilyId> family = store_->FindFamily(absl::StrCat("p", partition));
  if (absl::IsNotFound(family.status())) return std::optional<StoredPartition>();
  COMMANDER_RETURN_IF_ERROR(family.status());
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                             store_->Get(*family, store::PartitionKey()));
  if (!stored.has_value()) return std::optional<StoredPartition>();
  COMMANDER_ASSIGN_OR_RETURN(store::PartitionRow row, store::DecodePartition(*stored));
  COMMANDER_RETURN_IF_ERROR(
      CheckBelongs(absl::StrCat("store ", group_), row, events_, partition, data_.log()));
  return std::optional<StoredPartition>(StoredPartition{partition, *family, row});
}

absl::StatusOr<std::optional<store::StateRow>> OwnStateReader::FindState(
    const StoredPartition& partition, std::string_view key) const {
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                             store_->Get(partition.family, store::StateKey(key)));
  if (!stored.has_value()) return std::optional<store::StateRow>();
  COMMANDER_ASSIGN_OR_RETURN(store::StateRow row, store::DecodeState(*stored));
  return std::optional<store::StateRow>(std::move(row));
}

absl::StatusOr<std::uint64_t> OwnStateReader::CountParked(const StoredPartition& partition,
                                                          std::string_view key) const {
  const std::string first = store::QueueKey(key, Offset{0});
  const std::string prefix = first.substr(0, first.size() - sizeof(std::uint64_t));
  std::uint64_t parked = 0;
  const std::unique_ptr<store::Cursor> cursor =
      store_->Scan(partition.family, prefix, store::PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) ++parked;
  COMMANDER_RETURN_IF_ERROR(cursor->status());
  return parked;
}

absl::Status ForEachOutcome(
    Data& data, const log::TopicInfo& events, std::string_view key, Offset from,
    const std::function<absl::StatusOr<bool>(const log::Record& record,
                                             const internal::EnvelopeReader& envelope)>& use) {
  const log::TopicPartition place{events.number,
                                  internal::PartitionOf(key, events.settings.partitions)};
  std::vector<log::Record> records;
  while (true) {
    records.clear();
    COMMANDER_ASSIGN_OR_RETURN(const Offset next,
                               data.log().Poll(place, from, kPollBytes, &records));
    if (next == from) return absl::OkStatus();
    for (const log::Record& record : records) {
      if (Interrupted()) return absl::CancelledError("interrupted");
      const auto envelope = internal::EnvelopeReader::Open(record.message);
      if (!envelope.ok()) {
        return absl::DataLossError(absl::StrCat(events.settings.name, "[", place.partition,
                                                "] offset ", record.offset.value, ": ",
                                                envelope.status().message()));
      }
      if ((*envelope)->key() != key) continue;
      COMMANDER_ASSIGN_OR_RETURN(const bool more, use(record, **envelope));
      if (!more) return absl::OkStatus();
    }
    from = next;
  }
}

}  // namespace commander::cli
