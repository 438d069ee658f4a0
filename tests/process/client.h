// client.h: a client that sends whatever there is, in every way, and reports what it is told.
//
//     Client client(engine, accounts, "7.0", 42);
//     for (…) client.Send();
//     …                                // all answers are there
//     Use(client.last());
//
// Half of its commands are new, half are numbered: such a one has the id and the contents that
// every client gives that number, but for a few that try another content with the same id.
#pragma once

#include <cstdint>
#include <mutex>
#include <random>
#include <string>

#include "commander/commander.h"
#include "tests/support/bank.h"

namespace commander::test {

inline constexpr std::uint64_t kClientKeys = 11;
std::string ClientKey(std::uint64_t number);  // acct-0 …

// Must outlive the engine, which calls it back.  One thread sends.
class Client {
 public:
  Client(Engine& engine, const Group<Account>& accounts, std::string name, std::uint64_t seed);

  // Sends one command, and waits for the outcome, or until it is durable, or not at all.
  void Send();
  // Opens the account, and waits for the outcome.
  void Open(const std::string& key);
  // Of the outcomes that it was told.
  Position last();

 private:
  struct Request;

  std::uint64_t Below(std::uint64_t n) { return random_() % n; }
  static Request Numbered(std::uint64_t number);
  template <class Command, class Fill>
  void SendAs(Request request, std::uint64_t how, Fill fill);
  void Tell(const std::string& tag, const absl::StatusOr<Outcome>& outcome);

  Engine& engine_;
  const Group<Account>& accounts_;
  const std::string name_;
  std::mt19937_64 random_;
  std::uint64_t sent_ = 0;
  std::mutex mutex_;
  Position last_;
};

}  // namespace commander::test
