#include "tools/commander/history_check.h"

#include <xxhash.h>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "crypto/answer.h"
#include "crypto/plan.h"
#include "crypto/sealer.h"
#include "engine/envelope.h"
#include "engine/ledger_topic.h"
#include "engine/partitioner.h"
#include "store/layout.h"
#include "tools/commander/erasures.h"
#include "tools/commander/keys.h"
#include "tools/commander/own_state_reader.h"
#include "tools/commander/process.h"

namespace commander::cli {
namespace {

using ::commander::internal::EnvelopeReader;
using ::commander::internal::MessageKind;

constexpr std::size_t kPollBytes = std::size_t{1} << 20;

using Versions = absl::flat_hash_map<std::uint64_t, std::uint64_t>;  // by hash of the key

std::uint64_t HashOf(std::string_view key) { return XXH3_64bits(key.data(), key.size()); }

using Use = std::function<absl::Status(const log::Record&, const std::string& where,
                                       const absl::StatusOr<std::unique_ptr<EnvelopeReader>>&)>;

// The records of one partition from the beginning up to `end`.
absl::Status ForEachRecord(Data& data, const log::TopicInfo& topic, std::uint16_t partition,
                           Offset end, const Use& use) {
  std::vector<log::Record> records;
  for (Offset at; at < end;) {
    records.clear();
    COMMANDER_ASSIGN_OR_RETURN(
        const Offset next, data.log().Poll({topic.number, partition}, at, kPollBytes, &records));
    if (next == at) return absl::DataLossError("the log became shorter while it was read");
    for (const log::Record& record : records) {
      if (Interrupted()) return absl::CancelledError("interrupted");
      if (record.offset >= end) break;
      COMMANDER_RETURN_IF_ERROR(
          use(record,
              absl::StrCat(topic.settings.name, "[", partition, "] offset ", record.offset.value),
              EnvelopeReader::Open(record.message)));
    }
    at = next;
  }
  return absl::OkStatus();
}

bool NeedsSchema(MessageKind kind) {
  return kind == MessageKind::kCommand || kind == MessageKind::kEvent;
}

// What shows of a payload without keys: of a sealed one its form, and that one which has to be
// sealed is.
absl::Status CheckPayload(const EnvelopeReader& envelope, const internal::StoredType* type) {
  if (!envelope.sealed().empty()) return crypto::PublicPart(envelope.sealed()).status();
  if (!NeedsSchema(envelope.kind()) || type == nullptr || envelope.payload().isNull() ||
      !crypto::IsPersonal(type->schema())) {
    return absl::OkStatus();
  }
  return crypto::StatusOf(crypto::Answer::kForged,
                          "its type has personal fields, and it is in clear");
}

// What is wrong with an event or refusal of the aggregate that has had `*version` events.
std::optional<std::string> CheckVersion(const EnvelopeReader& envelope, std::uint64_t* version) {
  if (envelope.kind() != MessageKind::kEvent) return std::nullopt;
  const std::uint64_t expected = std::exchange(*version, envelope.version()) + 1;
  if (envelope.version() == expected) return std::nullopt;
  return absl::StrCat("the event of ", PrintKey(envelope.key()), " has version ",
                      envelope.version(), ", expected ", expected);
}

absl::Status CheckPartition(Data& data, const log::TopicInfo& topic, std::uint16_t partition,
                            std::uint64_t* records, const OnMismatch& on_mismatch) {
  COMMANDER_ASSIGN_OR_RETURN(const Offset end, data.log().End({topic.number, partition}));
  Versions versions;
  return ForEachRecord(
      data, topic, partition, end,
      [&](const log::Record&, const std::string& where,
          const absl::StatusOr<std::unique_ptr<EnvelopeReader>>& opened) -> absl::Status {
        ++*records;
        if (!opened.ok()) return on_mismatch({where, std::string(opened.status().message())});
        const EnvelopeReader& envelope = **opened;
        if (envelope.kind() == MessageKind::kLedger) return absl::OkStatus();
        const internal::StoredType* type = nullptr;
        if (NeedsSchema(envelope.kind())) {
          COMMANDER_ASSIGN_OR_RETURN(type, data.FindType(envelope.type()));
          if (type == nullptr) {
            COMMANDER_RETURN_IF_ERROR(on_mismatch({where, NoSchema(envelope.type())}));
          }
        }
        const absl::Status payload = CheckPayload(envelope, type);
        if (!payload.ok()) {
          COMMANDER_RETURN_IF_ERROR(on_mismatch({where, std::string(payload.message())}));
        }
        if (topic.settings.kind != log::TopicKind::kEvents) return absl::OkStatus();
        const auto wrong = CheckVersion(envelope, &versions[HashOf(envelope.key())]);
        return wrong.has_value() ? on_mismatch({where, *wrong}) : absl::OkStatus();
      });
}

// What the events say against what the rows say, in one partition.
absl::Status CompareStates(Data& data, const OwnStateReader& states,
                           const StoredPartition& partition, const OnMismatch& on_mismatch) {
  Versions versions;
  COMMANDER_RETURN_IF_ERROR(
      ForEachRecord(data, states.events(), partition.partition, partition.row.next,
                    [&](const log::Record&, const std::string&,
                        const absl::StatusOr<std::unique_ptr<EnvelopeReader>>& opened) {
                      if (opened.ok() && (*opened)->kind() == MessageKind::kEvent) {
                        versions[HashOf((*opened)->key())] = (*opened)->version();
                      }
                      return absl::OkStatus();
                    }));
  const std::string prefix = store::StateKey("");
  const std::unique_ptr<store::Cursor> cursor =
      states.store()->Scan(partition.family, prefix, store::PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    const std::string_view key = store::KeyOfState(cursor->key());
    const std::string where = absl::StrCat("key ", PrintKey(key));
    const absl::StatusOr<store::StateRow> state = store::DecodeState(cursor->value());
    if (!state.ok()) continue;  // verifying the store tells
    const auto at = versions.find(HashOf(key));
    const std::uint64_t version = at == versions.end() ? 0 : at->second;
    if (at != versions.end()) versions.erase(at);
    if (state->version != version) {
      COMMANDER_RETURN_IF_ERROR(on_mismatch(
          {where, absl::StrCat("its state has version ", state->version, ", its events up to ",
                               "where the store stands have ", version)}));
    }
    if (states.PartitionOf(key) != partition.partition) {
      COMMANDER_RETURN_IF_ERROR(
          on_mismatch({where, absl::StrCat("its state lies in partition ", partition.partition,
                                           ", the key belongs to ", states.PartitionOf(key))}));
    }
  }
  COMMANDER_RETURN_IF_ERROR(cursor->status());
  if (versions.empty()) return absl::OkStatus();
  return on_mismatch({absl::StrCat("partition ", partition.partition),
                      absl::StrCat(versions.size(), " aggregates have events and no state")});
}

}  // namespace

absl::Status CheckTopic(Data& data, const log::TopicInfo& topic, std::uint64_t* records,
                        const OnMismatch& on_mismatch) {
  for (std::uint16_t p = 0; p < topic.settings.partitions; ++p) {
    COMMANDER_RETURN_IF_ERROR(CheckPartition(data, topic, p, records, on_mismatch));
  }
  return absl::OkStatus();
}

absl::Status CheckLedger(Data& data, const OnMismatch& on_mismatch) {
  Erasures erasures;
  const absl::Status read = erasures.CatchUp(data.log());
  if (!absl::IsDataLoss(read)) return read;
  return on_mismatch({internal::kLedgerTopic, std::string(read.message())});
}

absl::Status CheckStates(Data& data, const std::string& group, const OnMismatch& on_mismatch) {
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<OwnStateReader> states,
                             OwnStateReader::Open(data, group, ""));
  if (states->store() == nullptr) return absl::OkStatus();
  for (std::uint16_t p = 0; p < states->events().settings.partitions; ++p) {
    const absl::StatusOr<std::optional<StoredPartition>> partition = states->FindPartition(p);
    if (absl::IsFailedPrecondition(partition.status())) {
      COMMANDER_RETURN_IF_ERROR(
          on_mismatch({absl::StrCat("partition ", p), std::string(partition.status().message())}));
      continue;
    }
    COMMANDER_RETURN_IF_ERROR(partition.status());
    if (!partition->has_value()) continue;
    COMMANDER_RETURN_IF_ERROR(CompareStates(data, *states, **partition, on_mismatch));
  }
  return absl::OkStatus();
}

}  // namespace commander::cli
