// session.h: the demo's engine, opened on a data directory.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/commander.h"
#include "tools/demo/debian.h"

namespace commander::demo {

// Where the demo stores.
struct Place {
  std::string data;
  std::string brokers = {};  // of Apache Kafka; empty: the log is in the data directory
};

// What every engine of the demo opens with, and the name of its group.
struct Opening {
  EngineOptions options;
  std::string group = "sources";
};
absl::StatusOr<Opening> OpeningOf(const Place& place);

// The file of the key that wraps the keys of people: beside the data directory, so that a copy of
// both is read anywhere, and not in it, so that a copy of the directory alone tells nothing
// personal.
std::string KekFile(const std::string& data);

class Session {
 public:
  // Warnings go to stderr.
  static absl::StatusOr<std::unique_ptr<Session>> Open(const Place& place);

  Engine& engine() { return *engine_; }
  const Debian& debian() const { return debian_; }
  absl::Status Close() { return engine_->Close(); }

 private:
  explicit Session(const std::string& group) : debian_(group) {}
  Debian debian_;
  std::unique_ptr<Engine> engine_;
};

// A line on stderr for each warning.
LogSink WarningsToStderr();

}  // namespace commander::demo
