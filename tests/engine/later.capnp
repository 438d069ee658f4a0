# later.capnp: the bank's types as a later release has them.
@0xb5f1c0de00000201;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("later");

# bank.Balance with a field more.
struct Balance { cents @0 :Int64; events @1 :UInt64; largest @2 :Int64; }
