// changelog.h: reads the releases in a Debian changelog.
//
//     const Changelog changelog = ParseChangelog(text);
//     for (const ChangelogEntry& entry : changelog.entries) Use(entry.source, entry.version);
//
// Entries and their fields are those of `dpkg-parsechangelog --all --format rfc822`, also where the
// text is damaged: what dpkg takes for an entry is one here, so two programs count alike.  Any
// bytes may be given; nothing fails and nothing throws but for want of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace commander::demo {

// One release.  Text is as it stands in the file: old changelogs hold Latin-1.  What the release
// changed is not kept: thousands of those texts name a person.
struct ChangelogEntry {
  // "unknown" where the entry has no valid header: dpkg prints that word.
  std::string source = "unknown";
  std::string version = "unknown";
  std::string distribution;  // one blank between several
  std::string urgency = "unknown";
  // Who released it; both empty where the entry has no valid trailer.
  std::string name;
  std::string email;
  std::string date;                     // as written; empty without a trailer
  std::optional<std::int64_t> seconds;  // the date in seconds since 1970, UTC, where it is one
  // Numbers of the bugs that the text says it closes ("Closes: #123, #456" in the forms that the
  // Debian archive honours), ascending, each once.  A number beyond 64 bits is left out.
  std::vector<std::uint64_t> closed_bugs;
};

struct Changelog {
  std::vector<ChangelogEntry> entries;  // in the order of the file: newest first, usually
  // Lines that fit no part of an entry, for which dpkg prints a warning.
  std::size_t unparsed_lines = 0;
};

// The address with its ASCII letters in lower case: the person; empty where there is none.
std::string PersonOf(const ChangelogEntry& entry);

// Cost: linear in `text`.
Changelog ParseChangelog(std::string_view text);

}  // namespace commander::demo
