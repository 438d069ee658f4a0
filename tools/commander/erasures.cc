#include "tools/commander/erasures.h"

#include <optional>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "crypto/erasure_job.h"
#include "engine/ledger_topic.h"

namespace commander::cli {

absl::Status Erasures::CatchUp(log::LogReader& log) {
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<log::TopicInfo> topics, log.Topics());
  for (const log::TopicInfo& topic : topics) {
    if (topic.settings.name != internal::kLedgerTopic) continue;
    return internal::ReadLedger(
        log, {topic.number, 0}, next_,
        [&](std::uint64_t offset, std::string_view bytes) -> absl::Status {
          const absl::StatusOr<std::optional<crypto::LedgerRecord>> record = reader_.Next(bytes);
          if (!record.ok()) {
            return absl::Status(record.status().code(),
                                absl::StrCat(record.status().message(), ", ",
                                             internal::kLedgerTopic, "[0] offset ", offset));
          }
          next_ = offset + 1;
          if (!record->has_value() || (*record)->kind != crypto::LedgerKind::kErase) {
            return absl::OkStatus();
          }
          COMMANDER_ASSIGN_OR_RETURN(const std::vector<crypto::Kid> kids,
                                     crypto::KidsOfEraseBody((*record)->body));
          kids_.insert(kids.begin(), kids.end());
          return absl::OkStatus();
        });
  }
  return absl::OkStatus();
}

}  // namespace commander::cli
