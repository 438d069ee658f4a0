#include "engine/log/catalog.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "engine/log/checksum.h"
#include "engine/log/format.h"
#include "engine/log/small_file.h"

namespace commander::log {
namespace {

using internal::ToAbsl;

struct StoredTopic {
  std::array<char, 8> magic = {'C', 'M', 'D', 'R', 'T', 'O', 'P', '1'};
  std::uint32_t format = kFormatVersion;
  std::uint16_t number = 0;
  std::uint16_t partitions = 0;
  std::uint8_t kind = 0;
  std::array<std::uint8_t, 3> zero = {};
  std::uint32_t name_length = 0;
};
static_assert(sizeof(StoredTopic) == 24);

struct StoredSchema {
  std::array<char, 8> magic = {'C', 'M', 'D', 'R', 'S', 'C', 'H', '1'};
  std::uint32_t format = kFormatVersion;
  std::uint32_t name_length = 0;
  std::uint64_t fingerprint = 0;
  std::uint64_t length = 0;
};
static_assert(sizeof(StoredSchema) == 32);

template <typename T>
void Put(const T& value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

void PutPadded(std::string_view text, std::string* out) {
  out->append(text);
  out->resize(RoundUpTo8(out->size()), '\0');
}

void PutChecksum(std::string* out) { Put(ChecksumOf(out->data(), out->size()), out); }

absl::Status Damaged(const std::string& path, std::string_view what) {
  return absl::DataLossError(
      absl::StrCat(path, " is damaged: ", ToAbsl(what), "; bring the file back from a backup"));
}

// Checks magic, checksum and format of a small file, and copies its fixed part.
template <typename T>
absl::StatusOr<T> DecodeFixed(std::string_view bytes, const std::string& path) {
  T fixed;
  if (bytes.size() < sizeof fixed + sizeof(std::uint64_t)) return Damaged(path, "it is too short");
  std::memcpy(&fixed, bytes.data(), sizeof fixed);
  std::uint64_t checksum;
  const std::size_t covered = bytes.size() - sizeof checksum;
  std::memcpy(&checksum, bytes.data() + covered, sizeof checksum);
  if (fixed.magic != T().magic || checksum != ChecksumOf(bytes.data(), covered)) {
    return Damaged(path, "its checksum does not match");
  }
  if (fixed.format != kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " has format ", fixed.format, ", this program knows format ",
                     kFormatVersion, "; use the release that wrote it or a newer one"));
  }
  return fixed;
}

// The names in a directory of small files; none where it is not there yet.
absl::StatusOr<std::vector<std::string>> FinishedFiles(FileSystem& files,
                                                       const std::string& directory) {
  absl::StatusOr<std::vector<std::string>> names = files.List(directory);
  if (absl::IsNotFound(names.status())) return std::vector<std::string>();
  COMMANDER_RETURN_IF_ERROR(names.status());
  std::erase_if(*names, [](const std::string& name) { return name.ends_with(kTemporarySuffix); });
  return names;
}

std::string_view KindText(TopicKind kind) {
  switch (kind) {
    case TopicKind::kCommands:
      return "commands";
    case TopicKind::kEvents:
      return "events";
    case TopicKind::kLedger:
      return "a ledger";
  }
  return "an unknown kind";
}

}  // namespace

std::string TopicsDirectory(const std::string& log_directory) { return log_directory + "/topics"; }
std::string SchemasDirectory(const std::string& log_directory) {
  return log_directory + "/schemas";
}

std::string EncodeTopic(const TopicInfo& topic) {
  StoredTopic fixed;
  fixed.number = topic.number;
  fixed.partitions = topic.settings.partitions;
  fixed.kind = static_cast<std::uint8_t>(topic.settings.kind);
  fixed.name_length = static_cast<std::uint32_t>(topic.settings.name.size());
  std::string out;
  Put(fixed, &out);
  PutPadded(topic.settings.name, &out);
  PutChecksum(&out);
  return out;
}

absl::StatusOr<TopicInfo> DecodeTopic(std::string_view bytes, const std::string& path,
                                      const std::string& name) {
  COMMANDER_ASSIGN_OR_RETURN(const auto fixed, DecodeFixed<StoredTopic>(bytes, path));
  if (sizeof fixed + RoundUpTo8(fixed.name_length) + sizeof(std::uint64_t) != bytes.size()) {
    return Damaged(path, "its length does not fit its contents");
  }
  TopicInfo topic;
  topic.number = fixed.number;
  topic.settings.name = bytes.substr(sizeof fixed, fixed.name_length);
  topic.settings.kind = static_cast<TopicKind>(fixed.kind);
  topic.settings.partitions = fixed.partitions;
  if (absl::StrCat(topic.number) != name || topic.number == 0) {
    return Damaged(path, absl::StrCat("it holds topic ", topic.number));
  }
  if (const absl::Status status = CheckTopicSettings(topic.settings); !status.ok()) {
    return Damaged(path, std::string(status.message()));
  }
  return topic;
}

