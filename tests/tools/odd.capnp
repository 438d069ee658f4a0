# odd.capnp: one field of every kind, for tests of what is shown.
@0xb5f1c0de00000a01;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("odd");

struct Everything {
  nothing @0 :Void;
  flag @1 :Bool;
  small @2 :Int8;
  word @3 :UInt32;
  wide @4 :Int64;
  unsigned @5 :UInt64;
  single @6 :Float32;
  double @7 :Float64;
  text @8 :Text;
  bytes @9 :Data;
  numbers @10 :List(Int64);
  color @11 :Color;
  child @12 :Everything;
  children @13 :List(Everything);
  pair :group {
    left @14 :Int16;
    right @15 :Text;
  }
  choice :union {
    none @16 :Void;
    number @17 :Int32;
    name @18 :Text;
    both :group {
      a @19 :Bool;
      b @20 :UInt16;
    }
  }
  anything @21 :AnyPointer;

  enum Color {
    red @0;
    green @1;
  }
}
