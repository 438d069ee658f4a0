# referrals.capnp: accounts that refer people to one another; one person may stand in many accounts.
@0xb5f1c0de00000a21;

using Cxx = import "/capnp/c++.capnp";
using Commander = import "/commander/annotations.capnp";
$Cxx.namespace("referrals");

struct Refer {
  email @0 :Text $Commander.personal $Commander.subject("person");
  note @1 :Text $Commander.personal;
}
struct Look {}  # at the state; changes nothing

struct Referred {
  email @0 :Text $Commander.personal $Commander.subject("person");
  note @1 :Text $Commander.personal;
  place @2 :Text;
}

struct Account {
  email @0 :Text $Commander.personal $Commander.subject("person");
  note @1 :Text $Commander.personal;
  referrals @2 :UInt64;
}
struct Person {  # a row for each pseudonym
  email @0 :Text $Commander.personal $Commander.subject("person");
  referrals @1 :UInt64;
  lengths @2 :UInt64;  # of the public field, of all
}
struct History {  # a row for each account
  email @0 :Text $Commander.personal $Commander.subject("person");
  note @1 :Text $Commander.personal;
  version @2 :UInt64;
  gaps @3 :UInt64;
}