std::string SchemaFileName(std::uint64_t fingerprint) {
  return absl::StrFormat("%016x", fingerprint);
}

std::string EncodeSchema(const Schema& schema) {
  StoredSchema fixed;
  fixed.name_length = static_cast<std::uint32_t>(schema.name.size());
  fixed.fingerprint = schema.fingerprint;
  fixed.length = schema.bytes.size();
  std::string out;
  Put(fixed, &out);
  PutPadded(schema.name, &out);
  PutPadded(schema.bytes, &out);
  PutChecksum(&out);
  return out;
}

absl::StatusOr<Schema> DecodeSchema(std::string_view bytes, const std::string& path,
                                    const std::string& name) {
  COMMANDER_ASSIGN_OR_RETURN(const auto fixed, DecodeFixed<StoredSchema>(bytes, path));
  const std::uint64_t body = bytes.size() - sizeof fixed - sizeof(std::uint64_t);
  const std::uint64_t name_bytes = RoundUpTo8(fixed.name_length);
  if (name_bytes > body || fixed.length > body || name_bytes + RoundUpTo8(fixed.length) != body) {
    return Damaged(path, "its length does not fit its contents");
  }
  if (SchemaFileName(fixed.fingerprint) != name) {
    return Damaged(path, absl::StrCat("it holds schema ", SchemaFileName(fixed.fingerprint)));
  }
  Schema schema;
  schema.fingerprint = fixed.fingerprint;
  schema.name = bytes.substr(sizeof fixed, fixed.name_length);
  schema.bytes = bytes.substr(sizeof fixed + name_bytes, fixed.length);
  return schema;
}

absl::Status CheckTopicSettings(const TopicSettings& settings) {
  constexpr std::size_t kMaxName = 249;
  const bool characters =
      std::all_of(settings.name.begin(), settings.name.end(), [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
      });
  if (settings.name.empty() || settings.name.size() > kMaxName || !characters) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a topic's name has 1 to ", kMaxName, " of the characters A-Z a-z 0-9 . _ -, this one has ",
        settings.name.size(), characters ? "" : " with others among them"));
  }
  if (settings.partitions == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("topic ", settings.name, " needs one partition or more"));
  }
  if (settings.kind < TopicKind::kCommands || settings.kind > TopicKind::kLedger) {
    return absl::InvalidArgumentError(absl::StrCat("topic ", settings.name, " has the kind ",
                                                   static_cast<int>(settings.kind),
                                                   ", which this program does not know"));
  }
  return absl::OkStatus();
}

absl::Status CheckSameTopic(const TopicInfo& there, const TopicSettings& wanted,
                            const std::string& log_directory) {
  if (there.settings.kind == wanted.kind && there.settings.partitions == wanted.partitions) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "topic ", wanted.name, " of log ", log_directory, " has ", there.settings.partitions,
      " partitions of ", ToAbsl(KindText(there.settings.kind)), ", asked for ", wanted.partitions,
      " of ", ToAbsl(KindText(wanted.kind)),
      "; these cannot change, because keys would move to other partitions"));
}

absl::StatusOr<std::map<std::uint16_t, TopicInfo>> ReadTopics(FileSystem& files,
                                                              const std::string& log_directory) {
  const std::string directory = TopicsDirectory(log_directory);
  COMMANDER_ASSIGN_OR_RETURN(const auto names, FinishedFiles(files, directory));
  std::map<std::uint16_t, TopicInfo> topics;
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(directory, "/", name);
    COMMANDER_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(files, path));
    COMMANDER_ASSIGN_OR_RETURN(TopicInfo topic, DecodeTopic(bytes, path, name));
    topics[topic.number] = std::move(topic);
  }
  return topics;
}

absl::StatusOr<std::vector<Schema>> ReadSchemas(FileSystem& files,
                                                const std::string& log_directory) {
  const std::string directory = SchemasDirectory(log_directory);
  COMMANDER_ASSIGN_OR_RETURN(const auto names, FinishedFiles(files, directory));
  std::vector<Schema> schemas;
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(directory, "/", name);
    COMMANDER_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(files, path));
    COMMANDER_ASSIGN_OR_RETURN(Schema schema, DecodeSchema(bytes, path, name));
    schemas.push_back(std::move(schema));
  }
  return schemas;
}

}  // namespace commander::log
