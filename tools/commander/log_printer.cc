#include "tools/commander/log_printer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "crypto/sealer.h"
#include "engine/partitioner.h"
#include "tools/commander/keys.h"
#include "tools/commander/time_text.h"

namespace commander::cli {
namespace {

using ::commander::internal::EnvelopeReader;
using ::commander::internal::MessageKind;

constexpr std::array kKinds = {MessageKind::kCommand, MessageKind::kEvent,  MessageKind::kRejection,
                               MessageKind::kNothing, MessageKind::kParked, MessageKind::kLedger};

absl::Status CheckKinds(const std::vector<std::string>& kinds) {
  std::vector<std::string> names;
  for (const MessageKind kind : kKinds) names.emplace_back(internal::MessageKindName(kind));
  for (const std::string& kind : kinds) {
    if (std::find(names.begin(), names.end(), kind) != names.end()) continue;
    return absl::InvalidArgumentError(absl::StrCat("there is no kind of message ", PrintKey(kind),
                                                   "; there are: ", absl::StrJoin(names, ", ")));
  }
  return absl::OkStatus();
}

bool Contains(const std::vector<std::string>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

absl::StatusOr<std::unique_ptr<LogPrinter>> LogPrinter::Make(Data& data, Personal& personal,
                                                             const LogFilter& filter,
                                                             Context& context) {
  std::unique_ptr<LogPrinter> printer(new LogPrinter(data, personal, filter, context));
  COMMANDER_RETURN_IF_ERROR(CheckKinds(filter.kinds));
  if (!filter.key.empty()) {
    COMMANDER_ASSIGN_OR_RETURN(printer->key_, ParseKey(filter.key));
  }
  COMMANDER_RETURN_IF_ERROR(printer->FindPartitions());
  return printer;
}

absl::Status LogPrinter::FindPartitions() {
  std::vector<log::TopicInfo> topics;
  std::vector<std::string> names = filter_.topics;
  if (!filter_.group.empty()) {
    COMMANDER_ASSIGN_OR_RETURN(const std::string group, data_.FindGroup(filter_.group));
    names.push_back(absl::StrCat(group, "-commands"));
    names.push_back(absl::StrCat(group, "-events"));
  }
  for (const std::string& name : names) {
    COMMANDER_ASSIGN_OR_RETURN(log::TopicInfo topic, data_.FindTopic(name));
    topics.push_back(std::move(topic));
  }
  if (names.empty()) {
    COMMANDER_ASSIGN_OR_RETURN(topics, data_.Topics());
  }
  for (const log::TopicInfo& topic : topics) {
    const std::uint16_t count = topic.settings.partitions;
    for (std::uint16_t p = 0; p < count; ++p) {
      if (filter_.partition.has_value() && *filter_.partition != p) continue;
      if (!key_.empty() && internal::PartitionOf(key_, count) != p) continue;
      partitions_.push_back({topic, p});
    }
  }
  if (partitions_.empty() && filter_.partition.has_value() && key_.empty() && !topics.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no partition ", *filter_.partition, "; topic ",
                     topics[0].settings.name, " has 0 to ", topics[0].settings.partitions - 1));
  }
  return absl::OkStatus();
}

absl::Status LogPrinter::BeginList() {
  return context_.output.BeginList({"topic", "partition", "offset", "logged", "kind", "type", "key",
                                    "version", "data", "personal"});
}

absl::StatusOr<bool> LogPrinter::Matches(const EnvelopeReader& envelope) {
  if (filter_.subject.has_value()) {
    if (envelope.sealed().empty() || envelope.kind() == MessageKind::kLedger) return false;
    const absl::StatusOr<crypto::Kid> kid = crypto::KidOf(envelope.sealed());
    if (!kid.ok() || *kid != *filter_.subject) return false;
  }
  if (!key_.empty() && envelope.key() != key_) return false;
  if (!filter_.kinds.empty() &&
      !Contains(filter_.kinds, internal::MessageKindName(envelope.kind()))) {
    return false;
  }
  if (filter_.types.empty()) return true;
  COMMANDER_ASSIGN_OR_RETURN(const std::string type, decoder_.TypeOf(envelope));
  return Contains(filter_.types, type);
}

absl::StatusOr<bool> LogPrinter::Wanted(const MergedRecord& record) {
  const auto envelope = EnvelopeReader::Open(record.record.message);
  if (!envelope.ok()) {
    return !filter_.subject.has_value() && key_.empty() && filter_.kinds.empty() &&
           filter_.types.empty();
  }
  return Matches(**envelope);
}

absl::Status LogPrinter::Print(const MergedRecord& merged) {
  COMMANDER_ASSIGN_OR_RETURN(const bool wanted, Wanted(merged));
  if (!wanted) return absl::OkStatus();
  ++printed_;
  const std::string& topic = merged.topic->settings.name;
  Row row;
  row.Text("topic", topic).Number("partition", merged.partition);
  row.Wide("offset", merged.record.offset.value).Text("logged", PrintTime(merged.record.time_ns));
  const auto envelope = EnvelopeReader::Open(merged.record.message);
  const absl::Status status =
      envelope.ok() ? decoder_.AppendMessage(**envelope, &row) : envelope.status();
  if (!status.ok()) {
    row.Null("data").Text("undecoded", internal::ToStd(status.message()));
    decoder_.TellUndecoded(
        absl::StrCat(topic, "[", merged.partition, "] offset ", merged.record.offset.value),
        std::string(status.message()));
  }
  return context_.output.Add(row);
}

}  // namespace commander::cli
