# people.capnp: accounts whose owner is a person; for tests of the command line.
@0xb5f1c0de00000777;

using Cxx = import "/capnp/c++.capnp";
using Commander = import "/commander/annotations.capnp";
$Cxx.namespace("people");

struct Open { owner @0 :Text $Commander.personal; age @1 :UInt16 $Commander.personal; city @2 :Text; }
struct Opened { owner @0 :Text $Commander.personal; age @1 :UInt16 $Commander.personal; city @2 :Text; }
struct Deposit { cents @0 :Int64; }
struct Deposited { cents @0 :Int64; }
# Always refused, with the name in the text.
struct Insult { name @0 :Text $Commander.personal; }

# About a person who is not the aggregate.
struct Mention { person @0 :Text $Commander.subject("person") $Commander.personal; }
struct Mentioned { person @0 :Text $Commander.subject("person") $Commander.personal; }

struct Account { owner @0 :Text $Commander.personal; cents @1 :Int64; city @2 :Text; }
struct Resident { owner @0 :Text $Commander.personal; opened @1 :UInt64; }
