#include "tools/commander/log_identity.h"

#include <xxhash.h>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "engine/log/format.h"

namespace commander::cli {

absl::Status CheckBelongs(const std::string& store, const store::PartitionRow& row,
                          const log::TopicInfo& topic, std::uint16_t partition,
                          log::LogReader& log) {
  const std::string where = absl::StrCat(store, ", ", topic.settings.name, "[", partition, "]: ");
  if (row.log_id != log.id()) {
    return absl::FailedPreconditionError(
        absl::StrCat(where, "it belongs to log ", log::LogIdText(row.log_id), ", this is log ",
                     log::LogIdText(log.id()), "; put log and stores of one directory together"));
  }
  const log::TopicPartition place{topic.number, partition};
  COMMANDER_ASSIGN_OR_RETURN(const Offset end, log.End(place));
  if (row.next > end) {
    return absl::FailedPreconditionError(
        absl::StrCat(where, "it is ahead of the log: it has folded offset ", row.next.value - 1,
                     ", the log ends at ", end.value, "; restore the newer log"));
  }
  if (row.next.value == 0) return absl::OkStatus();
  COMMANDER_ASSIGN_OR_RETURN(const log::Record last, log.Read(place, Offset{row.next.value - 1}));
  if (XXH3_64bits(last.message.data(), last.message.size_bytes()) == row.last_hash) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      where, "it was folded from another history: the record at offset ", last.offset.value,
      " is not the one that it has folded; delete the store, it is made again"));
}

}  // namespace commander::cli
