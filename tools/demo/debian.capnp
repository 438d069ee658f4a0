# debian.capnp: releases of Debian source packages, as their changelogs tell them.
#
# The aggregate's key is the name of the source package.  Text is as it stands in the changelog: old
# ones hold Latin-1.  What a release changed is nowhere: thousands of those texts name a person.
@0xb38a8c54aa95de9c;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("debian");

# ---- The command and its event

struct Release {
  # Tells that a version was released.  Outcome: the event Released, or nothing where the version is
  # known, whatever else differs: the first telling wins.

  source @0 :Text;        # the aggregate's key
  version @1 :Text;
  distribution @2 :Text;  # "unstable"; one blank between several
  urgency @3 :Text;       # lower case
  date @4 :Text;          # as written; empty where the entry has no trailer
  time :union {
    unknown @5 :Void;     # the date is none
    seconds @6 :Int64;    # since 1970, UTC
  }
  closedBugs @7 :List(UInt64);  # ascending, each once

  # Who released it; empty where the entry has no trailer.  The address, with its ASCII letters in
  # lower case, is the person.
  name @8 :Text;
  email @9 :Text;
}

struct Released {
  # The fields of the command.

  source @0 :Text;
  version @1 :Text;
  distribution @2 :Text;
  urgency @3 :Text;
  date @4 :Text;
  time :union {
    unknown @5 :Void;
    seconds @6 :Int64;
  }
  closedBugs @7 :List(UInt64);
  name @8 :Text;
  email @9 :Text;
}

# ---- The state that decides

struct Source {
  versions @0 :List(Text);  # known, in byte order
}

# ---- The rows of the projections
#
# Releases come in no particular order, so where the newest of several counts, its row keeps what
# tells that another is newer: the time, a release without one being the oldest, and of releases at
# one time the greater bytes.  Whatever the order, the row ends the same.

struct ReleasesPerMonth {
  # Key: year and month in UTC, "2023-01", or "unknown".
  releases @0 :UInt64;
}

struct Uploader {
  # Key: the person's address in lower case.  A release without an address has no row.
  releases @0 :UInt64;
  newest :union {
    unknown @1 :Void;
    seconds @2 :Int64;
  }
  # Of the newest release.
  name @3 :Text;
  email @4 :Text;
}

struct BugsPerPackage {
  # Key: the source package.  One that closed no bug has no row.
  closed @0 :UInt64;  # a bug that two releases close counts twice
}

struct LatestVersion {
  # Key: the source package.
  version @0 :Text;
  time :union {
    unknown @1 :Void;
    seconds @2 :Int64;
  }
}
