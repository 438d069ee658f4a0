# envelope.capnp: the stored form of every message.  A record of a topic is one Envelope, as a Cap'n Proto message of
# one segment, unpacked.  This file is a format: fields are only ever added, at the end, with new ordinals.
@0x9f7d3b25c1a80e64;

using Cxx = import "/capnp/c++.capnp";
using Commander = import "annotations.capnp";
$Cxx.namespace("commander::wire");

struct Envelope {
  idHi @0 :UInt64;      # the message's id, a UUID: high and low half
  idLo @1 :UInt64;
  type @2 :UInt64;      # fingerprint of stable name and schema; of a rejection, nothing or parked: the command's
  kind @3 :UInt8;       # 0 command, 1 event, 2 rejection, 3 nothing, 4 parked, 5 ledger
  flags @4 :UInt8;      # bits 0-1, commands: expected version (0 any, 1 absent, 2 exactly `version`); bit 2: a repeat
  index @5 :UInt16;     # outcomes: place among the records of the command's outcome, from 0 …
  count @6 :UInt16;     # … and how many there are
  time @7 :Int64;       # nanoseconds since 1970; outcomes: when decided; commands: when made
  version @8 :UInt64;   # events: of the aggregate, dense from 1; commands: the expected one; else: the one decided on
  key @9 :Data;         # the aggregate's key, 1 to 1,024 bytes
  payload :union {
    clear @10 :AnyPointer;  # the application's struct; rejection: Rejection; parked: Parked; nothing: null
    sealed @11 :Data;       # the struct sealed, ESP1 of crypto/FORMAT.md; of kind ledger, its record
  }
  extra @12 :Extra;     # null unless something in it is set

  # Outcomes only; a command's struct ends here (Command below).
  asked @13 :Int64;     # when the command arrived: the append time of its record, never falling within a partition
  source @14 :UInt64;   # offset of the command in its partition
  causeHi @15 :UInt64;  # the message that directly caused this one: the command's id
  causeLo @16 :UInt64;
}

struct Command {
  # The Envelope cut before what only outcomes have, so that a command is smaller.  Read it as an Envelope.
  idHi @0 :UInt64;
  idLo @1 :UInt64;
  type @2 :UInt64;
  kind @3 :UInt8;
  flags @4 :UInt8;
  index @5 :UInt16;
  count @6 :UInt16;
  time @7 :Int64;
  version @8 :UInt64;
  key @9 :Data;
  payload :union {
    clear @10 :AnyPointer;
    sealed @11 :Data;
  }
  extra @12 :Extra;
}

struct Extra {
  correlationHi @0 :UInt64;  # first message of the chain, where it is not the cause
  correlationLo @1 :UInt64;
  actor @2 :Text;            # who asked; opaque; outcomes have their command's
  headers @3 :List(Header);  # the caller's own
  trace @4 :Text;            # W3C traceparent; reserved: not set and not read yet
  replyTopic @5 :UInt16;     # reserved: where the outcome is awaited
  replyPartition @6 :UInt16;
  seed @7 :Data;             # 16 bytes, when the handler drew randomness
}

struct Header {
  name @0 :Text;
  value @1 :Text;
}

# Payloads of the engine's own.

struct Rejection $Commander.name("commander.Rejection") {
  code @0 :Text;     # stable, for programs; those beginning "commander." are the engine's
  message @1 :Text;  # for people
}

struct Parked $Commander.name("commander.Parked") {
  command @0 :Data;  # the command's record as it came
  code @1 :Text;     # "failed" or "behind"
  message @2 :Text;
}

struct Retry $Commander.name("commander.Retry") {
  # A command of the engine: run the parked commands of the aggregate again, in order, until one fails.
}

struct Skip $Commander.name("commander.Skip") {
  # A command of the engine: refuse the first parked command of the aggregate.
  source @0 :UInt64;  # offset of the command that is meant; another head is left alone
  reason @1 :Text;
}

# Stored beside the data.

struct StoredSchema {
  name @0 :Text;                    # stable name
  fingerprint @1 :UInt64;
  root @2 :UInt64;                  # Cap'n Proto id of the type itself
  nodes @3 :List(Data);             # schema.capnp Nodes of all structs and enums reachable, one flat message each
  uses @4 :List(Use);               # where records of the type have been written

  struct Use {
    group @0 :Text;                 # or the projection's name
    role @1 :Role;
    partitions @2 :UInt16;          # of the group, with a state: its keys are spread by that number; 0: not said
  }
  enum Role { command @0; event @1; state @2; row @3; }
}
