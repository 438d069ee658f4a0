#include "tools/demo/session.h"

#include <filesystem>
#include <iostream>
#include <utility>

#include "commander/internal/status_macros.h"

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

absl::StatusOr<std::unique_ptr<Session>> Session::Open(const std::string& data) {
  std::unique_ptr<Session> session(new Session);
  EngineOptions options;
  options.data_directory = data;
  options.kek_file = KekFile(data);
  options.log_sink = WarningsToStderr();
  COMMANDER_ASSIGN_OR_RETURN(session->engine_,
                             Engine::Open(options, session->debian_.components()));
  return session;
}

}  // namespace commander::demo
