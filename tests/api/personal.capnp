# personal.capnp: a bank that knows whose accounts it keeps.
@0xb5f1c0de00000501;

using Cxx = import "/capnp/c++.capnp";
using Commander = import "/commander/annotations.capnp";
$Cxx.namespace("personal");

struct Open {
  owner @0 :Text $Commander.personal;
  photo @1 :Data $Commander.personal;
  cents @2 :Int64;
}
struct Opened {
  owner @0 :Text $Commander.personal;
  photo @1 :Data $Commander.personal;
  cents @2 :Int64;
}
struct Deposit { cents @0 :Int64; }
struct Deposited { cents @0 :Int64; }
# What people are asked, in all the places where a personal field can be.
struct Survey {
  answers @0 :List(Text) $Commander.personal;
  contact :group {
    union {
      none @1 :Void;
      phone @2 :Text $Commander.personal;
      address @3 :Address $Commander.personal;
    }
  }
  struct Address { lines @0 :List(Text); }
}
struct Noted { text @0 :Text; }

# About somebody else than the account's owner.
struct Refer { person @0 :Text; }
struct Referred {
  person @0 :Text $Commander.subject("person");  # a number that stands for a person
  remark @1 :Text $Commander.personal;
}

struct Account {
  owner @0 :Text $Commander.personal;
  cents @1 :Int64;
  label @2 :Text;
}
