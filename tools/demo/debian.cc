#include "tools/demo/debian.h"

#include <algorithm>
#include <tuple>

#include "absl/time/time.h"

namespace commander::demo {
namespace {

constexpr char kUnknownMonth[] = "unknown";

std::string Text(capnp::Text::Reader text) { return {text.cStr(), text.size()}; }
capnp::Text::Reader Text(const std::string& text) { return {text.c_str(), text.size()}; }

// Of the unions `time` and `newest`: unknown, or seconds.
template <class Reader>
std::optional<std::int64_t> Seconds(Reader time) {
  if (time.isUnknown()) return std::nullopt;
  return time.getSeconds();
}
template <class Builder>
void SetSeconds(Builder time, const std::optional<std::int64_t>& seconds) {
  if (seconds.has_value()) {
    time.setSeconds(*seconds);
  } else {
    time.setUnknown();
  }
}

Decision<debian::Released> OnRelease(debian::Release::Reader command, const View<Source>& view) {
  if (view->Knows(Text(command.getVersion()))) return Nothing();
  return Emit<debian::Released>([&](debian::Released::Builder event) {
    event.setSource(command.getSource());
    event.setVersion(command.getVersion());
    event.setDistribution(command.getDistribution());
    event.setUrgency(command.getUrgency());
    event.setDate(command.getDate());
    SetSeconds(event.getTime(), Seconds(command.getTime()));
    event.setClosedBugs(command.getClosedBugs());
    event.setName(command.getName());
    event.setEmail(command.getEmail());
  });
}

}  // namespace

bool Source::Knows(const std::string& version) const {
  return std::binary_search(versions.begin(), versions.end(), version);
}

void Source::Load(Schema::Reader stored) {
  versions.clear();
  for (const auto version : stored.getVersions()) versions.push_back(Text(version));
}

void Source::Save(Schema::Builder stored) const {
  auto list = stored.initVersions(static_cast<unsigned>(versions.size()));
  for (unsigned i = 0; i < list.size(); ++i) list.set(i, Text(versions[i]));
}

void Source::Apply(debian::Released::Reader event) {
  std::string version = Text(event.getVersion());
  const auto at = std::lower_bound(versions.begin(), versions.end(), version);
  versions.insert(at, std::move(version));
}

Keys ReleasesPerMonth::KeysOf(debian::Released::Reader event) {
  const std::optional<std::int64_t> seconds = Seconds(event.getTime());
  if (!seconds.has_value()) return kUnknownMonth;
  return absl::FormatTime("%Y-%m", absl::FromUnixSeconds(*seconds), absl::UTCTimeZone());
}

Keys Uploader::KeysOf(debian::Released::Reader event) {
  if (event.getEmail().size() == 0) return {};
  return Text(event.getEmail());
}

void Uploader::Load(Schema::Reader stored) {
  releases = stored.getReleases();
  newest = Seconds(stored.getNewest());
  name = Text(stored.getName());
  email = Text(stored.getEmail());
}

void Uploader::Save(Schema::Builder stored) const {
  stored.setReleases(releases);
  SetSeconds(stored.getNewest(), newest);
  stored.setName(Text(name));
  stored.setEmail(Text(email));
}

void Uploader::Apply(debian::Released::Reader event) {
  const std::optional<std::int64_t> seconds = Seconds(event.getTime());
  std::string from = Text(event.getName());
  if (releases == 0 || std::tie(newest, name) < std::tie(seconds, from)) {
    newest = seconds;
    name = std::move(from);
  }
  email = Text(event.getEmail());
  ++releases;
}

Keys BugsPerPackage::KeysOf(debian::Released::Reader event, const EventMetadata& metadata) {
  if (event.getClosedBugs().size() == 0) return {};
  return metadata.key;
}

Keys LatestVersion::KeysOf(debian::Released::Reader, const EventMetadata& metadata) {
  return metadata.key;
}

void LatestVersion::Load(Schema::Reader stored) {
  version = Text(stored.getVersion());
  seconds = Seconds(stored.getTime());
}

void LatestVersion::Save(Schema::Builder stored) const {
  stored.setVersion(Text(version));
  SetSeconds(stored.getTime(), seconds);
}

void LatestVersion::Apply(debian::Released::Reader event) {
  const std::optional<std::int64_t> released = Seconds(event.getTime());
  std::string other = Text(event.getVersion());
  if (std::tie(seconds, version) < std::tie(released, other)) {
    seconds = released;
    version = std::move(other);
  }
}

Debian::Debian()
    : sources("sources"),
      months("releases-per-month", sources),
      uploaders("uploaders", sources),
      bugs("bugs-per-package", sources),
      latest("latest-version", sources) {
  sources.OnCommand(&OnRelease);
}

}  // namespace commander::demo
