#include "tools/commander/projection_reader.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "tools/commander/log_identity.h"

namespace commander::cli {
namespace {

constexpr char kFamily[] = "rows";

// Walks over nothing.
class NoRows : public store::Cursor {
 public:
  bool Valid() const override { return false; }
  void Next() override {}
  std::string_view key() const override { return {}; }
  std::string_view value() const override { return {}; }
  absl::Status status() const override { return absl::OkStatus(); }
};

}  // namespace

absl::StatusOr<std::unique_ptr<ProjectionReader>> ProjectionReader::Open(Data& data,
                                                                         std::string_view name) {
  std::unique_ptr<ProjectionReader> reader(new ProjectionReader);
  COMMANDER_ASSIGN_OR_RETURN(reader->name_, data.FindProjection(name));
  // The store before the end of the log, which it is never ahead of.
  COMMANDER_ASSIGN_OR_RETURN(reader->store_,
                             data.OpenStore(absl::StrCat("projections/", reader->name_)));
  const absl::StatusOr<store::FamilyId> family = reader->store_->FindFamily(kFamily);
  if (absl::IsNotFound(family.status())) return reader;
  COMMANDER_RETURN_IF_ERROR(family.status());
  reader->family_ = *family;
  COMMANDER_RETURN_IF_ERROR(reader->ReadPositions(data));
  return reader;
}

absl::Status ProjectionReader::ReadPositions(Data& data) {
  std::map<std::pair<std::string, std::uint32_t>, store::PartitionRow> rows;
  const std::string start = store::PartitionKey();
  const std::unique_ptr<store::Cursor> cursor =
      store_->Scan(*family_, start, store::PrefixEnd(start));
  for (; cursor->Valid(); cursor->Next()) {
    COMMANDER_ASSIGN_OR_RETURN(const store::TopicOfPartition place,
                               store::TopicOfPartitionKey(cursor->key()));
    COMMANDER_ASSIGN_OR_RETURN(rows[std::pair(place.topic, place.partition)],
                               store::DecodePartition(cursor->value()));
  }
  COMMANDER_RETURN_IF_ERROR(cursor->status());

  std::string last_topic;
  for (const auto& [place, row] : rows) {
    if (row.last_time_ns >= newest_.last_time_ns) newest_ = row;
    if (std::exchange(last_topic, place.first) == place.first) continue;
    COMMANDER_ASSIGN_OR_RETURN(const log::TopicInfo topic, data.FindTopic(place.first));
    for (std::uint16_t p = 0; p < topic.settings.partitions; ++p) {
      Folded folded{.topic = place.first, .partition = p, .next = {}, .end = {}};
      COMMANDER_ASSIGN_OR_RETURN(folded.end, data.log().End({topic.number, p}));
      if (const auto at = rows.find({place.first, p}); at != rows.end()) {
        COMMANDER_RETURN_IF_ERROR(
            CheckBelongs(absl::StrCat("projection ", name_), at->second, topic, p, data.log()));
        folded.next = at->second.next;
      }
      folded_.push_back(std::move(folded));
    }
  }
  return absl::OkStatus();
}

std::uint64_t ProjectionReader::behind() const {
  std::uint64_t behind = 0;
  for (const Folded& folded : folded_) behind += folded.end - folded.next;
  return behind;
}

absl::StatusOr<std::optional<store::ProjectionRow>> ProjectionReader::Find(
    std::string_view key) const {
  if (!family_.has_value()) return std::optional<store::ProjectionRow>();
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                             store_->Get(*family_, store::ProjectionKey(key)));
  if (!stored.has_value()) return std::optional<store::ProjectionRow>();
  COMMANDER_ASSIGN_OR_RETURN(store::ProjectionRow row, store::DecodeProjection(*stored));
  return std::optional<store::ProjectionRow>(std::move(row));
}

std::unique_ptr<store::Cursor> ProjectionReader::Scan(std::string_view start,
                                                      std::string_view end) const {
  if (!family_.has_value()) return std::make_unique<NoRows>();
  return store_->Scan(*family_, start, end);
}

absl::StatusOr<RowsHash> ProjectionReader::Hash() const {
  return family_.has_value() ? HashProjection(*store_, *family_) : RowsHash();
}

}  // namespace commander::cli
