// catalog.h: the topics and schemas of a log, one small file each (FORMAT.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/log/file_system.h"
#include "engine/log/log.h"

namespace commander::log {

std::string TopicsDirectory(const std::string& log_directory);
std::string SchemasDirectory(const std::string& log_directory);

std::string EncodeTopic(const TopicInfo& topic);
// `name`: of the file.  kDataLoss where the bytes are damaged or of another topic.
absl::StatusOr<TopicInfo> DecodeTopic(std::string_view bytes, const std::string& path,
                                      const std::string& name);

std::string SchemaFileName(std::uint64_t fingerprint);
std::string EncodeSchema(const Schema& schema);
absl::StatusOr<Schema> DecodeSchema(std::string_view bytes, const std::string& path,
                                    const std::string& name);

// kInvalidArgument: the name or the number of partitions cannot be one.
absl::Status CheckTopicSettings(const TopicSettings& settings);
// kFailedPrecondition: `there` has another kind or number of partitions.
absl::Status CheckSameTopic(const TopicInfo& there, const TopicSettings& wanted,
                            const std::string& log_directory);

// All topics by number, all schemas in order of fingerprint, except unfinished
// files.  The first damaged file is an error.
absl::StatusOr<std::map<std::uint16_t, TopicInfo>> ReadTopics(FileSystem& files,
                                                              const std::string& log_directory);
absl::StatusOr<std::vector<Schema>> ReadSchemas(FileSystem& files,
                                                const std::string& log_directory);

}  // namespace commander::log
