# wiring.capnp: types that an engine must refuse, and later revisions of the bank's.
@0xb5f1c0de00000102;

using Cxx = import "/capnp/c++.capnp";
using Commander = import "/commander/annotations.capnp";
$Cxx.namespace("wiring");

# Says that it is another type.
struct Impostor $Commander.name("bank.Deposited") { dollars @0 :Int64; }
# Looks like that type.
struct Twin $Commander.name("bank.Deposited") { cents @0 :Int64; padding @1 :Data; }

struct Marked { name @0 :Text $Commander.personal; }
struct MarkedAsAWhole $Commander.personal { name @0 :Text; }
struct MarkedBelow { contacts @0 :List(Contact); struct Contact { email @0 :Text $Commander.personal; } }
struct WithSubject { person @0 :Text $Commander.subject("person"); }

# The account as a later release stores it.
struct Account { owner @0 :Text; cents @1 :Int64; deposits @2 :UInt64; }

# bank.Deposited of a later release: a field more.
struct Deposited $Commander.name("bank.Deposited") {
  cents @0 :Int64;
  padding @1 :Data;
  note @2 :Text;
}
