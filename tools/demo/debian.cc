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
  if (view->Knows(Text(command.getFacts().getVersion()))) return Nothing();
  return Emit<debian::Released>([&](debian::Released::Builder event) {
    event.setFacts(command.getFacts());
    event.setName(command.getName());
    event.setEmail(command.getEmail());
  });
}

Decision<debian::AnonymouslyReleased> OnAnonymousRelease(debian::AnonymousRelease::Reader command,
                                                         const View<Source>& view) {
  if (view->Knows(Text(command.getFacts().getVersion()))) return Nothing();
  return Emit<debian::AnonymouslyReleased>(
      [&](debian::AnonymouslyReleased::Builder event) { event.setFacts(command.getFacts()); });
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

void Source::Fold(debian::Facts::Reader facts) {
  std::string version = Text(facts.getVersion());
  const auto at = std::lower_bound(versions.begin(), versions.end(), version);
  versions.insert(at, std::move(version));
}

Keys ReleasesPerMonth::MonthOf(debian::Facts::Reader facts) {
  const std::optional<std::int64_t> seconds = Seconds(facts.getTime());
  if (!seconds.has_value()) return kUnknownMonth;
  return absl::FormatTime("%Y-%m", absl::FromUnixSeconds(*seconds), absl::UTCTimeZone());
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
  const std::optional<std::int64_t> seconds = Seconds(event.getFacts().getTime());
  std::string from = Text(event.getName());
  if (releases == 0 || std::tie(newest, name) < std::tie(seconds, from)) {
    newest = seconds;
    name = std::move(from);
  }
  email = Text(event.getEmail());
  ++releases;
}

void LatestVersion::Load(Schema::Reader stored) {
  version = Text(stored.getVersion());
  seconds = Seconds(stored.getTime());
}

void LatestVersion::Save(Schema::Builder stored) const {
  stored.setVersion(Text(version));
  SetSeconds(stored.getTime(), seconds);
}

void LatestVersion::Fold(debian::Facts::Reader facts) {
  const std::optional<std::int64_t> released = Seconds(facts.getTime());
  std::string other = Text(facts.getVersion());
  if (std::tie(seconds, version) < std::tie(released, other)) {
    seconds = released;
    version = std::move(other);
  }
}

Debian::Debian(const std::string& group)
    : sources(group),
      months("releases-per-month", sources),
      uploaders("uploaders", sources),
      bugs("bugs-per-package", sources),
      latest("latest-version", sources) {
  sources.OnCommand(&OnRelease);
  sources.OnCommand(&OnAnonymousRelease);
}

}  // namespace commander::demo
