// The reading half of the embedded log, and its catalog.
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "engine/log/catalog.h"
#include "engine/log/dense.h"
#include "engine/log/embedded_log_impl.h"
#include "engine/log/small_file.h"

namespace commander::log {

absl::Status EmbeddedLog::CheckPartition(TopicPartition partition) const {
  if (tail_.Has(partition)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("log ", options_.directory, " has no topic ",
                                                 partition.topic, " with a partition ",
                                                 partition.partition));
}

std::uint64_t EmbeddedLog::VisibleEnd(TopicPartition partition) const {
  return tail_.KindOf(partition) == TopicKind::kCommands ? tail_.Next(partition)
                                                         : tail_.SyncedEnd(partition);
}

absl::StatusOr<std::vector<TopicInfo>> EmbeddedLog::Topics() {
  const std::lock_guard lock(mutex_);
  std::vector<TopicInfo> topics;
  for (const auto& [number, topic] : topics_) topics.push_back(topic);
  return topics;
}

absl::StatusOr<std::vector<Schema>> EmbeddedLog::Schemas() {
  return ReadSchemas(files_, options_.directory);
}

absl::StatusOr<Offset> EmbeddedLog::Begin(TopicPartition partition) {
  const std::lock_guard lock(mutex_);
  COMMANDER_RETURN_IF_ERROR(CheckPartition(partition));
  return Offset{0};
}

absl::StatusOr<Offset> EmbeddedLog::End(TopicPartition partition) {
  const std::lock_guard lock(mutex_);
  COMMANDER_RETURN_IF_ERROR(CheckPartition(partition));
  return Offset{tail_.SyncedEnd(partition)};
}

absl::StatusOr<Offset> EmbeddedLog::Poll(TopicPartition partition, Offset from,
                                         std::size_t max_bytes, std::vector<Record>* out) {
  const std::size_t before = out->size();
  COMMANDER_RETURN_IF_ERROR(
      Collect(partition, from.value, std::numeric_limits<std::uint64_t>::max(), max_bytes, out));
  return BehindPolled(from, *out, before);
}

absl::StatusOr<Record> EmbeddedLog::Read(TopicPartition partition, Offset offset) {
  std::vector<Record> records;
  COMMANDER_RETURN_IF_ERROR(Collect(partition, offset.value, offset.value + 1, 0, &records));
  if (records.empty()) {
    return absl::OutOfRangeError(absl::StrCat("topic ", partition.topic, " partition ",
                                              partition.partition, " of log ", options_.directory,
                                              " has no record at offset ", offset.value, " yet"));
  }
  return std::move(records.front());
}

absl::StatusOr<std::optional<Record>> EmbeddedLog::ReadLast(TopicPartition partition) {
  return ReadLastOfDense(*this, partition);
}

absl::Status EmbeddedLog::Collect(TopicPartition partition, std::uint64_t from, std::uint64_t limit,
                                  std::size_t max_bytes, std::vector<Record>* out) {
  const std::size_t before = out->size();
  std::size_t used = 0;
  while (true) {
    std::uint64_t until;
    {
      const std::lock_guard lock(mutex_);
      COMMANDER_RETURN_IF_ERROR(CheckPartition(partition));
      const std::uint64_t end = VisibleEnd(partition);
      if (from > end) {
        return absl::OutOfRangeError(
            absl::StrCat("topic ", partition.topic, " partition ", partition.partition, " of log ",
                         options_.directory, " ends at offset ", end, ", asked for ", from,
                         stopped_.ok() ? "" : "; the log has stopped"));
      }
      until = std::min(end, limit);
      if (const std::uint64_t memory = tail_.MemoryBegin(partition); from < memory) {
        until = std::min(until, memory);
      } else {
        tail_.Take(partition, from, until, max_bytes, &used, out);
        tail_.AttachTickets(partition, std::span(*out).subspan(before));
        return absl::OkStatus();
      }
    }
    COMMANDER_ASSIGN_OR_RETURN(from,
                               segments_->Read(partition, from, until, max_bytes, &used, out));
    if (from < until || from == limit) {
      const std::lock_guard lock(mutex_);
      tail_.AttachTickets(partition, std::span(*out).subspan(before));
      return absl::OkStatus();
    }
  }
}

absl::Status EmbeddedLog::PutCatalogFile(const std::string& directory, const std::string& name,
                                         const std::string& bytes) {
  COMMANDER_RETURN_IF_ERROR(CheckProcess());
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_.ok()) {
      return absl::UnavailableError(
          absl::StrCat("the log has stopped: ", stopped_.message(), "; open it again"));
    }
  }
  const PutResult put = PutFile(files_, directory, name, bytes, Durability::kSynced);
  if (put.status.ok() || (!put.renamed && absl::IsResourceExhausted(put.status))) {
    return put.status;
  }
  const std::lock_guard lock(mutex_);
  Stop(put.status);
  return put.status;
}

absl::StatusOr<std::uint16_t> EmbeddedLog::OpenTopic(const TopicSettings& settings) {
  COMMANDER_RETURN_IF_ERROR(CheckTopicSettings(settings));
  const std::lock_guard catalog(catalog_mutex_);
  TopicInfo topic = {1, settings};
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, there] : topics_) {
      if (there.settings.name != settings.name) continue;
      COMMANDER_RETURN_IF_ERROR(CheckSameTopic(there, settings, options_.directory));
      return number;
    }
    if (!topics_.empty()) {
      if (topics_.rbegin()->first == std::numeric_limits<std::uint16_t>::max()) {
        return absl::ResourceExhaustedError(
            absl::StrCat("log ", options_.directory, " has all the topics it can have"));
      }
      topic.number = static_cast<std::uint16_t>(topics_.rbegin()->first + 1);
    }
  }
  COMMANDER_RETURN_IF_ERROR(PutCatalogFile(TopicsDirectory(options_.directory),
                                           absl::StrCat(topic.number), EncodeTopic(topic)));
  // Only now may a frame name the topic.
  const std::lock_guard lock(mutex_);
  topics_[topic.number] = topic;
  tail_.AddTopic(topic, IndexHead());
  return topic.number;
}

absl::Status EmbeddedLog::StoreSchema(const Schema& schema) {
  const std::lock_guard catalog(catalog_mutex_);
  return PutCatalogFile(SchemasDirectory(options_.directory), SchemaFileName(schema.fingerprint),
                        EncodeSchema(schema));
}

}  // namespace commander::log
