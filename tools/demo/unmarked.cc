#include "tools/demo/unmarked.h"

#include <latch>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "commander/commander.h"
#include "commander/internal/status_macros.h"
#include "tools/demo/debian.h"
#include "tools/demo/import.h"
#include "tools/demo/session.h"

namespace commander::demo {
namespace {

std::string Text(capnp::Text::Reader text) { return {text.cStr(), text.size()}; }

struct UnmarkedSource : Source {
  using Events = commander::Events<debian::UnmarkedReleased>;
};

struct UnmarkedUploader {
  using Schema = debian::UnmarkedUploader;
  using Events = commander::Events<debian::UnmarkedReleased>;
  static Keys KeysOf(debian::UnmarkedReleased::Reader event) { return Text(event.getEmail()); }

  void Load(Schema::Reader stored) {
    releases = stored.getReleases();
    name = Text(stored.getName());
    email = Text(stored.getEmail());
  }
  void Save(Schema::Builder stored) const {
    stored.setReleases(releases);
    stored.setName({name.c_str(), name.size()});
    stored.setEmail({email.c_str(), email.size()});
  }
  void Apply(debian::UnmarkedReleased::Reader event) {
    ++releases;
    name = Text(event.getName());
    email = Text(event.getEmail());
  }

  std::uint64_t releases = 0;
  std::string name;
  std::string email;
};

Decision<debian::UnmarkedReleased> OnRelease(debian::UnmarkedRelease::Reader command,
                                             const View<UnmarkedSource>& view) {
  if (view->Knows(Text(command.getFacts().getVersion()))) return Nothing();
  return Emit<debian::UnmarkedReleased>([&](debian::UnmarkedReleased::Builder event) {
    event.setFacts(command.getFacts());
    event.setName(command.getName());
    event.setEmail(command.getEmail());
  });
}

struct Unmarked {
  explicit Unmarked(Opening with)
      : opening(std::move(with)), sources(opening.group), uploaders("uploaders", sources) {
    sources.OnCommand(&OnRelease);
  }
  absl::StatusOr<std::unique_ptr<Engine>> Open() {
    return Engine::Open(opening.options, {&sources, &uploaders});
  }

  const Opening opening;
  Group<UnmarkedSource> sources;
  Projection<UnmarkedUploader> uploaders;
};

// Returns once each has its outcome and the row is up to it.
absl::Status SendAll(Engine& engine, const Unmarked& unmarked, const Person& person) {
  std::latch ended(static_cast<std::ptrdiff_t>(person.releases.size()));
  std::mutex mutex;
  absl::Status first;
  QueryOptions all{.timeout = absl::Minutes(5)};
  const auto done = [&](const absl::StatusOr<Outcome>& outcome) {
    {
      const std::lock_guard lock(mutex);
      first.Update(outcome.status());
      if (outcome.ok()) all.at_least.Merge(outcome->position());
    }
    ended.count_down();
  };
  for (const ChangelogEntry& entry : person.releases) {
    const absl::StatusOr<MessageId> id = engine.SendCommand<debian::UnmarkedRelease>(
        unmarked.sources, entry.source, [&](auto command) { FillRelease(command, entry); }, done,
        {.timeout = absl::Minutes(5)});
    if (!id.ok()) done(id.status());
  }
  ended.wait();
  const std::lock_guard lock(mutex);
  COMMANDER_RETURN_IF_ERROR(first);
  // A projection is not waited for at Close(): else the store might hold nothing to find.
  return engine.Get(unmarked.uploaders, "", all).status();
}

}  // namespace

absl::Status StoreUnmarked(const Place& place, const Person& person) {
  COMMANDER_ASSIGN_OR_RETURN(Opening opening, OpeningOf(place));
  Unmarked unmarked(std::move(opening));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine, unmarked.Open());
  COMMANDER_RETURN_IF_ERROR(SendAll(*engine, unmarked, person));
  return engine->Close();
}

absl::Status EraseUnmarked(const Place& place, const std::string& email) {
  COMMANDER_ASSIGN_OR_RETURN(Opening opening, OpeningOf(place));
  Unmarked unmarked(std::move(opening));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine, unmarked.Open());
  const absl::Status erased = engine->privacy().Erase({"debian", email}, "demo").status();
  COMMANDER_RETURN_IF_ERROR(engine->Close());
  return erased;
}

}  // namespace commander::demo
