// debian.h: the demo's service: source packages that are released, and what is asked about them.
//
// Who released is personal: name and address are sealed under the key of that person, and read as
// absent once the person is erased.  Nothing but the table of uploaders looks at them, and that one
// is keyed by the pseudonym: whom an erasure hits, keeps the count.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "commander/commander.h"
#include "tools/demo/debian.capnp.h"

namespace commander::demo {

// Of the subjects: as debian.capnp marks them.
inline constexpr char kNameSpace[] = "debian";

// Of releases, whoever made them.
using Releases = commander::Events<debian::Released, debian::AnonymouslyReleased>;

// Own state of the group "sources": the aggregate is a source package, its key the name.
struct Source {
  using Schema = debian::Source;
  using Events = Releases;

  bool Knows(const std::string& version) const;

  void Load(Schema::Reader stored);
  void Save(Schema::Builder stored) const;
  template <class Event>
  void Apply(Event event) {
    Fold(event.getFacts());
  }
  void Fold(debian::Facts::Reader facts);

  std::vector<std::string> versions;  // in byte order
};

struct ReleasesPerMonth {
  using Schema = debian::ReleasesPerMonth;
  using Events = Releases;
  template <class Event>
  static Keys KeysOf(Event event) {
    return MonthOf(event.getFacts());
  }
  static Keys MonthOf(debian::Facts::Reader facts);

  void Load(Schema::Reader stored) { releases = stored.getReleases(); }
  void Save(Schema::Builder stored) const { stored.setReleases(releases); }
  template <class Event>
  void Apply(Event) {
    ++releases;
  }

  std::uint64_t releases = 0;
};

struct Uploader {
  using Schema = debian::Uploader;
  using Events = commander::Events<debian::Released>;
  static Keys KeysOf(debian::Released::Reader, const EventMetadata& metadata) {
    return metadata.subject;
  }

  void Load(Schema::Reader stored);
  void Save(Schema::Builder stored) const;
  void Apply(debian::Released::Reader event);

  // Nobody is here without an address.
  bool erased() const { return email.empty(); }

  std::uint64_t releases = 0;
  std::optional<std::int64_t> newest;  // seconds since 1970
  std::string name;                    // of the newest release; empty once erased
  std::string email;                   // empty once erased
};

struct BugsPerPackage {
  using Schema = debian::BugsPerPackage;
  using Events = Releases;
  template <class Event>
  static Keys KeysOf(Event event, const EventMetadata& metadata) {
    return event.getFacts().getClosedBugs().size() > 0 ? Keys(metadata.key) : Keys();
  }

  void Load(Schema::Reader stored) { closed = stored.getClosed(); }
  void Save(Schema::Builder stored) const { stored.setClosed(closed); }
  template <class Event>
  void Apply(Event event) {
    closed += event.getFacts().getClosedBugs().size();
  }

  std::uint64_t closed = 0;
};

struct LatestVersion {
  using Schema = debian::LatestVersion;
  using Events = Releases;
  template <class Event>
  static Keys KeysOf(Event, const EventMetadata& metadata) {
    return metadata.key;
  }

  void Load(Schema::Reader stored);
  void Save(Schema::Builder stored) const;
  template <class Event>
  void Apply(Event event) {
    Fold(event.getFacts());
  }
  void Fold(debian::Facts::Reader facts);

  std::string version;
  std::optional<std::int64_t> seconds;
};

// Everything that Engine::Open is given.
struct Debian {
  explicit Debian(const std::string& group = "sources");
  std::vector<internal::Component*> components() {
    return {&sources, &months, &uploaders, &bugs, &latest};
  }

  Group<Source> sources;
  Projection<ReleasesPerMonth> months;
  Projection<Uploader> uploaders;
  Projection<BugsPerPackage> bugs;
  Projection<LatestVersion> latest;
};

}  // namespace commander::demo
