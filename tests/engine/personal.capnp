# personal.capnp: a bank that knows its customers.
@0xb5f1c0de00000a01;

using Cxx = import "/capnp/c++.capnp";
using Commander = import "/commander/annotations.capnp";
$Cxx.namespace("personal");

struct Open { owner @0 :Text $Commander.personal; }
struct Deposit { cents @0 :Int64; }
struct Rename { owner @0 :Text $Commander.personal; how @1 :How;
  enum How { emit @0; reject @1; throw @2; throwInFold @3; }
}
struct Scold {}  # not personal itself: its handler throws what the state holds
struct Refer { email @0 :Text $Commander.personal $Commander.subject("person"); }

struct Opened { owner @0 :Text $Commander.personal; branch @1 :Text; }
struct Deposited { cents @0 :Int64; }
struct Renamed { owner @0 :Text $Commander.personal; poison @1 :Bool; }
struct Referred { email @0 :Text $Commander.personal $Commander.subject("person"); }

struct Account {
  owner @0 :Text $Commander.personal;
  cents @1 :Int64;
}
struct Customer {  # a row for each pseudonym
  owner @0 :Text $Commander.personal;
  accounts @1 :UInt32;
}
struct Referral { email @0 :Text $Commander.personal; count @1 :UInt32; }
