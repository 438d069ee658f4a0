// bank_workload.h: the workload "bank": what is sent, what decides, and what has to come out.
//
// The generator is splitmix64 from state 42; command `seq` draws account, kind and amount in this
// order.  Deposit adds; Withdraw with enough balance subtracts, otherwise it is rejected.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "benchmarks/bank.capnp.h"
#include "commander/commander.h"

namespace commander::benchmarks {

inline constexpr std::uint32_t kAccounts = 100'000;
inline constexpr unsigned kPadBytes = 176;

// The schemas, without personal fields and with one, the padding.
struct Clear {
  using Deposit = bench::Deposit;
  using Withdraw = bench::Withdraw;
  using Deposited = bench::Deposited;
  using Withdrawn = bench::Withdrawn;
};
struct Personal {
  using Deposit = bench::PersonalDeposit;
  using Withdraw = bench::PersonalWithdraw;
  using Deposited = bench::PersonalDeposited;
  using Withdrawn = bench::PersonalWithdrawn;
};

template <class Types>
struct Account {
  using Schema = bench::Account;
  using Events = commander::Events<typename Types::Deposited, typename Types::Withdrawn>;
  std::int64_t balance = 0;
  void Load(Schema::Reader stored) { balance = stored.getBalance(); }
  void Save(Schema::Builder stored) const { stored.setBalance(balance); }
  void Apply(typename Types::Deposited::Reader event) { balance += event.getAmount(); }
  void Apply(typename Types::Withdrawn::Reader event) { balance -= event.getAmount(); }
  std::size_t MemoryBytes() const { return sizeof(*this); }
};
template <class Types>
using AccountView = View<Account<Types>>;
template <class Types>
using AccountGroup = Group<Account<Types>>;

struct Command {
  std::uint32_t account;
  bool deposit;
  std::int64_t amount;
};

inline std::vector<Command> Generate(std::size_t count) {
  std::uint64_t state = 42;
  const auto next = [&] {
    std::uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  };
  std::vector<Command> commands(count);
  for (Command& command : commands) {
    command.account = static_cast<std::uint32_t>(next() % kAccounts);
    command.deposit = next() % 100 < 70;
    command.amount = static_cast<std::int64_t>(1 + next() % 1000);
  }
  return commands;
}

struct Totals {
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0;
  std::int64_t balance = 0;
  bool operator==(const Totals&) const = default;
};

inline Totals Expect(const std::vector<Command>& commands) {
  std::vector<std::int64_t> balances(kAccounts);
  Totals totals;
  for (const Command& command : commands) {
    std::int64_t& balance = balances[command.account];
    if (!command.deposit && balance < command.amount) {
      ++totals.rejected;
      continue;
    }
    ++totals.accepted;
    balance += command.deposit ? command.amount : -command.amount;
  }
  for (const std::int64_t balance : balances) totals.balance += balance;
  return totals;
}

inline std::string KeyOf(std::uint32_t account) {
  char key[16];
  std::snprintf(key, sizeof(key), "acct-%07" PRIu32, account);
  return key;
}

template <class Payload>
void Fill(Payload payload, std::uint64_t seq, std::int64_t amount) {
  payload.setSeq(seq);
  payload.setAmount(amount);
  std::memset(payload.initPad(kPadBytes).begin(), 'x', kPadBytes);
}

template <class Types>
void AddHandlers(AccountGroup<Types>& accounts) {
  using Deposited = typename Types::Deposited;
  using Withdrawn = typename Types::Withdrawn;
  accounts.OnCommand([](typename Types::Deposit::Reader command,
                        const AccountView<Types>&) -> Decision<Deposited> {
    return Emit<Deposited>([&](auto event) { Fill(event, command.getSeq(), command.getAmount()); });
  });
  accounts.OnCommand([](typename Types::Withdraw::Reader command,
                        const AccountView<Types>& view) -> Decision<Withdrawn> {
    if (view->balance < command.getAmount()) {
      return Reject("overdrawn", "balance is too low");
    }
    return Emit<Withdrawn>([&](auto event) { Fill(event, command.getSeq(), command.getAmount()); });
  });
}

}  // namespace commander::benchmarks
