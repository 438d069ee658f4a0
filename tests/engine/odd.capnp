# odd.capnp: types that an engine refuses, and later revisions of types that it has met.
@0xb5f1c0de00000201;

using Cxx = import "/capnp/c++.capnp";
using Commander = import "/commander/annotations.capnp";
$Cxx.namespace("odd");

# Another type with the name of one of the bank's.
struct Deposited $Commander.name("bank.Deposited") { dollars @0 :Float64; }

struct Register { name @0 :Text $Commander.personal; }
struct Registered { who @0 :Person; }
struct Person $Commander.personal { name @0 :Text; }
struct Owned { owner @0 :Text $Commander.subject("person"); }

# bank.Balance with a field more.
struct Balance { cents @0 :Int64; events @1 :UInt64; largest @2 :Int64; }
