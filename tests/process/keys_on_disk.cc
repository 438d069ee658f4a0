#include "tests/process/keys_on_disk.h"

#include <algorithm>
#include <string_view>

#include "commander/internal/status_macros.h"
#include "crypto/key_rows.h"
#include "crypto/ledger_reader.h"
#include "engine/ledger_topic.h"
#include "store/key_rows_rocks.h"
#include "tools/commander/data.h"

namespace commander::test {

absl::StatusOr<std::set<std::string>> CompletedErasures(const std::filesystem::path& data) {
  COMMANDER_ASSIGN_OR_RETURN(const auto found, cli::Data::Open(data));
  COMMANDER_ASSIGN_OR_RETURN(const auto topics, found->Topics());
  std::set<std::string> completed;
  crypto::LedgerReader reader;
  for (const log::TopicInfo& topic : topics) {
    if (topic.settings.name != internal::kLedgerTopic) continue;
    COMMANDER_RETURN_IF_ERROR(internal::ReadLedger(
        found->log(), {topic.number, 0}, 0,
        [&](std::uint64_t, std::string_view bytes) -> absl::Status {
          COMMANDER_ASSIGN_OR_RETURN(const auto record, reader.Next(bytes));
          if (record.has_value() && record->kind == crypto::LedgerKind::kComplete) {
            completed.insert(record->erasure.ToString());
          }
          return absl::OkStatus();
        }));
  }
  return completed;
}

absl::StatusOr<std::set<std::string>> PseudonymsOfKeys(const std::filesystem::path& data) {
  std::set<std::string> keys;
  COMMANDER_ASSIGN_OR_RETURN(const auto rows,
                             store::KeyRowsOpener(nullptr)(data / "keys" / "rows", false));
  COMMANDER_RETURN_IF_ERROR(rows->Scan(crypto::KeyTable::kKey, "",
                                       [&](std::string_view key, std::string_view) -> absl::Status {
                                         crypto::Kid kid;
                                         if (key.size() != kid.bytes.size())
                                           return absl::InternalError("not a row of a key");
                                         std::copy(key.begin(), key.end(), kid.bytes.begin());
                                         keys.insert(kid.ToString());
                                         return absl::OkStatus();
                                       }));
  COMMANDER_RETURN_IF_ERROR(rows->Close());
  return keys;
}

}  // namespace commander::test
