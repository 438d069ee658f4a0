// own_broker.h: the broker that all tests share, and one of a test's own, to be killed.
//
//     OwnBroker broker;
//     ASSERT_THAT(broker.Start(), IsOk());
//     … broker.address() …
//     ASSERT_THAT(broker.KillHard(), IsOk());
//     ASSERT_THAT(broker.Start(), IsOk());   // the same address, the same data
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/support/temp_dir.h"

namespace commander::test {

// TEST_KAFKA_SERVERS, or an error that says how to get a broker.
absl::StatusOr<std::string> SharedBroker();

// For topics and groups of one test: no other run has it.  Begins with TEST_KAFKA_COMMAND_GROUP.
std::string UniqueName(std::string_view prefix);

// A Kafka broker in a directory and on a port of its own, by tests/broker/broker.  The destructor
// kills it and removes its data; so does a watcher, soon after the process has died without it.
// Every call returns when it is done: Start when the broker serves.
class OwnBroker {
 public:
  struct Options {
    std::uint16_t proxy_port = 0;              // where clients of proxied_port() are sent
    std::vector<std::string> properties = {};  // NAME=VALUE
  };
  OwnBroker() : OwnBroker(Options{}) {}
  explicit OwnBroker(Options options) : options_(std::move(options)) {}
  ~OwnBroker();
  OwnBroker(const OwnBroker&) = delete;
  OwnBroker& operator=(const OwnBroker&) = delete;

  // The first one finds a free port, the later ones keep it, and the data.
  absl::Status Start();
  absl::Status Stop();      // SIGTERM
  absl::Status KillHard();  // SIGKILL

  // What it has logged since its last start, which began the log anew.
  std::string Log() const;
  // "127.0.0.1:port", empty before the first Start.
  const std::string& address() const { return address_; }
  // For a proxy to pass on to: a client that came here directly would be sent to the proxy.
  std::uint16_t proxied_port() const;

 private:
  const Options options_;
  const TempDir directory_;
  std::string address_;
};

}  // namespace commander::test
