# sealing.capnp: structs with every way of marking fields, right and wrong.
@0xf1d2a8e04c5b7391;

using Cxx = import "/capnp/c++.capnp";
using Commander = import "/commander/annotations.capnp";
$Cxx.namespace("sealing");

struct Opened {
  owner @0 :Text $Commander.personal;
  cents @1 :Int64;
  note @2 :Text;
}

enum Color { none @0; red @1; green @2; }

struct Inner {
  text @0 :Text;
  number @1 :UInt16;
  more @2 :List(Inner);
}

# Every kind of field, personal and public side by side in the same words.
struct Kinds {
  publicBool @0 :Bool;
  bool @1 :Bool $Commander.personal;
  publicInt8 @2 :Int8;
  int8 @3 :Int8 $Commander.personal;
  publicInt16 @4 :Int16;
  int16 @5 :Int16 $Commander.personal;
  publicInt32 @6 :Int32 = 7;
  int32 @7 :Int32 = 1234 $Commander.personal;
  publicInt64 @8 :Int64;
  int64 @9 :Int64 $Commander.personal;
  publicColor @10 :Color;
  color @11 :Color = green $Commander.personal;
  publicFloat @12 :Float32;
  float @13 :Float32 $Commander.personal;
  publicDouble @14 :Float64;
  double @15 :Float64 $Commander.personal;
  publicText @16 :Text;
  text @17 :Text $Commander.personal;
  publicData @18 :Data;
  data @19 :Data $Commander.personal;
  publicBools @20 :List(Bool);
  bools @21 :List(Bool) $Commander.personal;
  publicInner @22 :Inner;
  inner @23 :Inner $Commander.personal;
  publicInners @24 :List(Inner);
  inners @25 :List(Inner) $Commander.personal;
  texts @26 :List(Text) $Commander.personal;
  nothings @27 :List(Void) $Commander.personal;
  any @28 :AnyPointer $Commander.personal;
  group :group {
    street @29 :Text $Commander.personal;
    number @30 :UInt8;
    union {
      flat @31 :UInt16 $Commander.personal;
      floor @32 :Text;
    }
  }
  choice :union {
    none @33 :Void;
    publicNumber @34 :Int8;
    number @35 :Int64 $Commander.personal;
    publicWord @36 :Text;
    word @37 :Text $Commander.personal;
  }
  union {
    open @38 :Bool;
    secret @39 :Bool $Commander.personal;
    blob @40 :Data $Commander.personal;
  }
}

struct Whole $Commander.personal {
  text @0 :Text;
  number @1 :Int64;
  union { left @2 :Int32; right @3 :Int32; }
}

struct Sixteen $Commander.personal {
  a @0 :Text; b @1 :Text; c @2 :Text; d @3 :Text; e @4 :Text; f @5 :Text; g @6 :Text; h @7 :Text;
  i @8 :Text; j @9 :Text; k @10 :Text; l @11 :Text; m @12 :Text; n @13 :Text; o @14 :Text; p @15 :Text;
}

struct Revision1 {
  owner @0 :Text $Commander.personal;
  cents @1 :Int32;
}
struct Revision2 {
  owner @0 :Text $Commander.personal;
  cents @1 :Int32;
  age @2 :UInt8 $Commander.personal;  # in the word of cents
  email @3 :Text $Commander.personal;
  total @4 :Int64;
  note @5 :Text;
}

# Marks that lie too deep.

struct Contact { email @0 :Text $Commander.personal; phone @1 :Text; }
struct Card { holder @0 :Text; }
struct Secret $Commander.personal { text @0 :Text; }
struct Address { lines @0 :List(Contact); }
struct Box(T) { value @0 :T; }
struct Chain { next @0 :Chain; contact @1 :Contact; }
struct Grouped { inside :group { name @0 :Text $Commander.personal; } }

struct HoldsList { contacts @0 :List(Contact); }
struct HoldsNestedList { contacts @0 :List(List(Contact)); }
struct HoldsStruct { contact @0 :Contact; }
struct HoldsDeep { address @0 :Address; }
struct HoldsGeneric { box @0 :Box(Contact); }
struct HoldsHarmlessGeneric { box @0 :Box(Card); }
struct HoldsAny { any @0 :AnyPointer; }
struct HoldsUnbound { box @0 :Box; }
struct HoldsSecret { secret @0 :Secret; }
struct HoldsChain { chain @0 :Chain; }
struct HoldsGrouped { grouped @0 :Grouped; }
struct HoldsInGroup { part :group { contact @0 :Contact; } }
struct MarksList { contacts @0 :List(Contact) $Commander.personal; count @1 :UInt32; }

# Subjects.

struct Registered {
  person @0 :Text $Commander.subject("person");
  email @1 :Text $Commander.personal;
}
struct RegisteredByData {
  person @0 :Data $Commander.subject("person") $Commander.personal;
  email @1 :Text $Commander.personal;
}
struct SubjectWithoutNamespace { person @0 :Text $Commander.subject(""); }
struct SubjectIsNumber { person @0 :Int64 $Commander.subject("person"); }
struct TwoSubjects { a @0 :Text $Commander.subject("person"); b @1 :Text $Commander.subject("person"); }
struct SubjectInUnion { union { person @0 :Text $Commander.subject("person"); nobody @1 :Void; } }
struct SubjectInGroup { part :group { person @0 :Text $Commander.subject("person"); } }
struct SubjectWithDefault { person @0 :Text = "bob" $Commander.subject("person"); }
struct HoldsSubject { registered @0 :Registered $Commander.personal; }
