// engine_opener DIRECTORY [unprivileged]: another process that opens a data directory of the bank;
// if it is root's, after it has become nobody.
//
// Prints "open" and what a deposit of 1 to acct-1 brought, and waits for the end of its input; or
// prints why it could not open, and exits with 1.
#include <grp.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "tests/support/bank.h"

int main(int argc, char** argv) {
  using commander::test::Account;
  if (argc < 2) return 2;
  constexpr unsigned kNobody = 65'534;
  if (argc > 2 && geteuid() == 0 &&
      (setgroups(0, nullptr) != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0)) {
    std::cout << "cannot become nobody" << std::endl;
    return 1;
  }
  commander::Group<Account> accounts("accounts", {.partitions = 1});
  commander::test::AddBankHandlers(accounts);
  auto engine = commander::Engine::Open({.data_directory = argv[1]}, {&accounts});
  if (!engine.ok()) {
    std::cout << engine.status() << std::endl;
    return 1;
  }
  const auto outcome = (*engine)->SyncCommand<bank::Deposit>(
      accounts, "acct-1", [](auto command) { command.setCents(1); });
  if (!outcome.ok()) {
    std::cout << outcome.status() << std::endl;
    return 1;
  }
  std::cout << "open, version " << outcome->version() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
  }
  return 0;
}
