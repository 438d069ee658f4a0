# bank.capnp: the workload "bank".  Every payload has 200 bytes: 16 of numbers, a pointer, 176 of padding.
@0xe4b2c90d57a31f86;

using Cxx = import "/capnp/c++.capnp";
using Commander = import "/commander/annotations.capnp";
$Cxx.namespace("bench");

struct Deposit { seq @0 :UInt64; amount @1 :Int64; pad @2 :Data; }
struct Withdraw { seq @0 :UInt64; amount @1 :Int64; pad @2 :Data; }
struct Deposited { seq @0 :UInt64; amount @1 :Int64; pad @2 :Data; }
struct Withdrawn { seq @0 :UInt64; amount @1 :Int64; pad @2 :Data; }
struct Account { balance @0 :Int64; }

# The same, with the padding sealed under the key of the account.
struct PersonalDeposit { seq @0 :UInt64; amount @1 :Int64; pad @2 :Data $Commander.personal; }
struct PersonalWithdraw { seq @0 :UInt64; amount @1 :Int64; pad @2 :Data $Commander.personal; }
struct PersonalDeposited { seq @0 :UInt64; amount @1 :Int64; pad @2 :Data $Commander.personal; }
struct PersonalWithdrawn { seq @0 :UInt64; amount @1 :Int64; pad @2 :Data $Commander.personal; }
