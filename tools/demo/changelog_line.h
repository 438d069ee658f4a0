// changelog_line.h: what one line of a Debian changelog is.
//
//     MatchHeader("bash (5.2-3) unstable; urgency=medium");
//     MatchTrailer(" -- Ann Ash <ann@example.org>  Mon, 02 Jan 2023 13:06:21 +0100");
//
// The patterns are those of dpkg (deb-changelog(5); Dpkg::Changelog::Debian and its Entry), which
// differ from what the manual page allows in many small ways.  They are matched by hand: a line
// may be as long as the file, and std::regex recurses once for each character.
#pragma once

#include <optional>
#include <string_view>

namespace commander::demo {

// Parts of a line; they refer to it.
struct HeaderLine {
  std::string_view source;
  std::string_view version;        // any text without brackets and blanks; see IsValidVersion()
  std::string_view distributions;  // one or more names, white space before each
  std::string_view options;        // "urgency=medium, binary-only=yes", trimmed
};

struct TrailerLine {
  std::string_view name;
  std::string_view email;
  std::string_view date;       // "Mon, 02 Jan 2023 13:06:21 +0100"; the day may be missing
  std::string_view date_time;  // the part of `date` that ParseDate() takes
};

std::optional<HeaderLine> MatchHeader(std::string_view line);
std::optional<TrailerLine> MatchTrailer(std::string_view line);

// What a line that is neither header nor trailer is.
enum class LineKind {
  kEndOfChangelog,  // an editor's variables: what follows is not read
  kOldFormat,       // a heading of a format older than dpkg's: what follows is not read
  kComment,         // "# ", "/* */" or a keyword such as "$Id$"
  kBadHeading,      // starts at the margin, but is no header
  kBadTrailer,      // starts as a trailer, but is none
  kChange,          // indented by two at least
  kBlank,
  kUnrecognized,  // indented by one
};
LineKind ClassifyOtherLine(std::string_view line);

// Whether dpkg accepts `version` (deb-version(7)).
bool IsValidVersion(std::string_view version);

}  // namespace commander::demo
