# bank.capnp: the example that tests share: accounts that are opened, paid into, drawn from, closed.
@0xb5f1c0de00000101;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("bank");

struct Open { owner @0 :Text; }
struct Deposit { cents @0 :Int64; padding @1 :Data; }
struct Withdraw { cents @0 :Int64; padding @1 :Data; }
struct Close {}

struct Opened { owner @0 :Text; }
struct Deposited { cents @0 :Int64; padding @1 :Data; }
struct Withdrawn { cents @0 :Int64; padding @1 :Data; }
struct Closed {}

struct Account { owner @0 :Text; cents @1 :Int64; }
struct Balance { cents @0 :Int64; events @1 :UInt64; }

# Commands that go wrong on purpose; what they do is in bank.h.
struct Misbehave {
  how @0 :How;
  number @1 :Int64;
  enum How {
    throwInHandler @0;
    throwInFold @1;
    emitThenReject @2;
    draw @3;
    many @4;
    large @5;
    callEngine @6;
  }
}
struct Poisoned { number @0 :Int64; }
struct Noted { number @0 :Int64; padding @1 :Data; }
