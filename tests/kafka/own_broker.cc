#include "tests/kafka/own_broker.h"

#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/internal/status_macros.h"

namespace commander::test {
namespace {

// Runs the script and returns what it printed; its messages go to the test's own standard error.
absl::StatusOr<std::string> Run(std::string_view verb, const std::filesystem::path& directory,
                                const std::string& options = "") {
  const std::string command = std::string(COMMANDER_SOURCE_DIR "/tests/broker/broker ")
                                  .append(verb)
                                  .append(" '" + directory.string() + "' ")
                                  .append(options);
  FILE* const pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) return absl::InternalError("cannot run " + command);
  std::string output;
  for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) output.push_back(static_cast<char>(c));
  const int status = pclose(pipe);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::InternalError(command + " failed; standard error has its reason");
  }
  return output;
}

}  // namespace

absl::StatusOr<std::string> SharedBroker() {
  const char* const servers = std::getenv("TEST_KAFKA_SERVERS");
  if (servers == nullptr || *servers == '\0') {
    return absl::FailedPreconditionError(
        "TEST_KAFKA_SERVERS names no broker: run the tests by tools/dev test, which starts one, or "
        "set it to the address that tools/dev broker start prints");
  }
  return servers;
}

std::string UniqueName(std::string_view prefix) {
  static std::atomic<int> count{0};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  // A cluster may let the tests have only groups and topics of certain names.
  const char* const begin = std::getenv("TEST_KAFKA_COMMAND_GROUP");
  return std::string(begin == nullptr ? "" : begin)
      .append(prefix)
      .append("-")
      .append(std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(now).count()))
      .append("-")
      .append(std::to_string(getpid()))
      .append("-")
      .append(std::to_string(++count));
}

OwnBroker::~OwnBroker() {
  const absl::StatusOr<std::string> wiped = Run("wipe", directory_.path());
  if (!wiped.ok()) ADD_FAILURE() << wiped.status();
}

std::string OwnBroker::Log() const {
  std::ifstream file(directory_.path() / "log");
  return {std::istreambuf_iterator<char>(file), {}};
}

absl::Status OwnBroker::Start() {
  std::string options = "--until " + std::to_string(getpid());
  if (options_.proxy_port != 0) options += " --proxy " + std::to_string(options_.proxy_port);
  for (const std::string& each : options_.properties) options += " --set '" + each + "'";
  COMMANDER_ASSIGN_OR_RETURN(const std::string printed, Run("start", directory_.path(), options));
  address_ = printed.substr(0, printed.find('\n'));
  return absl::OkStatus();
}

std::uint16_t OwnBroker::proxied_port() const {
  return static_cast<std::uint16_t>(std::stoi(address_.substr(address_.find(':') + 1)) + 2);
}

absl::Status OwnBroker::Stop() { return Run("stop", directory_.path()).status(); }

absl::Status OwnBroker::KillHard() { return Run("stop", directory_.path(), "--kill").status(); }

}  // namespace commander::test
