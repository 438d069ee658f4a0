#include "engine/open_log.h"

#include <string>
#include <utility>

#include "commander/internal/status_macros.h"
#include "engine/envelope.h"
#include "engine/log/embedded_log.h"
#include "engine/log/kafka_log.h"

namespace commander::internal {
namespace {

// What Kafka's tools show of a record, and its own clients would partition by.
std::string KeyOfRecord(std::span<const Word> message) {
  const absl::StatusOr<std::unique_ptr<EnvelopeReader>> envelope = EnvelopeReader::Open(message);
  return envelope.ok() ? std::string((*envelope)->key()) : std::string();
}

absl::StatusOr<std::unique_ptr<log::Log>> OpenEmbedded(const EngineOptions& options,
                                                       const DataDirectory& directory,
                                                       Clock& clock) {
  log::EmbeddedLogOptions log_options;
  log_options.directory = (directory.path() / "log").string();
  log_options.segment_bytes = options.segment_bytes;
  log_options.max_record_bytes = options.max_record_bytes + kParkedOverheadBytes;
  log_options.clock = &clock;
  log_options.random = options.random;
  log_options.sink = options.log_sink;
  return log::OpenEmbeddedLog(std::move(log_options));
}

absl::StatusOr<std::unique_ptr<log::Log>> OpenKafka(const EngineOptions& options,
                                                    const Wiring& wiring,
                                                    const DataDirectory& directory) {
  log::KafkaLogOptions log_options;
  log_options.brokers = options.brokers;
  log_options.application = options.application;
  if (log_options.application.empty()) {
    if (wiring.groups.size() != 1) {
      return absl::InvalidArgumentError(
          "EngineOptions.application must name the topics that several groups share on Kafka; give "
          "it the name of the first group where that one was opened without");
    }
    log_options.application = wiring.groups.front()->name();
  }
  COMMANDER_ASSIGN_OR_RETURN(log_options.instance, directory.InstanceId(*options.random));
  log_options.properties = options.kafka_properties;
  log_options.max_record_bytes = options.max_record_bytes + kParkedOverheadBytes;
  log_options.key_of = KeyOfRecord;
  log_options.sink = options.log_sink;
  return log::OpenKafkaLog(std::move(log_options));
}

}  // namespace

absl::StatusOr<std::unique_ptr<log::Log>> OpenLog(const EngineOptions& options,
                                                  const Wiring& wiring,
                                                  const DataDirectory& directory, Clock& clock) {
  if (options.brokers.empty()) return OpenEmbedded(options, directory, clock);
  return OpenKafka(options, wiring, directory);
}

}  // namespace commander::internal
