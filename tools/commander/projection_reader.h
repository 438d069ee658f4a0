// projection_reader.h: the stored rows of one projection, and what the log holds behind them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "commander/position.h"
#include "store/layout.h"
#include "store/store.h"
#include "tools/commander/data.h"
#include "tools/commander/store_hash.h"

namespace commander::cli {

class ProjectionReader {
 public:
  // `name` as Data::FindProjection() takes it.
  //   kFailedPrecondition: it belongs to another log, or is ahead of this one.
  static absl::StatusOr<std::unique_ptr<ProjectionReader>> Open(Data& data, std::string_view name);

  const std::string& name() const { return name_; }  // "balances@1"

  struct Folded {
    std::string topic;
    std::uint32_t partition = 0;
    Offset next;  // first that is not folded
    Offset end;   // of the log
  };
  // All partitions of the topics that it has folded something of.
  const std::vector<Folded>& folded() const { return folded_; }
  // Records of these topics that are not folded yet.
  std::uint64_t behind() const;
  // Of what is stored; all zero before the first fold.
  const store::PartitionRow& newest() const { return newest_; }

  absl::StatusOr<std::optional<store::ProjectionRow>> Find(std::string_view key) const;
  // Rows with their store keys (store::KeyOfProjection) from `start` up to `end`.
  std::unique_ptr<store::Cursor> Scan(std::string_view start, std::string_view end) const;
  absl::StatusOr<RowsHash> Hash() const;

 private:
  ProjectionReader() = default;
  absl::Status ReadPositions(Data& data);

  std::string name_;
  std::unique_ptr<store::StoreReader> store_;
  std::optional<store::FamilyId> family_;  // none before the first fold
  std::vector<Folded> folded_;
  store::PartitionRow newest_;
};

}  // namespace commander::cli
