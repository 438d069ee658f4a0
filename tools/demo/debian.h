// debian.h: the demo's service: source packages that are released, and what is asked about them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "commander/commander.h"
#include "tools/demo/debian.capnp.h"

namespace commander::demo {

// Own state of the group "sources": the aggregate is a source package, its key the name.
struct Source {
  using Schema = debian::Source;
  using Events = commander::Events<debian::Released>;

  bool Knows(const std::string& version) const;

  void Load(Schema::Reader stored);
  void Save(Schema::Builder stored) const;
  void Apply(debian::Released::Reader event);

  std::vector<std::string> versions;  // in byte order
};

struct ReleasesPerMonth {
  using Schema = debian::ReleasesPerMonth;
  using Events = commander::Events<debian::Released>;
  static Keys KeysOf(debian::Released::Reader event);

  void Load(Schema::Reader stored) { releases = stored.getReleases(); }
  void Save(Schema::Builder stored) const { stored.setReleases(releases); }
  void Apply(debian::Released::Reader) { ++releases; }

  std::uint64_t releases = 0;
};

struct Uploader {
  using Schema = debian::Uploader;
  using Events = commander::Events<debian::Released>;
  static Keys KeysOf(debian::Released::Reader event);

  void Load(Schema::Reader stored);
  void Save(Schema::Builder stored) const;
  void Apply(debian::Released::Reader event);

  std::uint64_t releases = 0;
  std::optional<std::int64_t> newest;  // seconds since 1970
  std::string name;                    // of the newest release
  std::string email;
};

struct BugsPerPackage {
  using Schema = debian::BugsPerPackage;
  using Events = commander::Events<debian::Released>;
  static Keys KeysOf(debian::Released::Reader event, const EventMetadata& metadata);

  void Load(Schema::Reader stored) { closed = stored.getClosed(); }
  void Save(Schema::Builder stored) const { stored.setClosed(closed); }
  void Apply(debian::Released::Reader event) { closed += event.getClosedBugs().size(); }

  std::uint64_t closed = 0;
};

struct LatestVersion {
  using Schema = debian::LatestVersion;
  using Events = commander::Events<debian::Released>;
  static Keys KeysOf(debian::Released::Reader event, const EventMetadata& metadata);

  void Load(Schema::Reader stored);
  void Save(Schema::Builder stored) const;
  void Apply(debian::Released::Reader event);

  std::string version;
  std::optional<std::int64_t> seconds;
};

// Everything that Engine::Open is given.
struct Debian {
  Debian();
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
