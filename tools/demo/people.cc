#include "tools/demo/people.h"

#include <tuple>
#include <utility>

#include "commander/internal/status_macros.h"
#include "tools/demo/changelog_files.h"

namespace commander::demo {

absl::StatusOr<std::map<std::string, Person>> ReadPeople(const std::string& input) {
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> paths, FindChangelogs(input));
  std::map<std::string, Person> people;
  std::set<std::tuple<std::string, std::string, std::string>> known;
  for (const std::string& path : paths) {
    absl::StatusOr<Changelog> changelog = ReadChangelog(path);
    if (!changelog.ok()) continue;
    for (ChangelogEntry& entry : changelog->entries) {
      if (entry.email.empty()) continue;
      const std::string email = PersonOf(entry);
      Person& person = people[email];
      person.names.insert(entry.name);
      person.sources.insert(entry.source);
      if (known.emplace(email, entry.source, entry.version).second) {
        person.releases.push_back(std::move(entry));
      }
    }
  }
  return people;
}

}  // namespace commander::demo
