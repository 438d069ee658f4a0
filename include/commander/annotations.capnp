# annotations.capnp: what a schema says about its data beyond its types.
#
#   using Commander = import "/commander/annotations.capnp";
#   struct Opened $Commander.name("bank.AccountOpened") { owner @0 :Text $Commander.personal; }
@0xd4c1f0a7b3e95826;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("commander::annotations");

annotation name @0xb0f3c2d18e6a4795 (struct) :Text;
# The stable name under which the log knows the type, in place of the one made of its C++ namespace
# and name.  Set it before renaming a struct, so that what is stored stays readable.

annotation personal @0xe1a96d3b5c704f28 (field, struct) :Void;
# The field, or every field of the struct, is about a person: it is sealed under the key of its subject
# wherever it is stored.  May mark top-level fields, or a whole struct, nothing deeper.

annotation subject @0xc87f21e49d0b6a53 (field) :Text;
# The field names the subject whose key seals the personal fields, in the namespace given as text
# ("person"); without it the subject is the aggregate.
