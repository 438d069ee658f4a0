// account.h: a program without mistakes, for those that add one.
#pragma once

#include <string>

#include "commander/commander.h"
#include "commander/testing.h"
#include "tests/support/bank.capnp.h"

using commander::Decision;
using commander::Emit;
using commander::Nothing;

struct Account {
  using Schema = bank::Account;
  using Events = commander::Events<bank::Opened, bank::Deposited>;
  void Load(Schema::Reader) {}
  void Save(Schema::Builder) const {}
  void Apply(bank::Opened::Reader) {}
  void Apply(bank::Deposited::Reader) {}
};
using View = commander::View<Account>;
using Accounts = commander::Group<Account>;
