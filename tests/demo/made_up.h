// made_up.h: changelogs of people who do not exist.
//
//     WriteChangelog(directory / "usr/share/doc/a/changelog.gz", {{"a", "1-1", kAda}});
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace commander::demo {

inline constexpr char kAda[] = "Ada Ashgrove <Ada@Ashgrove.example>";
inline constexpr char kBen[] = "Ben Birchwood <ben@birchwood.example>";
inline constexpr char kNobody[] = "Nobody in particular <>";

struct MadeUpRelease {
  std::string source;
  std::string version;
  std::string trailer;  // name and address; empty: the entry has no trailer
};

// The newest first.  Makes the directories above the file.
void WriteChangelog(const std::filesystem::path& path, const std::vector<MadeUpRelease>& releases);

// Two packages, four releases by Ada, one by Ben, two of nobody: nine entries with duplicates.
void WriteMadeUpChangelogs(const std::filesystem::path& documentation);

}  // namespace commander::demo
