# debian.capnp: releases of Debian source packages, as their changelogs tell them.
#
# The aggregate's key is the name of the source package.  Text is as it stands in the changelog: old
# ones hold Latin-1.  What a release changed is nowhere: thousands of those texts name a person.
@0xb38a8c54aa95de9c;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("debian");
using Commander = import "/commander/annotations.capnp";

# ---- The commands and their events
#
# Who released is a subject: the address, with its ASCII letters in lower case, in the namespace
# "debian".  A release without an address is of nobody, so that nothing in it can be sealed: it has a
# command and an event of its own, which bear no name either.

struct Facts {
  # What a changelog tells of a release, but for who made it.

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
}

struct Release {
  # Tells that somebody released a version.  Outcome: the event Released, or nothing where the
  # version is known, whatever else differs: the first telling wins.

  facts @0 :Facts;
  name @1 :Text $Commander.personal;
  email @2 :Text $Commander.personal $Commander.subject("debian");
}

struct Released {
  # The fields of the command.

  facts @0 :Facts;
  name @1 :Text $Commander.personal;
  email @2 :Text $Commander.personal $Commander.subject("debian");
}

struct AnonymousRelease {
  # The same where the entry names no address.  Outcome: the event AnonymouslyReleased, or nothing.

  facts @0 :Facts;
}

struct AnonymouslyReleased {
  facts @0 :Facts;
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
  # Key: the person's pseudonym, which an erasure leaves.  A release of nobody has no row.
  releases @0 :UInt64;
  newest :union {
    unknown @1 :Void;
    seconds @2 :Int64;
  }
  # Of the newest release.
  name @3 :Text $Commander.personal;
  email @4 :Text $Commander.personal;
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

# ---- The same without marks
#
# For the other half of a proof: a search that finds nobody in sealed data has to find them in this.

struct UnmarkedRelease {
  facts @0 :Facts;
  name @1 :Text;
  email @2 :Text;
}

struct UnmarkedReleased {
  facts @0 :Facts;
  name @1 :Text;
  email @2 :Text;
}

struct UnmarkedUploader {
  # Key: the address, for without a mark there is no pseudonym.
  releases @0 :UInt64;
  name @1 :Text;
  email @2 :Text;
}
