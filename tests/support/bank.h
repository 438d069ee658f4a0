// bank.h: the group "accounts" of the tests.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

#include "commander/commander.h"
#include "tests/support/bank.capnp.h"

namespace commander::test {

struct Account {
  using Schema = bank::Account;
  using Events = commander::Events<bank::Opened, bank::Deposited, bank::Withdrawn, bank::Closed,
                                   bank::Poisoned, bank::Noted>;
  std::string owner;
  std::int64_t cents = 0;

  void Load(Schema::Reader stored) {
    owner = stored.getOwner().cStr();
    cents = stored.getCents();
  }
  void Save(Schema::Builder stored) const {
    stored.setOwner(owner.c_str());
    stored.setCents(cents);
  }
  void Apply(bank::Opened::Reader event) { owner = event.getOwner().cStr(); }
  void Apply(bank::Deposited::Reader event) { cents += event.getCents(); }
  void Apply(bank::Withdrawn::Reader event) { cents -= event.getCents(); }
  Row Apply(bank::Closed::Reader) { return Row::kRemove; }
  void Apply(bank::Noted::Reader) {}
  void Apply(bank::Poisoned::Reader event) {
    if (event.getNumber() == poison) throw std::runtime_error("the fold met its poison");
  }

  // Folding Poisoned{poison} throws; handling Misbehave{throwInHandler, poison} too.
  inline static std::int64_t poison = 13;
};

using AccountView = View<Account>;

// Money of an account, folded from its events.
struct Balance {
  using Schema = bank::Balance;
  using Events = commander::Events<bank::Deposited, bank::Withdrawn, bank::Closed>;
  std::int64_t cents = 0;
  std::uint64_t events = 0;

  void Load(Schema::Reader stored) {
    cents = stored.getCents();
    events = stored.getEvents();
  }
  void Save(Schema::Builder stored) const {
    stored.setCents(cents);
    stored.setEvents(events);
  }
  template <class Event>
  static Keys KeysOf(Event, const EventMetadata& metadata) {
    return metadata.key;
  }
  void Apply(bank::Deposited::Reader event, const EventMetadata&) {
    cents += event.getCents();
    ++events;
  }
  void Apply(bank::Withdrawn::Reader event, const EventMetadata&) {
    cents -= event.getCents();
    ++events;
  }
  Row Apply(bank::Closed::Reader, const EventMetadata&) { return Row::kRemove; }
};

// Adds the handlers of the bank.
inline void AddBankHandlers(Group<Account>& accounts,
                            const std::function<void()>& call_engine = {}) {
  accounts.OnCommand(
      [](bank::Open::Reader command, const AccountView& view) -> Decision<bank::Opened> {
        if (view.Exists()) return Nothing();
        return Emit<bank::Opened>([&](auto event) { event.setOwner(command.getOwner()); });
      });
  accounts.OnCommand(
      [](bank::Deposit::Reader command, const AccountView&) -> Decision<bank::Deposited> {
        return Emit<bank::Deposited>([&](auto event) {
          event.setCents(command.getCents());
          if (command.hasPadding()) event.setPadding(command.getPadding());
        });
      });
  accounts.OnCommand(
      [](bank::Withdraw::Reader command, const AccountView& view) -> Decision<bank::Withdrawn> {
        if (view->cents < command.getCents()) return Reject("overdrawn", "balance is too low");
        return Emit<bank::Withdrawn>([&](auto event) {
          event.setCents(command.getCents());
          if (command.hasPadding()) event.setPadding(command.getPadding());
        });
      });
  accounts.OnCommand([](bank::Close::Reader, const AccountView& view) -> Decision<bank::Closed> {
    if (!view.Exists()) return Nothing();
    return Emit<bank::Closed>();
  });
  accounts.OnCommand([call_engine](
                         bank::Misbehave::Reader command,
                         const AccountView& view) -> Decision<bank::Noted, bank::Poisoned> {
    const std::int64_t number = command.getNumber();
    const auto note = [&](std::int64_t value) {
      return Emit<bank::Noted>([&](auto event) { event.setNumber(value); });
    };
    using How = bank::Misbehave::How;
    switch (command.getHow()) {
      case How::THROW_IN_HANDLER:
        if (number == Account::poison) throw std::runtime_error("the handler met its poison");
        return note(number);
      case How::THROW_IN_FOLD:
        return note(number).And(Emit<bank::Poisoned>([&](auto event) { event.setNumber(number); }));
      case How::EMIT_THEN_REJECT: {
        auto dropped = note(number);
        return Reject("changed_my_mind", "");
      }
      case How::DRAW:
        return note(static_cast<std::int64_t>(view.random()() >> 1));
      case How::MANY: {
        Emitted<bank::Noted> all = note(0);
        for (std::int64_t i = 1; i < number; ++i) {
          all.Append(Emit<bank::Noted>([&](auto event) {
            event.setNumber(i);
            event.initPadding(5000);
          }));
        }
        return all;
      }
      case How::LARGE:
        return Emit<bank::Noted>(
            [&](auto event) { event.initPadding(static_cast<unsigned>(number)); });
      case How::CALL_ENGINE:
        if (call_engine) call_engine();
        return note(number);
    }
    return Nothing();
  });
}

}  // namespace commander::test
