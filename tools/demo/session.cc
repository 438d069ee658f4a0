#include "tools/demo/session.h"

#include <filesystem>
#include <iostream>
#include <utility>

#include "commander/internal/status_macros.h"
#include "tools/demo/kafka_records.h"

namespace commander::demo {

std::string KekFile(const std::string& data) {
  // "." and "data/.." name directories, too.
  const std::string name = std::filesystem::absolute(data).lexically_normal().string();
  return name.substr(0, name.find_last_not_of('/') + 1) + ".kek";
}

LogSink WarningsToStderr() {
  return [](const LogLine& line) {
    if (line.level >= LogLevel::kWarning) {
      std::cerr << "demo: " << line.component << ": " << line.message << "\n";
    }
  };
}

absl::StatusOr<Opening> OpeningOf(const Place& place) {
  Opening opening;
  opening.options.data_directory = place.data;
  opening.options.log_sink = WarningsToStderr();
  if (place.brokers.empty()) return opening;
  COMMANDER_ASSIGN_OR_RETURN(opening.options.application, KafkaApplication(place.data));
  opening.options.brokers = place.brokers;
  opening.group = KafkaGroup(opening.options.application);
  return opening;
}

absl::StatusOr<std::unique_ptr<Session>> Session::Open(const Place& place) {
  COMMANDER_ASSIGN_OR_RETURN(Opening opening, OpeningOf(place));
  opening.options.kek_file = KekFile(place.data);
  std::unique_ptr<Session> session(new Session(opening.group));
  COMMANDER_ASSIGN_OR_RETURN(session->engine_,
                             Engine::Open(opening.options, session->debian_.components()));
  return session;
}

}  // namespace commander::demo
